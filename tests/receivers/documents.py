"""What is sent to the receivers: a document with all that JSON has, in more than one script."""

import datetime as dt
from typing import Any

from chalicelib.domain.times import UTC, format_timestamp
from tests.plugins.results import DOCUMENT

RESULT: dict[str, Any] = {
    **DOCUMENT,
    "result": {
        "succeeded": True,
        "text": 'it\'s "café", 測定\\ and\ttabs\nlines %n %s $1',
        "numbers": [0, -1, 1.5, 12345678901234567890, 1e-9],
        "nothing": None,
        "nested": {"": [], "a.b": {"c": [{}]}},
    },
}


def of_now() -> dict[str, Any]:
    """The same for a run that ends about now: what keeps series of time takes nothing that is old."""
    now = dt.datetime.now(UTC).replace(microsecond=0)
    start = format_timestamp(now - dt.timedelta(seconds=10))
    return {**RESULT, "schedule": {"start": start, "duration": "PT5S"}}

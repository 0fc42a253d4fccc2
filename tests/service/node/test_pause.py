"""How long a node is paused, and what is said of it."""

import datetime as dt

import pytest

from chalicelib.domain.schemas import JSON
from chalicelib.service.node import pause
from tests.builders import NODE, at

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.mark.parametrize(
    ("until", "now", "shown"),
    [
        (at(60), at(0), {"is_paused": True, "infinite": False, "remaining": "PT1M"}),
        (
            at(60),
            at(0.5),
            {"is_paused": True, "infinite": False, "remaining": "PT1M"},
        ),  # seconds are rounded up
        (at(60), at(59.9), {"is_paused": True, "infinite": False, "remaining": "PT1S"}),
        (at(60), at(60), {"is_paused": False}),
        (None, at(86_400), {"is_paused": True, "infinite": True}),
    ],
)
def test_a_node_is_paused_until_an_instant_or_until_resumed(
    until: dt.datetime | None, now: dt.datetime, shown: dict[str, JSON]
) -> None:
    pause.pause(NODE, until)

    assert pause.describe(NODE, now) == shown
    assert pause.is_paused(NODE, now) is shown["is_paused"]
    pause.resume(NODE)
    assert pause.describe(NODE, now) == {"is_paused": False}

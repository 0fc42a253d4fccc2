"""latencybg: latency all the time, a result every so many packets (docs/contract/tests.md, latencybg)."""

import datetime as dt
import re

from chalicelib.domain import echoes
from chalicelib.domain.errors import Invalid
from chalicelib.domain.times import format_duration
from plugins.sdk.fields import Field
from plugins.sdk.test import Test
from plugins.support import latency_results
from plugins.tests import latency

OF_LATENCY_ALONE = ("reverse", "traverse-nat", "protocol")

_SECONDS = re.compile("[0-9]{1,10}")


def read_duration(text: str) -> str:
    """A duration as it is; digits alone are seconds. Raises Invalid for more of them than make sense."""
    if not re.fullmatch("[0-9]+", text):
        return text
    if not _SECONDS.fullmatch(text):
        raise Invalid(f"--duration: must be fewer seconds than {echoes.name(text)}")
    return format_duration(dt.timedelta(seconds=int(text)))


# fmt: off
FIELDS = (
    *(field for field in latency.FIELDS if field.name not in OF_LATENCY_ALONE),
    Field("duration", "Duration", "-t --duration", read=read_duration, label="Duration", help="How long to measure in all; a number alone is seconds"),
    Field("protocol", "String", "--protocol", since=2, label="Protocol", help="Protocol to measure with, such as owamp"),
)
# fmt: on

TEST = Test(
    name="latencybg",
    label="Latency Background-Multi",
    description="Measure one-way latency in the background, with a result every so many packets",
    scheduling_class="background-multi",
    fields=FIELDS,
    participants=latency.participants,
    check=latency.check,
    results={1: latency_results.RESULT},
    show=latency_results.show,
    metrics=latency_results.metrics,
    examples=(
        {"schema": 1, "dest": "192.0.2.1"},
        {
            "schema": 1,
            "source": "198.51.100.1",
            "source-node": "[2001:db8::2]:8443",
            "dest": "192.0.2.1",
            "dest-node": "192.0.2.2:8443",
            "packet-count": 600,
            "packet-interval": 0.1,
            "packet-timeout": 0,
            "packet-padding": 1000,
            "ctrl-port": 861,
            "data-ports": {"lower": 8760, "upper": 9960},
            "ip-tos": 32,
            "ip-version": 6,
            "bucket-width": 0.001,
            "output-raw": True,
            "flip": True,
            "duration": "PT1H",
        },
        {"schema": 2, "dest": "www.example.org", "protocol": "owamp", "duration": "PT10M"},
    ),
    result_examples=latency_results.RESULT_EXAMPLES,
)

"""idlebgm: do nothing, and report it every so often (docs/contract/tests.md, idlebgm)."""

from chalicelib.domain.schemas import closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test, at_host


def show(spec: Spec, result: Result) -> list[Block]:
    named = (("Time Slept", "time-slept"), ("Duration", "duration"))
    return [Rows([(label, result[name]) for label, name in named if name in result])]


# fmt: off
FIELDS = (
    Field("duration", "Duration", "-d --duration", required=True, label="Duration", help="How long to idle in all"),
    Field("host", "Host", "-H --host", label="Host", help="Host that should idle"),
    Field("host-node", "URLHostPort", "--host-node", label="Host Node", help="pScheduler node of the host, where that is another"),
    Field("interval", "Duration", "-i --interval", label="Interval", help="Time from one result to the next"),
    Field("starting-comment", "String", "-s --starting-comment", label="Starting Comment", help="Text to log at the start"),
    Field("parting-comment", "String", "-p --parting-comment", label="Parting Comment", help="Text to log at the end"),
)
# fmt: on

# Each result that is streamed has time-slept; the one of the run as a whole has duration.
RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "time-slept": TYPES["Duration"],
        "duration": TYPES["Duration"],
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("succeeded",),
)

TEST = Test(
    name="idlebgm",
    label="Idle Background-Multi",
    description="Consume time in the background, with a result every interval",
    scheduling_class="background-multi",
    fields=FIELDS,
    participants=at_host,
    null_reason="No host specified",
    null_key="reason",
    results={1: RESULT},
    show=show,
    examples=(
        {"schema": 1, "duration": "PT1M"},
        {"schema": 1, "duration": "PT1M", "interval": "PT5S", "host": "198.51.100.1"},
        {"schema": 1, "duration": "PT1M", "host-node": "[2001:db8::1]:8443"},
        {"schema": 1, "duration": "PT1M", "starting-comment": "hello", "parting-comment": "bye"},
    ),
    result_examples=(
        {"succeeded": True, "time-slept": "PT5S"},
        {"succeeded": True, "duration": "P0D"},
        {"succeeded": False, "error": "Interrupted"},
    ),
)

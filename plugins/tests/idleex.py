"""idleex: do nothing for a while, with the machine to itself (docs/contract/tests.md, idleex)."""

from chalicelib.domain.schemas import closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test, at_host


def show(spec: Spec, result: Result) -> list[Block]:
    return [Rows([("Duration", result["duration"])])]


# fmt: off
FIELDS = (
    Field("duration", "Duration", "-d --duration", required=True, label="Duration", help="How long to idle"),
    Field("host", "Host", "-H --host", label="Host", help="Host that should idle"),
    Field("host-node", "URLHostPort", "--host-node", label="Host Node", help="pScheduler node of the host, where that is another"),
    Field("starting-comment", "String", "-s --starting-comment", label="Starting Comment", help="Text to log at the start"),
    Field("parting-comment", "String", "-p --parting-comment", label="Parting Comment", help="Text to log at the end"),
)
# fmt: on

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "duration": TYPES["Duration"],
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("succeeded", "duration"),
)

TEST = Test(
    name="idleex",
    label="Idle Exclusive",
    description="Consume time with nothing else running",
    scheduling_class="exclusive",
    fields=FIELDS,
    participants=at_host,
    null_reason="No host specified",
    null_key="reason",
    results={1: RESULT},
    show=show,
    examples=(
        {"schema": 1, "duration": "PT30S"},
        {"schema": 1, "duration": "PT5S", "host": "198.51.100.1", "host-node": "node.example.org:8443"},
        {"schema": 1, "duration": "PT5S", "starting-comment": "hello", "parting-comment": "bye"},
    ),
    result_examples=(
        {"schema": 1, "succeeded": True, "duration": "PT5S"},
        {"succeeded": False, "duration": "PT0S", "error": "Interrupted", "diags": "by a signal"},
    ),
)

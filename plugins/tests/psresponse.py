"""psresponse: how fast a pScheduler node answers (docs/contract/tests.md, psresponse)."""

from chalicelib.domain.metrics import FLAG, Metric, milliseconds, number, present
from chalicelib.domain.schemas import closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test, at_source


def show(spec: Spec, result: Result) -> list[Block]:
    reason = [("Reason", result["reason"])] if "reason" in result else []
    return [Rows([("Time", "No response" if result["time"] is None else result["time"]), *reason])]


def metrics(spec: Spec, result: Result) -> list[Metric]:
    time = result.get("time")
    return present(milliseconds("response.time", time), number("response.there", time is not None, FLAG))


# fmt: off
FIELDS = (
    Field("source", "Host", "--source", label="Source", help="Host to measure from"),
    Field("source-node", "Host", "--source-node", label="Source Node", help="pScheduler node of the source, where that is another"),
    Field("dest", "Host", "--dest", required=True, label="Destination", help="pScheduler node to ask"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time to wait for the answer"),
)
# fmt: on

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "time": {"anyOf": [TYPES["Duration"], {"type": "null"}]},  # null: it is not there
        "reason": TYPES["String"],
    },
    required=("succeeded", "time"),
)

TEST = Test(
    name="psresponse",
    label="pScheduler Response",
    description="Measure the response time of a pScheduler node",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_source,
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {"dest": "192.0.2.1"},
        {
            "schema": 1,
            "dest": "node.example.org",
            "source": "198.51.100.1",
            "source-node": "node.example.com",
            "timeout": "PT5S",
        },
    ),
    result_examples=(
        {"schema": 1, "succeeded": True, "time": "PT0.0123S"},
        {"succeeded": True, "time": None, "reason": "No answer in 10 seconds"},
        {"succeeded": False, "time": None, "reason": "Interrupted"},
    ),
)

"""noop: hand data through to the result (docs/contract/tests.md, noop)."""

import json

from chalicelib.domain.schemas import closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Preformatted
from plugins.sdk.test import Result, Test, at_host


def show(spec: Spec, result: Result) -> list[Block]:
    return [Preformatted(json.dumps(result["data"], indent=4, ensure_ascii=False))]


# fmt: off
FIELDS = (
    Field("data", "AnyJSON", "--data", kind="json", label="Data", help="JSON to hand through to the result"),
    Field("host", "Host", "--host", label="Host", help="Host that should run the test"),
    Field("host-node", "URLHostPort", "--host-node", label="Host Node", help="pScheduler node of the host, where that is another"),
    Field("fail", "Probability", "-f --fail", kind="float", label="Fail", help="Probability of failing on purpose, 0.0 to 1.0"),
)
# fmt: on

RESULT = closed(
    {"schema": TYPES["Cardinal"], "succeeded": TYPES["Boolean"], "data": TYPES["AnyJSON"]},
    required=("succeeded", "data"),
)

TEST = Test(
    name="noop",
    label="No-Op",
    description="Measure nothing and hand data through",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_host,
    null_reason="No host specified",
    null_key="reason",
    results={1: RESULT},
    show=show,
    examples=(
        {"schema": 1},
        {"schema": 1, "data": {"a-b": [1, 2.5, "c", None, True]}, "fail": 0.25},
        {"schema": 1, "data": None, "host": "198.51.100.1", "host-node": "node.example.org"},
    ),
    result_examples=(
        {"schema": 1, "succeeded": True, "data": {"a-b": [1, 2.5, "c", None, True]}},
        {"schema": 1, "succeeded": False, "data": None},
    ),
)

"""idle: do nothing for a while, in the background (docs/contract/tests.md, idle)."""

from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test

HOST_LIST = {"type": "array", "items": TYPES["Host"], "minItems": 1}


def participants(spec: Spec) -> list[str | None]:
    host = spec.get("host")
    if isinstance(host, list):
        return list(host)
    return [spec.get("host-node", host)]


def host_level(host: JSON) -> int:
    return 2 if isinstance(host, list) else 1


def one_or_many(hosts: list[str]) -> str | list[str]:
    return hosts[0] if len(hosts) == 1 else hosts


def show(spec: Spec, result: Result) -> list[Block]:
    return [Rows([("Duration", result["duration"])])]


# fmt: off
FIELDS = (
    Field("duration", "Duration", "-d --duration", required=True, label="Duration", help="How long to idle"),
    Field("host", "Host", "-H --host", kind="list", retyped={2: HOST_LIST}, level=host_level,
          read=one_or_many, label="Host", help="Host that should idle; repeat for several"),
    Field("host-node", "URLHostPort", until=1, label="Host Node", help="pScheduler node of the host"),
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
    name="idle",
    description="Consume time in the background",
    scheduling_class="background",
    fields=FIELDS,
    participants=participants,
    null_reason="No host specified",
    null_key="reason",
    results={1: RESULT},
    show=show,
    examples=(
        {"schema": 1, "duration": "PT5S", "host": "198.51.100.1", "parting-comment": "bye"},
        {"schema": 2, "duration": "PT5S", "host": ["198.51.100.1", "198.51.100.2"]},
    ),
    result_examples=(
        {"schema": 1, "succeeded": True, "duration": "PT5S"},
        {"schema": 1, "succeeded": False, "duration": "PT1S", "error": "Woken up"},
    ),
)

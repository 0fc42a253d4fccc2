"""mtu: the largest packet that reaches a host in one piece (docs/contract/tests.md, mtu)."""

from chalicelib.domain.metrics import BYTES, Metric, number, present
from chalicelib.domain.schemas import closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test, at_source


def show(spec: Spec, result: Result) -> list[Block]:
    return [Rows([("Path MTU (bytes)", result["mtu"])])]


def metrics(spec: Spec, result: Result) -> list[Metric]:
    return present(number("path.mtu", result.get("mtu"), BYTES))


# fmt: off
FIELDS = (
    Field("source", "Host", "--source", label="Source", help="Host to measure from"),
    Field("source-node", "Host", "--source-node", label="Source Node", help="pScheduler node of the source, where that is another"),
    Field("dest", "Host", "--dest", required=True, label="Destination", help="Host to measure to"),
    Field("port", "IPPort", "--port", kind="int", label="Port", help="Port to send packets to"),
    Field("ip-version", "ip-version", "-i --ip-version", kind="int", since=2, label="IP Version", help="Version of IP to use, 4 or 6"),
)
# fmt: on

TEST = Test(
    name="mtu",
    label="MTU",
    description="Measure the maximum transmission unit (MTU) of the path to a host",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_source,
    results={
        1: closed(
            {"schema": TYPES["Cardinal"], "succeeded": TYPES["Boolean"], "mtu": TYPES["Cardinal"]},
            required=("succeeded", "mtu"),
        )
    },
    show=show,
    metrics=metrics,
    examples=(
        {"dest": "192.0.2.1"},
        {
            "schema": 1,
            "dest": "www.example.org",
            "source": "198.51.100.1",
            "source-node": "node.example.org",
            "port": 33434,
        },
        {"schema": 2, "dest": "2001:db8::1", "ip-version": 6},
    ),
    result_examples=(
        {"schema": 1, "succeeded": True, "mtu": 1500},
        {"succeeded": True, "mtu": 9000},
        {"schema": 1, "succeeded": False, "mtu": 1500},
    ),
)

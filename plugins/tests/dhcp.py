"""dhcp: how long it takes to get an address leased (docs/contract/tests.md, dhcp)."""

from chalicelib.domain.metrics import Metric, milliseconds, present
from chalicelib.domain.schemas import closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test, at_host


def show(spec: Spec, result: Result) -> list[Block]:
    return [Rows([("Time", result["time"]), ("Address", result["ip_address"])])]


def metrics(spec: Spec, result: Result) -> list[Metric]:
    return present(milliseconds("dhcp.time", result.get("time")))


# fmt: off
FIELDS = (
    Field("host", "Host", "--host", label="Host", help="Host that should ask for an address"),
    Field("host-node", "Host", "--host-node", label="Host Node", help="pScheduler node of the host, where that is another"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time to wait for a lease"),
    Field("interface", "AnyJSON", "--interface", write=lambda value: ["--interface", str(value)],
          label="Interface", help="Interface to get an address for, in place of all"),
)
# fmt: on

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "time": TYPES["Duration"],
        "ip_address": {},
    },
    required=("time", "ip_address"),
)

TEST = Test(
    name="dhcp",
    label="DHCP",
    description="Measure the time it takes to get an address from a DHCP server",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_host,
    null_reason="No host specified",
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {"schema": 1},
        {"schema": 1, "host": "198.51.100.1", "host-node": "node.example.org"},
        {"schema": 1, "interface": "eth1", "timeout": "PT10S"},
    ),
    result_examples=(
        {"schema": 1, "succeeded": True, "time": "PT1.2S", "ip_address": "198.51.100.7"},
        {"schema": 1, "succeeded": False, "time": "PT20S", "ip_address": None},
    ),
)

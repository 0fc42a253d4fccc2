"""netreach: whether a network, and its gateway, can be reached (docs/contract/tests.md, netreach)."""

import ipaddress

from chalicelib.domain import numerals
from chalicelib.domain.errors import Invalid
from chalicelib.domain.metrics import FLAG, Metric, number, present
from chalicelib.domain.schemas import JSON, MESSAGE, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test, at_host

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

GATEWAY = {
    "anyOf": [TYPES["IPAddress"], {"type": "integer", "not": {"const": 0}}],
    MESSAGE: "{value!r} is not an IP address, nor the number of a host from the network's start, or end if negative",
}


def read_gateway(text: str) -> JSON:
    """A number where it is one, an address otherwise."""
    number = numerals.integer(text)
    return text if number is None else number


def check(spec: Spec) -> None:
    """Raises Invalid unless the network has hosts, and the gateway is one of them."""
    net = network(spec)
    if hosts(net) < 1:
        raise Invalid(f"must have hosts; {net} has no more than two addresses", "/network")
    if "gateway" not in spec:
        return
    if isinstance(spec["gateway"], str):
        _check_address(net, ipaddress.ip_address(spec["gateway"]))
    elif abs(spec["gateway"]) > hosts(net):
        raise Invalid(
            f"must be from -{hosts(net)} to {hosts(net)}, a host of {net} by its number", "/gateway"
        )


def _check_address(net: Network, gateway: Address) -> None:
    if gateway.version != net.version:
        raise Invalid(
            f"must be an IPv{net.version} address, as those of {net} are, not {gateway}", "/gateway"
        )
    if gateway not in net:
        raise Invalid(f"must be in {net}; {gateway} is not", "/gateway")
    if gateway in (net.network_address, net.broadcast_address):
        raise Invalid(f"must be a host's; {gateway} is the first or last address of {net}", "/gateway")


def network(spec: Spec) -> Network:
    """Raises Invalid where bits beyond the prefix are set."""
    try:
        return ipaddress.ip_network(spec["network"])
    except ValueError as error:
        raise Invalid(str(error), "/network") from error


def hosts(net: Network) -> int:
    """How many addresses of a network can be hosts': all but the first and the last."""
    return net.num_addresses - 2


def gateway(spec: Spec) -> Address | None:
    """The address of a valid spec's gateway. 1 is the first host, -1 the last."""
    given, net = spec.get("gateway"), network(spec)
    if given is None or isinstance(given, str):
        return ipaddress.ip_address(given) if given else None
    return net[int(given) if given > 0 else int(given) - 1]


def show(spec: Spec, result: Result) -> list[Block]:
    rows = [
        (label, "Up" if result[name] else "Down")
        for label, name in (("Gateway", "gateway-up"), ("Network", "network-up"))
        if name in result
    ]
    return [Rows(rows)]


def metrics(spec: Spec, result: Result) -> list[Metric]:
    return present(
        *(number(f"reach.{part}", result.get(f"{part}-up"), FLAG) for part in ("network", "gateway"))
    )


# fmt: off
FIELDS = (
    Field("network", "IPCIDR", "--network", required=True, label="Network", help="Network to reach, such as 192.0.2.0/24"),
    Field("gateway", GATEWAY, "--gateway", read=read_gateway, label="Gateway",
          help="The network's gateway: an address, or the number of a host from its start (1) or its end (-1)"),
    Field("host", "Host", "--host", label="Host", help="Host to measure from"),
    Field("host-node", "Host", "--host-node", label="Host Node", help="pScheduler node of the host, where that is another"),
    Field("limit", "Cardinal", "--limit", kind="int", label="Limit", help="The most hosts to try"),
    Field("parallel", "Cardinal", "--parallel", kind="int", label="Parallel", help="How many hosts to try at once"),
    Field("scan", {"enum": ["up", "down", "edges", "random"]}, "--scan", label="Scan", help="Order to try hosts in: up, down, edges or random"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time to wait for answers"),
)
# fmt: on

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "network-up": TYPES["Boolean"],
        "gateway-up": TYPES["Boolean"],
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("succeeded", "network-up"),
)

TEST = Test(
    name="netreach",
    label="Network Reachability",
    description="Find out whether a network can be reached",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_host,
    null_reason="No host specified",
    check=check,
    results={1: RESULT},
    show=show,
    metrics=metrics,
    early=True,
    examples=(
        {"schema": 1, "network": "192.0.2.0/24"},
        {
            "schema": 1,
            "network": "198.51.100.0/28",
            "gateway": -1,
            "host": "192.0.2.1",
            "host-node": "node.example.org",
            "limit": 5,
            "parallel": 2,
            "scan": "down",
            "timeout": "PT2S",
        },
        {"network": "2001:db8::/64", "gateway": "2001:db8::1", "scan": "random", "limit": 10},
    ),
    result_examples=(
        {"schema": 1, "succeeded": True, "network-up": True, "gateway-up": False},
        {"succeeded": True, "network-up": False},
        {"succeeded": False, "network-up": False, "error": "fping did not finish in time"},
    ),
)

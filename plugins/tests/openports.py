"""openports: which TCP ports of a host or a network are open (docs/contract/tests.md, openports)."""

from collections.abc import Mapping, Sequence

from chalicelib.domain import echoes
from chalicelib.domain.errors import Invalid
from chalicelib.domain.metrics import COUNT, Metric, number, present
from chalicelib.domain.schemas import JSON, MESSAGE, closed, pattern
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Lines, Rows, Table
from plugins.sdk.test import Result, Test, at_source

NETWORK = {
    "anyOf": [TYPES["IPCIDR"], TYPES["Host"]],
    MESSAGE: "{value!r} is not a network, a host name or an IP address",
}

_PORT = "(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
PORTS = pattern(f"{_PORT}(?:[,-]{_PORT})*", "{value!r} is not a list of ports such as 22,80,8000-8080")

DETECTED = ("name", "product", "version", "ostype", "extrainfo")
"""What is known of a port besides its state where services were looked for."""


def check(spec: Spec) -> None:
    """Raises Invalid where ranges of ports go down, or a port is there twice."""
    if "ports" in spec:
        port_numbers(spec["ports"])


def port_numbers(ports: str) -> list[int]:
    """``80,22-24`` -> 80, 22, 23, 24. Raises Invalid where ranges go down, or a port is there twice."""
    listed: dict[int, None] = {}
    for part in ports.split(","):
        numbers = _range(part)
        twice = next((number for number in numbers if number in listed), None)
        if twice is not None:
            raise Invalid(f"must name each port once; {twice} is there more than once", "/ports")
        listed.update(dict.fromkeys(numbers))
    return list(listed)


def _range(text: str) -> range:
    low, *high = (int(port) for port in text.split("-"))
    if len(high) > 1:
        raise Invalid(
            f"must be ports and ranges of ports such as 22 and 8000-8010, not {echoes.name(text)}", "/ports"
        )
    if high and high[0] < low:
        raise Invalid(
            f"must have ranges whose first port is the lower one, not {echoes.name(text)}", "/ports"
        )
    return range(low, (high[0] if high else low) + 1)


def show(spec: Spec, result: Result) -> list[Block]:
    hosts = result["result"]
    return [_host(address, hosts[address]) for address in hosts] or [Lines(["No hosts"])]


def _host(address: str, ports: Mapping[str, JSON]) -> Block:
    if not ports:
        return Rows([("Open Ports", "None")], title=address)
    rows = [_row(port, state) for port, state in ports.items()]
    if all(isinstance(state, str) for state in ports.values()):
        return Table(("Port", "State"), [row[:2] for row in rows], _line, address, headed=True)
    headings = ("Port", "State", *(name.capitalize() for name in DETECTED))
    return Table(headings, rows, _line, address, headed=True)


def _row(port: str, state: JSON) -> list[JSON]:
    known = {"state": state} if isinstance(state, str) else state
    return [port, *(known.get(name, "") for name in ("state", *DETECTED))]


def _line(row: Sequence[JSON]) -> str:
    return "\t".join(str(cell) for cell in row)


def metrics(spec: Spec, result: Result) -> list[Metric]:
    states = [_state(port) for ports in result.get("result", {}).values() for port in ports.values()]
    return present(
        number("ports.open", states.count("open"), COUNT),
        number("ports.scanned", len(states), COUNT),
    )


def _state(port: JSON) -> JSON:
    return port.get("state") if isinstance(port, dict) else port


# fmt: off
FIELDS = (
    Field("network", NETWORK, "--network", required=True, label="Network", help="Host or network to look at, such as 192.0.2.0/24"),
    Field("ports", PORTS, "--ports", label="Ports", help="Ports to try, such as 22,80,8000-8080; the most used ones by default"),
    Field("source", "Host", "--source", label="Source", help="Host, or address on it, to measure from"),
    Field("source-node", "URLHostPort", "--source-node", label="Source Node", help="pScheduler node of the source, where that is another"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time in which to be done"),
    Field("services", "Boolean", label="Services", help="Find out what is behind the ports"),
)
# fmt: on

PORT = {
    "type": ["string", "object"],
    "properties": dict.fromkeys(("state", *DETECTED), TYPES["String"]),
}

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "result": {
            "type": "object",  # address -> port -> state, or all that is known of it
            "additionalProperties": {"type": "object", "additionalProperties": PORT},
        },
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("succeeded", "result"),
)

TEST = Test(
    name="openports",
    label="Open Ports",
    description="Find the open TCP ports of a host or a network",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_source,
    check=check,
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {"schema": 1, "network": "192.0.2.1"},
        {
            "schema": 1,
            "network": "2001:db8::/120",
            "ports": "22,80,8000-8080",
            "source": "2001:db8:1::1",
            "source-node": "[2001:db8:1::2]:8443",
            "timeout": "PT60S",
        },
    ),
    result_examples=(
        {
            "schema": 1,
            "succeeded": True,
            "result": {"192.0.2.1": {"22": "open", "80": "closed"}, "192.0.2.2": {}},
        },
        {
            "succeeded": True,
            "result": {
                "192.0.2.1": {
                    "22": {"state": "open", "name": "ssh", "product": "OpenSSH", "version": "9.2"},
                    "80": "closed",
                }
            },
        },
        {"succeeded": True, "result": {}},
        {"succeeded": False, "result": {}, "error": "www.example.org has no address"},
    ),
)

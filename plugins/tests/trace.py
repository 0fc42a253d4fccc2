"""trace: the path to a host, hop by hop (docs/contract/tests.md, trace)."""

from collections.abc import Sequence

from chalicelib.domain.metrics import BYTES, COUNT, Metric, milliseconds, number, present, text
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.times import parse_duration
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Lines, Table
from plugins.sdk.test import Result, Test, at_source

HEADINGS = ("Hop", "Host", "RTT (ms)", "MTU", "AS", "Owner", "Error")


def amend(given: Spec) -> Spec:
    """``--no-fragment`` says nothing: clients rely on its leaving no trace in the spec."""
    return {name: value for name, value in given.items() if (name, value) != ("fragment", False)}


def show(spec: Spec, result: Result) -> list[Block]:
    paths = [path for path in result["paths"] if path]
    if not paths:
        return [Lines(["No hops"])]
    titles = [f"Path {number}" if len(paths) > 1 else "" for number in range(1, len(paths) + 1)]
    return [
        Table(HEADINGS, [_row(number, hop) for number, hop in enumerate(path, start=1)], _line, title)
        for title, path in zip(titles, paths, strict=True)
    ]


def _row(number: int, hop: dict[str, JSON]) -> list[JSON]:
    """A hop as it stands in the table; a cell without a value is empty."""
    host = hop.get("hostname", hop.get("ip", ""))
    if "hostname" in hop and "ip" in hop:
        host = f"{host} ({hop['ip']})"
    time = f"{parse_duration(hop['rtt']).total_seconds() * 1000:.1f}" if "rtt" in hop else ""
    owner = hop.get("as", {})
    return [
        number,
        host,
        time,
        hop.get("mtu", ""),
        owner.get("number", ""),
        owner.get("owner", ""),
        hop.get("error", ""),
    ]


def _line(row: Sequence[JSON]) -> str:
    """A hop's line, and one more for its autonomous system where that is known."""
    number, host, time, mtu, system, owner, error = row
    measured = (f"{time} ms" if time else "", f"MTU {mtu} bytes" if mtu else "", error)
    parts = [text for text in (host, *measured) if text] or ["No response"]
    under = f"\n\tAS{system} {owner}".rstrip() if system else ""
    return "\t".join([str(number), "  ".join(parts)]) + under


def metrics(spec: Spec, result: Result) -> list[Metric]:
    """The first path: how many hops, how long to the last that answered, and by which addresses."""
    path: list[dict[str, JSON]] = next((path for path in result["paths"] if path), [])
    answered = [hop for hop in path if "ip" in hop]
    smallest = min((hop["mtu"] for hop in path if "mtu" in hop), default=None)
    return present(
        number("trace.hops", len(path) or None, COUNT),
        milliseconds("trace.rtt", answered[-1].get("rtt") if answered else None),
        number("path.mtu", smallest, BYTES),
        text("trace.path", " ".join(hop.get("ip", "*") for hop in path)),
    )


# fmt: off
FIELDS = (
    Field("dest", "Host", "-d --dest", required=True, label="Destination", help="Host to trace the path to"),
    Field("source", "Host", "-s --source", label="Source", help="Host, or address on it, to trace from"),
    Field("source-node", "URLHostPort", "--source-node", label="Source Node", help="pScheduler node of the source, where that is another"),
    Field("algorithm", "String", "--algorithm", label="Algorithm", help="Algorithm to trace with, where a tool has several"),
    Field("as", "Boolean", "--as --no-as", kind="switch", label="AS", help="Find the autonomous systems of the hops"),
    Field("dest-port", "IPPort", "--dest-port", kind="int", label="Destination Port", help="Port to send packets to"),
    Field("first-ttl", "Cardinal", "--first-ttl", kind="int", label="First TTL", help="The first hop to ask"),
    Field("fragment", "Boolean", "--fragment --no-fragment", kind="switch", label="Fragment", help="Let packets be fragmented on their way"),
    Field("hops", "Cardinal", "--hops", kind="int", label="Hops", help="The most hops to ask"),
    Field("hostnames", "Boolean", "--hostnames --no-hostnames", kind="switch", label="Host Names", help="Look up the names of the hops"),
    Field("ip-tos", "Cardinal", "--ip-tos", kind="int", label="IP TOS", help="The type-of-service octet of the packets"),
    Field("ip-version", "ip-version", "--ip-version", kind="int", label="IP Version", help="Version of IP to use, 4 or 6"),
    Field("length", "Cardinal", "--length", kind="int", label="Length", help="Size of the packets, in bytes"),
    Field("probe-type", {"enum": ["icmp", "udp", "tcp"]}, "--probe-type", label="Probe Type", help="Packets to send: icmp, udp or tcp"),
    Field("queries", "Cardinal", "--queries", kind="int", label="Queries", help="How often to ask each hop"),
    Field("sendwait", "Duration", "--sendwait", label="Send Wait", help="Time from one packet to the next"),
    Field("wait", "Duration", "--wait", label="Wait", help="Time to wait for each answer"),
    Field("flow-label", "Cardinal", "--flow-label", kind="int", since=2, label="Flow Label", help="Flow label of the packets (IPv6)"),
)
# fmt: on

HOP = {
    "type": "object",  # open; one that nothing answered for has no members
    "properties": {
        "ip": TYPES["IPAddress"],
        "hostname": TYPES["Host"],
        "rtt": TYPES["Duration"],
        "as": TYPES["AS"],
        "error": TYPES["icmp-error"],
        "mtu": TYPES["Cardinal"],
    },
}

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "paths": {"type": "array", "items": {"type": "array", "items": HOP}},
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("succeeded", "paths"),
)

TEST = Test(
    name="trace",
    description="Trace the path to a host",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_source,
    amend=amend,
    results={1: RESULT},
    show=show,
    metrics=metrics,
    open=True,
    examples=(
        {"schema": 1, "dest": "192.0.2.1", "hostnames": False, "as": False, "probe-type": "icmp"},
        {
            "schema": 1,
            "dest": "www.example.org",
            "source": "198.51.100.1",
            "source-node": "[2001:db8::2]:8443",
            "algorithm": "paris-traceroute",
            "as": True,
            "dest-port": 33434,
            "first-ttl": 2,
            "fragment": True,
            "hops": 20,
            "hostnames": True,
            "ip-tos": 32,
            "ip-version": 4,
            "length": 100,
            "probe-type": "udp",
            "queries": 1,
            "sendwait": "PT0.1S",
            "wait": "PT2S",
        },
        {"schema": 2, "dest": "2001:db8::1", "ip-version": 6, "flow-label": 7},
    ),
    result_examples=(
        {
            "schema": 1,
            "succeeded": True,
            "paths": [
                [
                    {"ip": "192.0.2.1", "hostname": "gateway.example.org", "rtt": "PT0.0005S", "mtu": 1500},
                    {},
                    {
                        "ip": "198.51.100.1",
                        "rtt": "PT0.01234S",
                        "as": {"number": 64496, "owner": "EXAMPLE, ZZ"},
                    },
                    {
                        "ip": "203.0.113.1",
                        "rtt": "PT0.02S",
                        "as": {"number": 64511},
                        "error": "host-unreachable",
                    },
                ]
            ],
        },
        {"succeeded": True, "paths": [[{"ip": "192.0.2.1"}], [{"ip": "192.0.2.2"}]]},
        {"schema": 1, "succeeded": True, "paths": []},
        {"succeeded": False, "paths": [], "error": "traceroute printed no trace"},
    ),
)

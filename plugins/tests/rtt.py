"""rtt: round-trip times to a host (docs/contract/tests.md, rtt)."""

from collections.abc import Sequence

from chalicelib.domain.metrics import COUNT, RATIO, Metric, milliseconds, number, present
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.times import parse_duration
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import UNSPECIFIED, Block, Rows, Table
from plugins.sdk.test import Result, Test, at_source

OLD_PROTOCOLS = {"enum": ["icmp", "twamp"]}
"""The protocols there were before schema 4 let any through."""


def protocol_level(protocol: JSON) -> int:
    return 2 if protocol in OLD_PROTOCOLS["enum"] else 4


def show(spec: Spec, result: Result) -> list[Block]:
    trips = Table(
        ("Sequence", "Host", "Bytes", "TTL", "RTT (ms)", "Error"),
        [_trip_row(number, trip) for number, trip in enumerate(result["roundtrips"], start=1)],
        line=_trip_line,
    )
    rows = [("Packet Loss", f"{result['loss'] * 100:.4g}%")]
    rows += [(f"RTT {label} (ms)", _milliseconds(result.get(name))) for label, name in STATISTICS]
    return [trips, Rows(rows)] if trips.rows else [Rows(rows)]


def _trip_row(number: int, trip: dict[str, JSON]) -> list[JSON]:
    """A trip as it stands in the table; a cell without a value is empty."""
    host = trip.get("hostname", trip.get("ip", ""))
    if "hostname" in trip and "ip" in trip:
        host = f"{host} ({trip['ip']})"
    time = _milliseconds(trip["rtt"]) if trip.get("rtt") else ""
    size, ttl = trip.get("length", ""), trip.get("ttl", "")
    return [trip.get("seq", number), host, size, ttl, time, trip.get("error") or ""]


def _trip_line(row: Sequence[JSON]) -> str:
    sequence, host, size, ttl, time, error = row
    if error or (time == size == ""):
        where = f"{host}  " if host else ""
        return f"{sequence}\t{where}{error or (IN_ITS_PLACE if host else 'No response')}"
    # A reply that was cut short has no time.
    measured = (
        f"{size} bytes" if size != "" else "",
        f"TTL {ttl}" if ttl != "" else "",
        f"RTT {time} ms" if time else "",
    )
    return "\t".join([str(sequence), *(text for text in (host, *measured) if text)])


IN_ITS_PLACE = "Answered in place of the destination"
"""What is said of whoever sent an error that has no name in the dictionary of types, such as that a TTL ran out."""


def _milliseconds(duration: str | None) -> str:
    return f"{parse_duration(duration).total_seconds() * 1000:.4f}" if duration else UNSPECIFIED


STATISTICS = (("Minimum", "min"), ("Mean", "mean"), ("Maximum", "max"), ("Std. Deviation", "stddev"))


def metrics(spec: Spec, result: Result) -> list[Metric]:
    counted = ("sent", "lost", "duplicates", "reorders")
    return present(
        *(milliseconds(f"rtt.{name}", result.get(name)) for _, name in STATISTICS),
        number("loss.ratio", result.get("loss"), RATIO),
        *(number(f"packets.{name}", result.get(name), COUNT) for name in counted),
    )


# fmt: off
FIELDS = (
    Field("dest", "Host", "-d --dest", required=True, label="Destination", help="Host to measure to"),
    Field("source", "Host", "-s --source", label="Source", help="Host, or address on it, to measure from"),
    Field("source-node", "URLHostPort", "--source-node", label="Source Node", help="pScheduler node of the source, where that is another"),
    Field("count", "Cardinal", "-c --count", kind="int", label="Count", help="How many round trips to make"),
    Field("interval", "Duration", "-i --interval", label="Interval", help="Time from one packet to the next"),
    Field("flow-label", "CardinalZero", "--flow-label", kind="int", label="Flow Label", help="Flow label of the packets (IPv6)"),
    Field("hostnames", "Boolean", "--hostnames --no-hostnames", kind="switch", label="Host Names", help="Look up the names of the hosts that answer"),
    Field("ip-version", "ip-version", "--ip-version", kind="int", label="IP Version", help="Version of IP to use, 4 or 6"),
    Field("suppress-loopback", "Boolean", "--suppress-loopback --no-suppress-loopback", kind="switch", label="Suppress Loopback",
          help="Keep multicast packets from coming back to their sender"),
    Field("ip-tos", "IPTOS", "--ip-tos", kind="int", label="IP TOS", help="The type-of-service octet of the packets"),
    Field("length", "Cardinal", "--length", kind="int", label="Length", help="Size of the packets, in bytes"),
    Field("ttl", "Cardinal", "--ttl", kind="int", label="TTL", help="How many hops a packet may take"),
    Field("deadline", "Duration", "--deadline", label="Deadline", help="Time in which to make all round trips"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time to wait for each packet's return"),
    Field("protocol", OLD_PROTOCOLS, "--protocol", since=2, retyped={4: "String"}, level=protocol_level,
          label="Protocol", help="Protocol to measure with, such as icmp, twamp or tcp"),
    Field("fragment", "Boolean", "--fragment --no-fragment", kind="switch", since=3, label="Fragment", help="Let packets be fragmented on their way"),
    Field("port", "IPPort", "--port", kind="int", since=4, label="Port", help="Port to measure to, with protocols that have them"),
)
# fmt: on

ROUNDTRIP = {
    "type": "object",  # open: hostname is one of the members tools add
    "properties": {
        "seq": TYPES["Cardinal"],
        "ip": TYPES["IPAddress"],
        "length": TYPES["Cardinal"],
        "ttl": TYPES["Cardinal"],
        "rtt": TYPES["Duration"],
        "error": TYPES["icmp-error"],
    },
}

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "roundtrips": {"type": "array", "items": ROUNDTRIP},
        "loss": TYPES["Probability"],
        "sent": TYPES["Cardinal"],
        **dict.fromkeys(("received", "lost", "reorders", "duplicates"), TYPES["CardinalZero"]),
        **{name: TYPES["Duration"] for _, name in STATISTICS},
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("succeeded", "roundtrips", "loss"),
)

TEST = Test(
    name="rtt",
    label="RTT",
    description="Measure the round-trip time to a host",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_source,
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {
            "schema": 1,
            "dest": "192.0.2.1",
            "source": "198.51.100.1",
            "count": 3,
            "interval": "PT0.2S",
            "hostnames": False,
        },
        {
            "schema": 1,
            "dest": "2001:db8::1",
            "source-node": "[2001:db8::2]:8443",
            "flow-label": 7,
            "ip-version": 6,
            "suppress-loopback": True,
            "ip-tos": 32,
            "length": 1000,
            "ttl": 64,
            "deadline": "PT10S",
            "timeout": "PT2S",
        },
        {"schema": 2, "dest": "www.example.org", "protocol": "twamp"},
        {"schema": 3, "dest": "www.example.org", "protocol": "icmp", "fragment": False},
        {"schema": 4, "dest": "www.example.org", "protocol": "tcp", "port": 443},
    ),
    result_examples=(
        {
            "schema": 1,
            "succeeded": True,
            "roundtrips": [
                {
                    "seq": 1,
                    "ip": "192.0.2.1",
                    "hostname": "www.example.org",
                    "length": 64,
                    "ttl": 57,
                    "rtt": "PT0.0123S",
                },
                {"seq": 2, "ip": "192.0.2.254", "error": "host-unreachable"},
                {},
                {"seq": 4, "ip": "192.0.2.1", "rtt": "PT0.0125S"},
            ],
            "sent": 4,
            "received": 2,
            "lost": 2,
            "reorders": 0,
            "duplicates": 0,
            "loss": 0.5,
            "min": "PT0.0123S",
            "mean": "PT0.0124S",
            "max": "PT0.0125S",
            "stddev": "PT0.0001S",
        },
        {"succeeded": True, "roundtrips": [], "loss": 1.0},
        {"succeeded": False, "roundtrips": [], "loss": 1, "error": "Interrupted"},
    ),
)

"""throughput: how much data gets through from one host to another (docs/contract/tests.md, throughput)."""

import re

from chalicelib.domain.errors import Invalid
from chalicelib.domain.metrics import BITS_A_SECOND, COUNT, MILLISECONDS, Metric, number, present, share
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.test import Result, Test
from plugins.support.throughput_text import show

OLD_CONGESTION = {"enum": ["reno", "cubic", "bic", "htcp", "vegas", "westwood", "yeah", "bbr"]}
"""The algorithms there were before schema 4 let any through."""
ANY_CONGESTION = {"type": "string", "minLength": 1}

ONE_ENDED = ("single-ended", "loopback")
DEFAULTS_WHEN_ZERO = ("ip-tos", "flow-label", "single-ended-port")
"""Options whose 0 on a command line stands for leaving them away."""

_DIGITS = re.compile(r"[0-9]{1,18}")


def participants(spec: Spec) -> list[str | None]:
    """The source, and the destination unless there is only one end to measure at."""
    source = spec.get("source-node", spec.get("source"))
    if any(spec.get(name) for name in ONE_ENDED):
        return [source]
    return [source, spec.get("dest-node", spec["dest"])]


def check(spec: Spec) -> None:
    if all(name in spec for name in ONE_ENDED):
        raise Invalid("must not have both single-ended and loopback", "")


def amend(given: Spec) -> Spec:
    members = {name: value for name, value in given.items() if value or name not in DEFAULTS_WHEN_ZERO}
    return {**members, "ip-version": 6} if "flow-label" in members else members


def congestion_level(algorithm: JSON) -> int:
    return 1 if algorithm in OLD_CONGESTION["enum"] else 4


def read_seconds(text: str) -> str:
    """Digits alone are seconds; anything else is left for the schema to judge."""
    return f"PT{text}S" if _DIGITS.fullmatch(text) else text


def read_milliseconds(text: str) -> str:
    """Digits alone are milliseconds: 50 is PT0.05S."""
    if not _DIGITS.fullmatch(text):
        return text
    whole, thousandths = divmod(int(text), 1000)
    return f"PT{f'{whole}.{thousandths:03}'.rstrip('0').rstrip('.')}S"


def metrics(spec: Spec, result: Result) -> list[Metric]:
    """What got through over all; loss and jitter where datagrams were sent."""
    total = result.get("summary", {}).get("summary", {})
    return present(
        number("throughput.bps", total.get("throughput-bits"), BITS_A_SECOND),
        number("throughput.receiver-bps", total.get("receiver-throughput-bits"), BITS_A_SECOND),
        number("throughput.retransmits", total.get("retransmits"), COUNT),
        share("loss.ratio", total.get("lost"), total.get("sent")),
        number("jitter", total.get("jitter"), MILLISECONDS),
        number("rtt.mean", total.get("rtt"), MILLISECONDS, times=0.001),
    )


# fmt: off
FIELDS = (
    Field("source", "Host", "-s --source", label="Source", help="Host that sends"),
    Field("source-node", "URLHostPort", "--source-node", label="Source Node", help="pScheduler node of the source, where that is another"),
    Field("dest", "Host", "-d --dest --destination", required=True, label="Destination", help="Host that receives"),
    Field("dest-node", "URLHostPort", "--dest-node", label="Destination Node", help="pScheduler node of the destination, where that is another"),
    Field("duration", "Duration", "-t --duration", read=read_seconds, label="Duration", help="Time to measure, a duration or seconds"),
    Field("interval", "Duration", "-i --interval", read=read_seconds, label="Interval", help="Time from one report to the next, a duration or seconds"),
    Field("link-rtt", "Duration", "--link-rtt", since=3, read=read_milliseconds, label="Link RTT", help="Likely round-trip time, a duration or milliseconds"),
    Field("parallel", "Cardinal", "-P --parallel", kind="int", label="Parallel Streams", help="How many streams to send side by side"),
    Field("udp", "Boolean", "-u --udp", kind="flag", label="UDP", help="Send UDP in place of TCP"),
    Field("bandwidth", "Cardinal", "-b --bandwidth", kind="si", label="Bandwidth", help="Bits a second to send at, such as 10M"),
    Field("bandwidth-strict", "Boolean", "--bandwidth-strict", kind="flag", since=4, label="Bandwidth Strict", help="Keep to the bandwidth at every moment"),
    Field("burst-size", "Cardinal", "--burst-size", kind="si", since=4, label="Burst Size", help="Packets to send in a burst"),
    Field("fq-rate", "Cardinal", "--fq-rate", kind="si", since=7, label="Fair-Queueing Rate", help="Bits a second at which the system paces what is sent"),
    Field("window-size", "Cardinal", "-w --window-size", kind="si", label="Window Size", help="TCP window, in bytes"),
    Field("mss", "Cardinal", "-m --mss", kind="int", label="MSS", help="TCP maximum segment size, in bytes"),
    Field("buffer-length", "Cardinal", "-l --buffer-length", kind="int", label="Buffer Length", help="Bytes to write or read at a time"),
    Field("ip-tos", "IPTOS", "--ip-tos", kind="int", label="IP TOS", help="The type-of-service octet of the packets"),
    Field("ip-version", "ip-version", "--ip-version", kind="int", label="IP Version", help="Version of IP to use, 4 or 6"),
    Field("local-address", "Host", "-B --local-address", label="Local Address", help="Address to send from, where that is not the source's"),
    Field("omit", "Duration", "-O --omit", read=read_seconds, label="Omit", help="Time at the start that does not count, a duration or seconds"),
    Field("no-delay", "Boolean", "--no-delay", kind="flag", label="No Delay", help="Send small segments at once (TCP)"),
    Field("congestion", OLD_CONGESTION, "--congestion", retyped={4: ANY_CONGESTION}, level=congestion_level, label="Congestion Algorithm",
          help="TCP congestion control algorithm, such as cubic or bbr"),
    Field("zero-copy", "Boolean", "--zero-copy", kind="flag", label="Zero Copy", help="Send without copying the data"),
    Field("flow-label", "Cardinal", "--flow-label", kind="int", label="Flow Label", help="Flow label of the packets; makes them IPv6"),
    Field("client-cpu-affinity", "Integer", "--client-cpu-affinity", kind="int", label="Client CPU Affinity", help="Processor the sending program is to run on"),
    Field("server-cpu-affinity", "Integer", "--server-cpu-affinity", kind="int", label="Server CPU Affinity", help="Processor the receiving program is to run on"),
    Field("reverse", "Boolean", "--reverse", kind="flag", label="Reverse", help="Let the destination send, over connections the source makes"),
    Field("reverse-connections", "Boolean", "--reverse-connections", kind="flag", since=6, label="Reverse Connections", help="Let the destination make the connections"),
    Field("single-ended", "Boolean", "--single-ended", kind="flag", since=2, label="Single-Ended", help="Measure to a server that runs at the destination already"),
    Field("single-ended-port", "Integer", "--single-ended-port", kind="int", since=2, label="Single-Ended Port", help="Port of that server"),
    Field("loopback", "Boolean", "--loopback", kind="flag", since=5, label="Loopback", help="Run both ends at the source"),
)
# fmt: on

_INTEGER_NULL = {"type": ["integer", "null"]}
_NUMBER_NULL = {"type": ["number", "null"]}

ENTRY = closed(
    {
        **dict.fromkeys(("throughput-bits", "throughput-bytes", "receiver-throughput-bits"), TYPES["Number"]),
        **dict.fromkeys(("start", "end"), TYPES["Number"]),
        **dict.fromkeys(("sent", "lost", "retransmits", "tcp-window-size"), _INTEGER_NULL),
        **dict.fromkeys(("jitter", "rtt"), _NUMBER_NULL),
        "stream-id": {"type": ["string", "integer"]},
        "omitted": TYPES["Boolean"],
    }
)
"""What was measured of one stream, or of all together, over a time: bits a second, and bytes in all.
Times are in seconds from the start of the measurement, ``jitter`` in milliseconds, ``rtt`` in
microseconds, the window in bytes."""

SUMMARY = closed({"streams": {"type": "array", "items": ENTRY}, "summary": ENTRY})

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "intervals": {"type": "array", "items": {**SUMMARY, "additionalProperties": True}},
        "summary": SUMMARY,
        **dict.fromkeys(("mss", "mtu", "tcp-window-size", "requested-tcp-window-size"), TYPES["Integer"]),
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("succeeded", "diags", "intervals", "summary"),
)

_TCP = {"start": 0, "end": 1.0, "stream-id": 5, "throughput-bits": 9.41e9, "throughput-bytes": 1.17e9}
_TCP_SUM = {**_TCP, "retransmits": 3, "tcp-window-size": 916762, "rtt": 71, "omitted": False}
_UDP = {
    "start": 0,
    "end": 2,
    "stream-id": "1",
    "throughput-bits": 2e7,
    "sent": 3405,
    "lost": 2,
    "jitter": 0.01,
}

TEST = Test(
    name="throughput",
    description="Measure how much data gets from one host to another",
    scheduling_class="exclusive",
    fields=FIELDS,
    participants=participants,
    check=check,
    amend=amend,
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {"schema": 1, "dest": "192.0.2.1", "duration": "PT10S", "interval": "PT1S", "parallel": 4},
        {
            "schema": 1,
            "source": "198.51.100.1",
            "source-node": "node.example.org:8443",
            "dest": "2001:db8::1",
            "dest-node": "[2001:db8::2]:8443",
            "window-size": 1000000,
            "mss": 1400,
            "buffer-length": 131072,
            "ip-version": 6,
            "flow-label": 7,
            "local-address": "2001:db8::3",
            "omit": "PT2S",
            "no-delay": True,
            "congestion": "cubic",
            "zero-copy": True,
            "client-cpu-affinity": 0,
            "server-cpu-affinity": 1,
            "reverse": True,
        },
        {"schema": 2, "dest": "192.0.2.1", "single-ended": True, "single-ended-port": 5201},
        {"schema": 3, "dest": "192.0.2.1", "link-rtt": "PT0.05S", "ip-tos": 32},
        {
            "schema": 4,
            "dest": "192.0.2.1",
            "udp": True,
            "bandwidth": 10000000,
            "bandwidth-strict": True,
            "burst-size": 10,
        },
        {"schema": 4, "dest": "192.0.2.1", "congestion": "dctcp"},
        {"schema": 5, "dest": "192.0.2.1", "loopback": True},
        {"schema": 6, "dest": "192.0.2.1", "reverse-connections": True},
        {"schema": 7, "dest": "192.0.2.1", "fq-rate": 1000000000},
    ),
    result_examples=(
        {
            "schema": 1,
            "succeeded": True,
            "intervals": [{"streams": [_TCP_SUM], "summary": _TCP_SUM}],
            "summary": {
                "streams": [_TCP_SUM],
                "summary": {**_TCP_SUM, "receiver-throughput-bits": 9.4e9},
            },
            "mss": 1460,
            "mtu": 1500,
            "tcp-window-size": 2000000,
            "requested-tcp-window-size": 1000000,
            "diags": "",
        },
        {
            "succeeded": True,
            "intervals": [],
            "summary": {"streams": [_UDP, {**_UDP, "stream-id": "2"}], "summary": _UDP},
            "diags": "iperf -c 192.0.2.1 -u",
        },
        {
            "succeeded": False,
            "intervals": [],
            "summary": {"streams": [], "summary": {}},
            "error": "Connection refused",
            "diags": "",
        },
    ),
)

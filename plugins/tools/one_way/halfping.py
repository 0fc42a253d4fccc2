"""halfping: performs latency with ping, taking half of each round trip (contract/tools.md section 3).

An approximation, for where nothing better answers: the way there and the way back seldom take the same.
"""

import datetime as dt
from decimal import Decimal

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import parse_duration
from plugins.sdk.base import Job, PluginFailed, Spec, Tool, wrapped
from plugins.tools.one_way import packet_summary
from plugins.tools.reach import ping_output
from plugins.tools.reach.ping import SHORTEST_INTERVAL

COUNT = 5
INTERVAL = 1
PLANNED_TIMEOUT = 2
"""Seconds that planning takes the last packet for, unless the spec has more."""
PING_SIZE = 56
"""Bytes of data in a packet without padding."""

KEYS = frozenset(
    (
        "schema",
        "source",
        "source-node",
        "dest",
        "dest-node",
        "protocol",
        "packet-count",
        "packet-interval",
        "packet-timeout",
        "packet-padding",
        "ip-tos",
        "ip-version",
        "bucket-width",
    )
)


def declines(test: str, spec: Spec) -> list[str]:
    protocol = spec.get("protocol", "icmp")
    shortest = Decimal(str(SHORTEST_INTERVAL.total_seconds()))
    rules = (
        (protocol != "icmp", f"Does not speak {protocol}, only icmp"),
        (_interval(spec) < shortest, "Intervals below 0.002 seconds need privileges"),
    )
    return [reason for broken, reason in rules if broken]


def _interval(spec: Spec) -> Decimal:
    return packet_summary.setting(spec, "packet-interval", INTERVAL)


def duration(test: str, spec: Spec) -> dt.timedelta:
    between = packet_summary.setting(spec, "packet-count", COUNT) - 1
    timeout = max(PLANNED_TIMEOUT, int(spec.get("packet-timeout", 0)))
    return packet_summary.planned(2 + between * _interval(spec) + timeout + 1)


def argv(spec: Spec, near: str | None, far: str) -> list[str]:
    """The program and its arguments, from an address here, where it matters, to one there."""
    padding, tos = spec.get("packet-padding"), spec.get("ip-tos")
    given: list[tuple[str, JSON]] = [
        ("-c", int(spec.get("packet-count", COUNT))),
        ("-i", packet_summary.plain(_interval(spec))),
        ("-W", int(spec.get("packet-timeout", 0)) or None),
        ("-s", None if padding is None else int(padding) + PING_SIZE),
        ("-I", near),
        ("-Q", None if tos is None else int(tos)),
    ]
    options = [text for flag, value in given if value is not None for text in (flag, str(value))]
    return ["ping", f"-{6 if ':' in far else 4}", "-n", *options, far]


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not measure; a host that is silent is a measurement."""
    command = argv(job.spec, *packet_summary.ends(job.spec))
    job.wait_for_start()
    done = job.host.execute(command, timeout=job.duration.total_seconds())
    diags = f"{' '.join(command)}\n\n{done.stdout}{done.stderr}"
    if done.status not in (0, 1) or not done.stdout:
        raise PluginFailed(done.stderr.strip() or f"ping ended with status {done.status}", diags)
    width = job.spec.get("bucket-width", packet_summary.BUCKET_WIDTH)
    counted = packet_summary.summary(parse(done.stdout, int(job.spec.get("packet-count", COUNT))), width)
    return wrapped({"schema": 1, "succeeded": True, **counted}, diags)


def parse(output: str, count: int) -> list[packet_summary.Packet]:
    """The packets that came back, in their order, then those that did not. Raises PluginFailed."""
    found = ping_output.parse(output, count)
    back = [_packet(trip) for trip in found["roundtrips"] if "rtt" in trip]
    silent = found["sent"] - len({packet.seq for packet in back})
    return [*back, *(packet_summary.Packet(0, None) for _ in range(silent))]


def _packet(trip: dict[str, JSON]) -> packet_summary.Packet:
    there_and_back = parse_duration(trip["rtt"]) // dt.timedelta(microseconds=1)
    return packet_summary.Packet(trip["seq"], Decimal(there_and_back) / 2_000_000, trip.get("ttl"))


TOOL = Tool(
    name="halfping",
    description="Approximate one-way latency by half of what the program ping measures",
    tests=("latency",),
    preference=-100,
    keys=KEYS,
    programs=("ping",),
    declines=declines,
    duration=duration,
    run=run,
)

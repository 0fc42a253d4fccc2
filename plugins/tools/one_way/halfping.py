"""halfping: performs latency with ping, taking half of each round trip (docs/contract/tools.md section 3).

An approximation, for where nothing better answers: the way there and the way back seldom take the same.
"""

import datetime as dt
from decimal import Decimal

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.tool import Tool
from plugins.tools.one_way import packet_summary
from plugins.tools.reach import ping, ping_output, ping_programs

COUNT = 5
INTERVAL = 1
TIMEOUT = 2
"""Seconds to wait for the last packet, where the spec does not say: left to itself, ping waits ten."""
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
    return [] if protocol == "icmp" else [f"Does not speak {protocol}, only icmp"]


def here(test: str, spec: Spec) -> list[str]:
    wanted = {name: spec[name] for name in ("source", "ip-tos", "ip-version") if name in spec}
    return ping_programs.installed().refusals(_seconds(_interval(spec)), wanted)


def _interval(spec: Spec) -> Decimal:
    return packet_summary.setting(spec, "packet-interval", INTERVAL)


def _seconds(number: Decimal) -> dt.timedelta:
    return packet_summary.planned(number)


def _count(spec: Spec) -> int:
    return int(spec.get("packet-count", COUNT))


def _timeout(spec: Spec) -> int:
    return int(spec.get("packet-timeout", 0)) or TIMEOUT


def duration(test: str, spec: Spec) -> dt.timedelta:
    between = packet_summary.setting(spec, "packet-count", COUNT) - 1
    timeout = max(TIMEOUT, _timeout(spec))
    asked = packet_summary.planned(2 + between * _interval(spec) + timeout)
    return asked + ping.slack(_count(spec))


def argv(spec: Spec, near: str | None, far: str, program: ping_programs.Program | None = None) -> list[str]:
    """The program and its arguments, from an address here, where it matters, to one there."""
    padding, tos = spec.get("packet-padding"), spec.get("ip-tos")
    wanted: dict[str, JSON] = {
        "count": _count(spec),
        "interval": _seconds(_interval(spec)),
        "timeout": _timeout(spec) * SECOND,
        "length": None if padding is None else int(padding) + PING_SIZE,
        "source": near,
        "ip-tos": None if tos is None else int(tos),
    }
    return (program or ping_programs.installed()).argv(far, 6 if ":" in far else 4, wanted)


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not measure; a host that is silent is a measurement."""
    program = ping_programs.installed()
    command = argv(job.spec, *packet_summary.ends(job.spec), program)
    job.wait_for_start()
    done = job.host.execute(command, timeout=job.duration.total_seconds())
    diags = f"{' '.join(command)}\n\n{done.stdout}{done.stderr}"
    ping.complain(done, diags, program)
    width = job.spec.get("bucket-width", packet_summary.BUCKET_WIDTH)
    counted = packet_summary.summary(parse(done.stdout, int(job.spec.get("packet-count", COUNT))), width)
    return wrapped({"schema": 1, "succeeded": True, **counted}, diags)


def parse(output: str, count: int) -> list[packet_summary.Packet]:
    """The packets that came back, in their order, then those that did not. Raises PluginFailed."""
    found = ping_output.parse(output, count)
    if any("length" in trip and "rtt" not in trip for trip in found["roundtrips"]):
        raise PluginFailed("Replies were truncated, and so have no times", output)
    back = [_packet(trip) for trip in found["roundtrips"] if "rtt" in trip]
    silent = found["sent"] - len({packet.seq for packet in back})
    return [*back, *(packet_summary.Packet(0, None) for _ in range(silent))]


def _packet(trip: dict[str, JSON]) -> packet_summary.Packet:
    there_and_back = parse_duration(trip["rtt"]) // dt.timedelta(microseconds=1)
    return packet_summary.Packet(trip["seq"], Decimal(there_and_back) / 2_000_000, trip.get("ttl"))


TOOL = Tool(
    name="halfping",
    label="Half Ping",
    description="Approximate one-way latency by half of what the program ping measures",
    tests=("latency",),
    preference=-100,
    keys=KEYS,
    programs=("ping",),
    declines=declines,
    here=here,
    duration=duration,
    run=run,
)

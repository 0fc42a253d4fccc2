"""twping: performs latency and rtt by the Two-way Active Measurement Protocol, RFC 5357.

The program comes with perfSONAR's twamp-client; the other end needs a TWAMP server, such as twampd or a
router's. See docs/contract/tools.md section 5. What is measured is both ways at once:

    latency   the way from source to destination, or back with ``reverse``
    rtt       both ways together, the time spent at the other end included
"""

import datetime as dt
import math
from collections.abc import Sequence
from decimal import Decimal

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_duration, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed
from plugins.sdk.tool import Tool
from plugins.support import host_lookup
from plugins.tools.one_way import packet_records, packet_summary
from plugins.tools.one_way.owamp_options import beyond_code_points, options, ports, whole
from plugins.tools.one_way.owamp_output import parse_two_way as parse
from plugins.tools.one_way.packet_records import Trip, elapsed

COUNT = 100
INTERVAL = 0.1
TIMEOUT = 0
PORT = 862
SETTING_UP = 11
"""Seconds to plan for besides the packets."""
SHORTEST = 41
"""Bytes of UDP payload that come back, without padding."""


def declines(test: str, spec: Spec) -> list[str]:
    protocol = spec.get("protocol", "twamp")
    rules = (
        ("port" in spec, "Does not support port"),
        (protocol != "twamp", f"Does not speak {protocol}, only twamp"),
        (test == "rtt" and spec.get("fragment"), "Does not control fragmentation"),
        (beyond_code_points(spec), "Does not support ip-tos above 63"),
    )
    return [reason for broken, reason in rules if broken]


def count(spec: Spec) -> int:
    return int(spec.get("packet-count", spec.get("count", COUNT)))


def interval(spec: Spec) -> Decimal:
    return _seconds(spec, "packet-interval", "interval", INTERVAL)


def timeout(spec: Spec) -> Decimal:
    return _seconds(spec, "packet-timeout", "timeout", TIMEOUT)


def _seconds(spec: Spec, in_latency: str, in_rtt: str, default: float) -> Decimal:
    """A member that is a number of seconds in latency and a duration in rtt."""
    if in_rtt in spec:
        return Decimal(str(parse_duration(spec[in_rtt]).total_seconds()))
    return packet_summary.setting(spec, in_latency, default)


def duration(test: str, spec: Spec) -> dt.timedelta:
    return packet_summary.planned(math.floor(interval(spec) * count(spec) + timeout(spec) + SETTING_UP))


def argv(spec: Spec, near: str | None, far: str) -> list[str]:
    """The program and its arguments, from an address here, where it matters, to one there."""
    given: list[tuple[str, JSON]] = [
        ("-D", whole(spec, "ip-tos")),
        ("-s", padding(spec)),
        ("-P", ports(spec)),
        ("-c", count(spec)),
        ("-i", packet_summary.plain(interval(spec))),
        ("-L", packet_summary.plain(timeout(spec))),
    ]
    nat = ["-Z"] if spec.get("traverse-nat") else []
    source = ["-S", near] if near else []
    host = f"[{far}]" if ":" in far else far
    return [
        "twping",
        "-R",
        *options(spec, given),
        *nat,
        *source,
        f"{host}:{int(spec.get('ctrl-port', PORT))}",
    ]


def padding(spec: Spec) -> int | None:
    """What to add to the packets; those of rtt are then as long as ping's of that ``length``."""
    if int(spec.get("length", 0)) > SHORTEST:
        return int(spec["length"]) - 6
    return whole(spec, "packet-padding")


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not measure."""
    spec = job.spec
    near, far = packet_summary.ends(spec)
    command = argv(spec, near, far)
    job.wait_for_start()
    done = job.host.execute(command, timeout=job.duration.total_seconds())
    diags = f"{' '.join(command)}\n\n{done.stderr}"
    if done.status != 0:
        raise PluginFailed(done.stderr.strip() or f"twping ended with status {done.status}", diags)
    trips = parse(done.stdout)
    result = round_trips(trips, spec, far) if job.test == "rtt" else packet_records.one_way(trips, spec)
    if job.test == "rtt" and spec.get("hostnames", True):
        host_lookup.add_names(result["roundtrips"])
    return {**result, "diags": diags}


def round_trips(trips: Sequence[Trip], spec: Spec, far: str) -> dict[str, JSON]:
    """The rtt result: a round trip a packet, in the order they came back, and the statistics.

    The standard deviation is that of a sample. A packet that seems to be back before it was sent, as the
    clock was set meanwhile, has no time.
    """
    length = int(spec.get("length", 0)) + 8 if int(spec.get("length", 0)) > SHORTEST else SHORTEST
    counted = packet_summary.summary([_round_trip(trip) for trip in trips])
    sent, lost = counted["packets-sent"], counted["packets-lost"]
    return {
        "schema": 1,
        "succeeded": True,
        "roundtrips": [_shown(trip, length, far) for trip in trips],
        "sent": sent,
        "received": counted["packets-received"],
        "lost": lost,
        "loss": lost / sent,
        "reorders": counted["packets-reordered"],
        "duplicates": counted["packets-duplicated"],
        **_statistics([time for trip in trips if (time := _time(trip)) is not None]),
    }


def _round_trip(trip: Trip) -> packet_summary.Packet:
    there, back = trip
    return packet_summary.Packet(
        there.seq, None if back.is_lost else elapsed(there.sent.time, back.received.time)
    )


def _time(trip: Trip) -> float | None:
    delay = _round_trip(trip).delay
    return float(delay) if delay is not None and delay >= 0 else None


def _shown(trip: Trip, length: int, far: str) -> dict[str, JSON]:
    there, back = trip
    if back.is_lost:
        return {}
    time = _time(trip)
    return {
        "seq": there.seq + 1,
        "ip": host_lookup.without_scope(far),
        "length": length,
        **({"ttl": back.ttl} if back.ttl else {}),
        **({} if time is None else {"rtt": _duration(time)}),
    }


def _statistics(seconds: Sequence[float]) -> dict[str, JSON]:
    """Nothing where no packet came back."""
    import statistics

    if not seconds:
        return {}
    named = {
        "min": min(seconds),
        "mean": statistics.fmean(seconds),
        "max": max(seconds),
        "stddev": statistics.stdev(seconds) if len(seconds) > 1 else 0.0,
    }
    return {name: _duration(value) for name, value in named.items()}


def _duration(seconds: float) -> str:
    return format_duration(dt.timedelta(seconds=seconds))


TOOL = Tool(
    name="twping",
    label="TWPing",
    description="Measure one-way and round-trip latency with TWAMP, by the program twping",
    tests=("latency", "rtt"),
    max_schema=4,
    programs=("twping",),
    declines=declines,
    duration=duration,
    run=run,
    merge=packet_summary.merge,
)

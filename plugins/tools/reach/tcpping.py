"""tcpping: performs rtt by timing how long TCP connections take (docs/contract/tools.md section 3).

Needs no program and no privileges. A connection is a round trip when it is made; a refusal counts as
an error, as with every other answer that is none, although a packet did come back. The port is 80
unless the spec has one.
"""

import datetime as dt
import socket
import time
from collections.abc import Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, ZERO, format_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, wrapped
from plugins.sdk.tool import Tool
from plugins.support import guarded_connections, host_lookup
from plugins.tools.reach.ping import merge as merge_rtt

COUNT = 5
PORT = 80
INTERVAL = SECOND
TIMEOUT = 1.0
"""Seconds to wait for a connection: with the interval, a run stays below the 2 s a probe it plans."""

KEYS = frozenset(
    ("schema", "source", "source-node", "dest", "port", "protocol", "count", "hostnames", "ip-version")
)


def declines(test: str, spec: Spec) -> list[str]:
    protocol = spec.get("protocol", "tcp")
    return [] if protocol == "tcp" else [f"Does not speak {protocol}, only tcp"]


def duration(test: str, spec: Spec) -> dt.timedelta:
    lookups = 2 * SECOND if spec.get("hostnames", True) else ZERO
    count: int = spec.get("count", COUNT)
    return 2 * SECOND + 2 * (count - 1) * SECOND + lookups + SECOND


def run(job: Job) -> JSON:
    """Make a connection a second, from the start on. Raises PluginFailed where a host has no address."""
    spec = job.spec
    ends = host_lookup.ends(spec.get("source"), spec["dest"], spec.get("ip-version"), spec.get("port", PORT))
    job.wait_for_start()
    begun = job.host.now()
    probes = []
    for number in range(spec.get("count", COUNT)):
        job.host.sleep_until(begun + number * INTERVAL)
        probes.append(probe(ends.dest, spec.get("port", PORT), ends.source))
    address = host_lookup.without_scope(ends.dest)
    trips = [{"seq": seq, "ip": address, **_trip(probed)} for seq, probed in enumerate(probes, start=1)]
    if spec.get("hostnames", True):
        host_lookup.add_names(trips)
    diags = "".join(f"{seq}: {probed}\n" for seq, probed in enumerate(probes, start=1))
    times = [probed for probed in probes if isinstance(probed, dt.timedelta)]
    result = {"schema": 1, "succeeded": True, "roundtrips": trips, **summary(len(trips), times)}
    return wrapped(result, diags)


def probe(dest: str, port: int, source: str | None = None) -> dt.timedelta | OSError:
    """The time it took to connect to an address, or why it could not be."""
    family = socket.AF_INET6 if ":" in dest else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as end:
            end.settimeout(TIMEOUT)
            if source:
                end.bind((source, 0))
            begun = time.perf_counter()
            guarded_connections.connect(end, (dest, port))
            return dt.timedelta(seconds=time.perf_counter() - begun)
    except OSError as error:
        return error


def _trip(probed: dt.timedelta | OSError) -> dict[str, JSON]:
    if isinstance(probed, OSError):
        return {"error": "host-unreachable"}
    return {"rtt": format_duration(probed)}


def summary(sent: int, times: Sequence[dt.timedelta]) -> dict[str, JSON]:
    """The counters and statistics of an rtt result; the deviation is the population's, as ping's is."""
    import statistics

    lost = sent - len(times)
    counters = {"sent": sent, "received": len(times), "lost": lost, "loss": lost / sent}
    found: dict[str, JSON] = {**counters, "duplicates": 0, "reorders": 0}
    if not times:
        return found
    seconds = [time.total_seconds() for time in times]
    named = {
        "min": min(seconds),
        "mean": statistics.fmean(seconds),
        "max": max(seconds),
        "stddev": statistics.pstdev(seconds),
    }
    return {**found, **{name: format_duration(dt.timedelta(seconds=value)) for name, value in named.items()}}


TOOL = Tool(
    name="tcpping",
    label="TCP Ping",
    description="Measure round-trip times with TCP connections",
    tests=("rtt",),
    max_schema=4,
    keys=KEYS,
    declines=declines,
    duration=duration,
    run=run,
    merge=merge_rtt,
)

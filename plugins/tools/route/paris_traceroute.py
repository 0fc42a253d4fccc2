"""paris-traceroute: performs trace with the program of the same name (docs/contract/tools.md section 6).

The program is that of libparistraceroute, which goes hop by hop and keeps to one flow, so that load
balancers send all its packets the same way. It prints what traceroute prints.
"""

import datetime as dt

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job
from plugins.sdk.tool import Tool
from plugins.support import host_lookup
from plugins.support.program_arguments import seconds
from plugins.tools.route import hops
from plugins.tools.route.hops import HOPS
from plugins.tools.route.traceroute import parse as parse

WAIT = 5 * SECOND
SILENCES = 3
"""Hops without an answer after which the program gives up, having waited for each."""
MOST_HOPS = 255
_MS = dt.timedelta(milliseconds=1)


def declines(test: str, spec: Spec) -> list[str]:
    algorithm, probe = spec.get("algorithm", "paris-traceroute"), spec.get("probe-type", "udp")
    rules = (
        (algorithm != "paris-traceroute", f"Supports the algorithm paris-traceroute, not {algorithm}"),
        (spec.get("fragment", False), "Never lets packets be fragmented"),
        (spec.get("first-ttl", 1) > HOPS, f"Cannot begin beyond hop {HOPS}"),
        (spec.get("hops", HOPS) > MOST_HOPS, f"Cannot go beyond hop {MOST_HOPS}"),
        (spec.get("queries", 1) != 1, "Sends one query to each hop"),
        (probe not in ("udp", "tcp"), f"Does not send {probe}, only udp and tcp"),
        *((name in spec, f"Does not support {name}") for name in ("length", "ip-tos")),
    )
    return [reason for broken, reason in rules if broken]


def duration(test: str, spec: Spec) -> dt.timedelta:
    return hops.resolving(spec) + _longest(spec) + hops.lookups(spec)


def _longest(spec: Spec) -> dt.timedelta:
    """How long the program takes where it has to give up."""
    waits = SILENCES * hops.setting(spec, "wait", WAIT)
    return hops.pauses(spec) + hops.setting(spec, "wait") + waits


def argv(spec: Spec, dest: str, version: int) -> list[str]:
    """The program and its arguments, for an address of this version of IP."""
    probe = [f"--{spec['probe-type']}"] if "probe-type" in spec else []
    options = hops.given(
        ("--algorithm", spec.get("algorithm")),
        ("--first", spec.get("first-ttl")),
        ("--max-hops", spec.get("hops")),
        ("--dst-port", spec.get("dest-port")),
        ("--wait", seconds(hops.setting(spec, "wait")) if "wait" in spec else None),
        ("-z", _sendwait(hops.setting(spec, "sendwait")) if "sendwait" in spec else None),
    )
    return ["paris-traceroute", "-q", "1", f"-{version}", *probe, "-n", *options, dest]


def _sendwait(pause: dt.timedelta) -> str:
    # From 1 to 10 it means seconds, beyond that milliseconds; nothing below 1 is taken.
    if SECOND <= pause <= 10 * SECOND:
        return seconds(pause)
    return str(max(11, round(pause / _MS)))


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not trace; a path that ends nowhere is a measurement."""
    dest = host_lookup.resolve(job.spec["dest"], job.spec.get("ip-version"))
    command = argv(job.spec, str(dest), dest.version)
    return hops.measure(job, command, _longest(job.spec) + 2 * SECOND, parse)


TOOL = Tool(
    name="paris-traceroute",
    description="Trace the path to a host, keeping to one flow, with the program paris-traceroute",
    tests=("trace",),
    preference=-5,
    max_schema=1,
    programs=("paris-traceroute",),
    declines=declines,
    duration=duration,
    run=run,
    merge=hops.merge,
)

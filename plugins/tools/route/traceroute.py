"""traceroute: performs trace with the program of the same name (docs/contract/tools.md section 6).

The program is Butskoy's, 2.x. What it prints is read in ``traceroute_output.py``. Its own lookups of
autonomous systems are not asked for: they would go on its time, a connection a hop.
"""

import datetime as dt

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed
from plugins.sdk.tool import Tool
from plugins.support import host_lookup
from plugins.support.program_arguments import number, seconds
from plugins.tools.route import hops
from plugins.tools.route.hops import HOPS
from plugins.tools.route.traceroute_output import Hop, path, read

WAIT = 5 * SECOND
MOST_HOPS = 255
PROBES = {"icmp": ["-I"], "tcp": ["-T"], "udp": []}
LONGEST_IN_SECONDS = 10 * SECOND
"""The program takes what is more than 10 for milliseconds."""


def declines(test: str, spec: Spec) -> list[str]:
    rules = (
        ("algorithm" in spec, "Has no algorithms to choose from"),
        (spec.get("first-ttl", 1) > HOPS, f"Cannot begin beyond hop {HOPS}"),
        (spec.get("hops", HOPS) > MOST_HOPS, f"Cannot go beyond hop {MOST_HOPS}"),
        (spec.get("queries", 1) != 1, "Sends one query to each hop"),
    )
    return [reason for broken, reason in rules if broken]


def duration(test: str, spec: Spec) -> dt.timedelta:
    return hops.pauses(spec) + hops.setting(spec, "wait") + hops.lookups(spec)


def longest(spec: Spec) -> dt.timedelta:
    """How long the program may take."""
    return hops.setting(spec, "wait", WAIT) + hops.pauses(spec) + 2 * SECOND


def argv(spec: Spec, dest: str, version: int, source: str | None = None) -> list[str]:
    """The program and its arguments, for addresses of this version of IP."""
    probe = spec.get("probe-type", "udp")
    options = hops.given(
        ("-l", spec.get("flow-label")),
        ("-f", spec.get("first-ttl")),
        ("-s", source),
        ("-m", spec.get("hops")),
        ("-N", spec.get("hops", HOPS)),  # as many at once: a silent hop then keeps no other waiting
        ("-p", spec.get("dest-port") if probe != "icmp" else None),
        ("-t", spec.get("ip-tos")),
        ("-w", seconds(hops.setting(spec, "wait")) if "wait" in spec else None),
        ("-z", _sendwait(hops.setting(spec, "sendwait")) if "sendwait" in spec else None),
    )
    unfragmented = ["-F"] if spec.get("fragment") is False else []
    length = [number(spec["length"])] if "length" in spec else []
    return [
        "traceroute",
        "-q",
        "1",
        f"-{version}",
        *PROBES[probe],
        *unfragmented,
        "-n",
        *options,
        dest,
        *length,
    ]


def _sendwait(pause: dt.timedelta) -> str:
    return seconds(pause if pause <= LONGEST_IN_SECONDS else pause * 1000)


def parse(output: str) -> list[Hop]:
    """The hops in order. Raises PluginFailed where the program did not get to tracing."""
    found = path(read(output).hops)
    if not found:
        raise PluginFailed("traceroute printed no hops", output)
    return found


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not trace; a path that ends nowhere is a measurement."""
    spec = job.spec
    ends = host_lookup.ends(spec.get("source"), spec["dest"], spec.get("ip-version"))
    command = argv(spec, ends.dest, ends.version, ends.source)
    return hops.measure(job, command, longest(spec), parse)


TOOL = Tool(
    name="traceroute",
    description="Trace the path to a host with the program traceroute",
    tests=("trace",),
    max_schema=2,
    programs=("traceroute",),
    declines=declines,
    duration=duration,
    run=run,
    merge=hops.merge,
)

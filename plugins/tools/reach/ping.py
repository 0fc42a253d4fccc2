"""ping: performs rtt with the program of the same name (contract/tools.md section 3).

The program is that of iputils, 2017 or later; its output is read in ``_ping_output.py``.
"""

import datetime as dt
import math
from collections.abc import Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, ZERO, parse_duration
from plugins.sdk.base import Job, PluginFailed, Result, Spec, Tool, pick, wrapped
from plugins.support import hosts
from plugins.tools.reach.ping_output import parse

COUNT = 5
INTERVAL = SECOND
TIMEOUT = SECOND
PLANNED_TIMEOUT = 2 * SECOND
"""What planning takes the time-out for, where the spec has none."""
SHORTEST_INTERVAL = dt.timedelta(milliseconds=2)
"""What the program lets users other than root do since 2020 (before, 0.2 s)."""

COUNTERS = ("sent", "received", "lost", "reorders", "duplicates")
MERGED = ("roundtrips", "loss", *COUNTERS, "min", "max", "mean", "stddev")


def declines(test: str, spec: Spec) -> list[str]:
    version, protocol = spec.get("ip-version"), spec.get("protocol", "icmp")
    rules = (
        ("flow-label" in spec and version != 6, "Needs ip-version 6 for a flow-label"),
        (protocol != "icmp", f"Does not speak {protocol}, only icmp"),
        ("port" in spec, "There are no ports in icmp"),
        (_interval(spec) < SHORTEST_INTERVAL, "Intervals below 0.002 seconds need privileges"),
    )
    return [reason for broken, reason in rules if broken]


def _interval(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["interval"]) if "interval" in spec else INTERVAL


def longest(spec: Spec) -> dt.timedelta:
    """How long the program may take."""
    if "deadline" in spec:
        return parse_duration(spec["deadline"]) + SECOND
    timeout = parse_duration(spec["timeout"]) if "timeout" in spec else PLANNED_TIMEOUT
    return (spec.get("count", COUNT) - 1) * _interval(spec) + timeout + SECOND


def duration(test: str, spec: Spec) -> dt.timedelta:
    lookups = 2 * SECOND if spec.get("hostnames", True) else ZERO
    return longest(spec) + lookups + SECOND


def argv(spec: Spec, dest: str, version: int, source: str | None = None) -> list[str]:
    """The program and its arguments, for addresses of this version of IP."""
    options: list[tuple[str, JSON]] = [
        ("-c", spec.get("count", COUNT)),
        ("-F", spec.get("flow-label")),
        ("-M", {True: "want", False: "do", None: None}[spec.get("fragment")]),
        ("-i", _seconds(_interval(spec))),
        ("-I", source),
        ("-Q", spec.get("ip-tos")),
        ("-s", spec.get("length")),
        ("-t", spec.get("ttl")),
        # Whole seconds are all it understands here.
        ("-w", math.ceil(parse_duration(spec["deadline"]) / SECOND) if "deadline" in spec else None),
        ("-W", _seconds(parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT)),
    ]
    given = [text for flag, value in options if value is not None for text in (flag, str(value))]
    return [
        "ping",
        f"-{version}",
        "-n",
        *(["-L"] if spec.get("suppress-loopback") else []),
        *given,
        dest,
    ]


def _seconds(duration: dt.timedelta) -> str:
    return f"{duration.total_seconds():.6f}".rstrip("0").rstrip(".")


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not measure; a host that is silent is a measurement."""
    spec = job.spec
    ends = hosts.ends(spec.get("source"), spec["dest"], spec.get("ip-version"))
    command = argv(spec, ends.dest, ends.version, ends.source)
    job.wait_for_start()
    done = job.host.execute(command, timeout=longest(spec).total_seconds())
    diags = f"{' '.join(command)}\n\n{done.stdout}{done.stderr}"
    if (done.status != 0 and done.stderr) or not done.stdout:
        raise PluginFailed(done.stderr.strip() or f"ping ended with status {done.status}", diags)
    result = parse(done.stdout, spec.get("count", COUNT))
    if spec.get("hostnames", True):
        hosts.add_names(result["roundtrips"])
    return {"schema": 1, **wrapped({"schema": 1, "succeeded": True, **result}, diags)}


def merge(spec: Spec, results: Sequence[JSON]) -> Result | None:
    measured = pick(results)
    if measured is None:
        return None
    found = {name: measured[name] for name in MERGED if name in measured}
    return {"schema": 1, "succeeded": True, **found}


TOOL = Tool(
    name="ping",
    description="Measure round-trip times with ICMP echo, by the program ping",
    tests=("rtt",),
    max_schema=4,
    programs=("ping",),
    declines=declines,
    duration=duration,
    run=run,
    merge=merge,
)

"""ping: performs rtt with the program of the same name (docs/contract/tools.md section 3).

Which programs of that name there are stands in ``ping_programs.py``; what they print is read in
``ping_output.py``.
"""

import datetime as dt
from collections.abc import Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, ZERO, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Completed, Job, PluginFailed, wrapped
from plugins.sdk.test import Result
from plugins.sdk.tool import Tool, pick
from plugins.support import host_lookup
from plugins.tools.reach import ping_programs
from plugins.tools.reach.ping_output import parse
from plugins.tools.reach.ping_programs import Program

COUNT = 5
INTERVAL = SECOND
TIMEOUT = SECOND
PLANNED_TIMEOUT = 2 * SECOND
"""What planning takes the time-out for, where the spec has none."""
LATENESS = dt.timedelta(milliseconds=30)
"""How much later than asked for each packet may go: programs sleep for as long as the kernel likes."""

COUNTERS = ("sent", "received", "lost", "reorders", "duplicates")
MERGED = ("roundtrips", "loss", *COUNTERS, "min", "max", "mean", "stddev")

OPTIONAL = ("flow-label", "fragment", "ip-tos", "ttl", "suppress-loopback")


def declines(test: str, spec: Spec) -> list[str]:
    version, protocol = spec.get("ip-version"), spec.get("protocol", "icmp")
    rules = (
        ("flow-label" in spec and version != 6, "Needs ip-version 6 for a flow-label"),
        (protocol != "icmp", f"Does not speak {protocol}, only icmp"),
        ("port" in spec, "ICMP has no ports"),
    )
    return [reason for broken, reason in rules if broken]


def here(test: str, spec: Spec) -> list[str]:
    return refusals(spec, ping_programs.installed())


def refusals(spec: Spec, program: Program) -> list[str]:
    """Why a program of the name will not do; an empty list when it will."""
    named = ("source", "deadline", "ip-version", *OPTIONAL)
    return program.refusals(_interval(spec), {name: spec[name] for name in named if name in spec})


def _interval(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["interval"]) if "interval" in spec else INTERVAL


def slack(count: int) -> dt.timedelta:
    """How much longer than asked for so many packets may take."""
    return max(SECOND, count * LATENESS)


def longest(spec: Spec) -> dt.timedelta:
    """How long the program may take."""
    if "deadline" in spec:
        return parse_duration(spec["deadline"]) + SECOND
    timeout = parse_duration(spec["timeout"]) if "timeout" in spec else PLANNED_TIMEOUT
    count: int = spec.get("count", COUNT)
    return (count - 1) * _interval(spec) + timeout + slack(count)


def duration(test: str, spec: Spec) -> dt.timedelta:
    lookups = 2 * SECOND if spec.get("hostnames", True) else ZERO
    return longest(spec) + lookups + SECOND


def argv(
    spec: Spec, dest: str, version: int, source: str | None = None, program: Program | None = None
) -> list[str]:
    """The program and its arguments, for addresses of this version of IP."""
    wanted: dict[str, JSON] = {
        **{name: spec.get(name) for name in OPTIONAL},
        "count": spec.get("count", COUNT),
        "interval": _interval(spec),
        "source": source,
        "length": spec.get("length"),
        "deadline": parse_duration(spec["deadline"]) if "deadline" in spec else None,
        "timeout": parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT,
    }
    return (program or ping_programs.installed()).argv(dest, version, wanted)


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not measure; a host that is silent is a measurement."""
    spec, program = job.spec, ping_programs.installed()
    ends = host_lookup.ends(spec.get("source"), spec["dest"], version_for(spec, program))
    command = argv(spec, ends.dest, ends.version, ends.source, program)
    job.wait_for_start()
    done = job.host.execute(command, timeout=longest(spec).total_seconds())
    diags = f"{' '.join(command)}\n\n{done.stdout}{done.stderr}"
    complain(done, diags, program)
    result = parse(done.stdout, spec.get("count", COUNT))
    if spec.get("hostnames", True):
        host_lookup.add_names(result["roundtrips"])
    return {"schema": 1, **wrapped({"schema": 1, "succeeded": True, **result}, diags)}


def version_for(spec: Spec, program: Program) -> int | None:
    """The version of IP to ask for addresses of; None where either will do."""
    version: int | None = spec.get("ip-version")
    return version or (program.versions[0] if len(program.versions) == 1 else None)


def complain(done: Completed, diags: str, program: Program) -> None:
    """Raise PluginFailed where the program could not measure.

    Its status says whether anybody answered as well, and warnings are no errors.
    """
    errors = [line for line in done.stderr.splitlines() if line.strip() and "warning:" not in line.lower()]
    if (done.status != 0 and errors) or done.status not in program.statuses or not done.stdout:
        raise PluginFailed("\n".join(errors).strip() or f"ping ended with status {done.status}", diags)


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
    here=here,
    duration=duration,
    run=run,
    merge=merge,
)

"""What the tools that perform trace have in common (docs/contract/tools.md section 6)."""

import datetime as dt
import ipaddress
from collections.abc import Callable, Iterable, Sequence

from chalicelib.domain.schemas import JSON, Checker
from chalicelib.domain.times import SECOND, ZERO, parse_duration
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Completed, Job, PluginFailed, wrapped
from plugins.sdk.test import Result
from plugins.sdk.tool import pick
from plugins.support import host_lookup
from plugins.support.program_arguments import number
from plugins.tools.route import as_numbers
from plugins.tools.route.traceroute_output import Hop

HOPS = 30
_HOST = Checker(TYPES["Host"])


def setting(spec: Spec, name: str, default: dt.timedelta = ZERO) -> dt.timedelta:
    """A member of the spec that is a duration."""
    return parse_duration(spec[name]) if name in spec else default


def pauses(spec: Spec) -> dt.timedelta:
    """What waiting between packets adds up to, one a hop."""
    hops: int = spec.get("hops", HOPS)
    return hops * setting(spec, "sendwait")


def lookups(spec: Spec) -> dt.timedelta:
    """What finding host names and autonomous systems may take, and two seconds for everything else."""
    named = 2 * SECOND if spec.get("hostnames", True) else ZERO
    return named + systems(spec) + 2 * SECOND


def systems(spec: Spec) -> dt.timedelta:
    return 4 * SECOND if spec.get("as", True) else ZERO


def resolving(spec: Spec) -> dt.timedelta:
    """What looking up the destination may take: nothing for an address."""
    try:
        ipaddress.ip_address(spec["dest"])
    except ValueError:
        return 2 * SECOND
    return ZERO


def given(*options: tuple[str, JSON]) -> list[str]:
    """The arguments of the options that have a value."""
    return [text for flag, value in options if value is not None for text in (flag, number(value))]


def execute(job: Job, command: Sequence[str], limit: dt.timedelta) -> tuple[Completed, str]:
    """Run a program from the start on: how it ended, and the diagnostics. Raises PluginFailed."""
    job.wait_for_start()
    done = job.host.execute(command, timeout=limit.total_seconds())
    diags = f"{' '.join(command)}\n\n{done.stdout}{done.stderr}"
    if done.status != 0:
        raise PluginFailed(done.stderr.strip() or f"{command[0]} ended with status {done.status}", diags)
    return done, diags


def measure(job: Job, command: Sequence[str], limit: dt.timedelta, parse: Callable[[str], list[Hop]]) -> JSON:
    """The local result of a program that prints one path. Raises PluginFailed."""
    done, diags = execute(job, command, limit)
    return finished(job.spec, [parse(done.stdout)], diags)


def finished(spec: Spec, paths: list[list[Hop]], diags: str) -> JSON:
    """Paths as a local result, with what the spec wants to know of their hops."""
    hops = [hop for path in paths for hop in path]
    if spec.get("hostnames", True):
        host_lookup.add_names(hops)
        _drop_odd_names(hops)
    if spec.get("as", True):
        as_numbers.add_systems(hops)
    return {"schema": 1, **wrapped({"schema": 1, "succeeded": True, "paths": paths}, diags)}


def _drop_odd_names(hops: Iterable[Hop]) -> None:
    """Some routers have names in the DNS that no host may have, and that no result may hold."""
    for hop in hops:
        if "hostname" in hop and _HOST.problem(hop["hostname"]):
            del hop["hostname"]


def merge(spec: Spec, results: Sequence[JSON]) -> Result | None:
    measured = pick(results)
    return {"schema": 1, "succeeded": True, "paths": measured["paths"]} if measured else None

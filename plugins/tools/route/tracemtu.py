"""tracemtu: performs mtu with the program traceroute (docs/contract/tools.md section 7)."""

import datetime as dt

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.tool import Tool
from plugins.support import host_lookup
from plugins.tools.route.traceroute_output import read

HOPS = 30
WAIT = 2
"""Seconds to wait for each hop."""
TRACE_TIMEOUT = HOPS * WAIT + 2.0
"""Seconds the program may take."""


def duration(test: str, spec: Spec) -> dt.timedelta:
    return (HOPS * WAIT + 3) * SECOND


def argv(dest: str, version: int) -> list[str]:
    """The program and its arguments, for an address of this version of IP."""
    return ["traceroute", "-n", "-q", "1", "-m", str(HOPS), "-w", str(WAIT), "--mtu", f"-{version}", dest]


def parse(output: str) -> list[int]:
    """The MTUs along the way in bytes, the first link's first; the smallest is the path's.

    Where no hop made packets smaller, their size is all that is known: the path takes at least that.
    Raises PluginFailed where the host was not reached.
    """
    printed = read(output)
    if not printed.reached:
        raise PluginFailed(f"{printed.dest} was not reached", output)
    found = [hop["mtu"] for _, hop in sorted(printed.hops.items()) if "mtu" in hop]
    if not found and not printed.size:
        raise PluginFailed("traceroute printed no MTU", output)
    return found or [printed.size]


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not measure, or the host was not reached."""
    address = host_lookup.resolve(job.spec["dest"], job.spec.get("ip-version"))
    command = argv(str(address), address.version)
    job.wait_for_start()
    done = job.host.execute(command, timeout=TRACE_TIMEOUT)
    diags = f"{' '.join(command)}\n\n{done.stdout}{done.stderr}"
    if done.status != 0:
        raise PluginFailed(done.stderr.strip() or f"traceroute ended with status {done.status}", diags)
    return wrapped({"schema": 1, "succeeded": True, "mtu": min(parse(done.stdout))}, diags)


TOOL = Tool(
    name="tracemtu",
    label="Trace MTU",
    description="Measure the path MTU with the program traceroute",
    tests=("mtu",),
    preference=-10,
    max_schema=2,
    keys=frozenset(("schema", "source", "source-node", "dest", "ip-version")),
    programs=("traceroute",),
    duration=duration,
    run=run,
)

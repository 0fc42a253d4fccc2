"""fpingreach: performs netreach with the program fping, 4.0 or later (docs/contract/tools.md section 7).

It sends a packet a millisecond: at its own pace, ten times slower, a network of 254 silent hosts
would take longer than the planned four seconds.
"""

import datetime as dt
import math
import os
from collections.abc import Iterable, Iterator

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job
from plugins.sdk.tool import Tool
from plugins.tests.netreach import network
from plugins.tools.reach import address_sweep

UNREACHABLE = 1
"""The program's status where some addresses did not answer; those above mean that it could not try."""
KEPT_BACK = 4096
"""Bytes of a command line for the rest of it, and for the environment."""
BYTES = {4: 24, 6: 50}
"""What an address may take up on a command line, with the pointer to it."""


def duration(test: str, spec: Spec) -> dt.timedelta:
    runs = math.ceil(address_sweep.count(spec) / most(network(spec).version))
    return runs * (address_sweep.timeout(spec) + SECOND / 2 + SECOND) + SECOND


def most(version: int) -> int:
    """How many addresses fit a command line."""
    return (os.sysconf("SC_ARG_MAX") - KEPT_BACK) // BYTES[version]


def argv(addresses: Iterable[str], version: int, source: str | None = None) -> list[str]:
    """The program and its arguments, for addresses of this version of IP."""
    bound = ["-S", source] if source else []
    return ["fping", "-q", "-a", "-r", "1", "-i", "1", f"-{version}", *bound, *addresses]


def heard(line: str) -> str | None:
    """The address a line of the output says is up."""
    return address_sweep.address(line.strip())


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not try, or not finish in time."""
    source = address_sweep.source(job.spec)
    program = address_sweep.Program(address_sweep.timeout(job.spec) + SECOND, heard, highest=UNREACHABLE)
    return address_sweep.search(job, _commands(job.spec, source), program)


def _commands(spec: Spec, source: str | None) -> Iterator[list[str]]:
    version = network(spec).version
    for batch in address_sweep.batches(address_sweep.targets(spec), most(version)):
        yield argv(batch, version, source)


TOOL = Tool(
    name="fpingreach",
    label="FPing Reach",
    description="Find out whether a network can be reached with the program fping",
    tests=("netreach",),
    max_schema=1,
    programs=("fping",),
    duration=duration,
    run=run,
    merge=address_sweep.merge,
)

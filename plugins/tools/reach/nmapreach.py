"""nmapreach: performs netreach with the program nmap (docs/contract/tools.md section 7)."""

import datetime as dt
import math
import re
from collections.abc import Iterable, Iterator

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job
from plugins.sdk.tool import Tool
from plugins.tests.netreach import network
from plugins.tools.reach import address_sweep

MOST_HOSTS = 64
"""How many hosts are tried where the spec does not say."""
_UP = re.compile(r"^Host: (?P<address>\S{1,60}) .*\bStatus: Up$")
_MS = dt.timedelta(milliseconds=1)


def duration(test: str, spec: Spec) -> dt.timedelta:
    runs = math.ceil(address_sweep.count(spec, MOST_HOSTS) / parallel(spec))
    return runs * (address_sweep.timeout(spec) + SECOND / 2) + SECOND


def parallel(spec: Spec) -> int:
    """How many addresses are tried at once: those up to the limit, unless the spec says."""
    return int(spec.get("parallel", spec.get("limit", MOST_HOSTS)))


def argv(addresses: Iterable[str], version: int, timeout: dt.timedelta) -> list[str]:
    """The program and its arguments, for addresses of this version of IP."""
    family = ["-6"] if version == 6 else []
    patience = max(1, round(timeout / _MS))
    return ["nmap", "-n", "-sn", *family, "-oG", "-", "--host-timeout", f"{patience}ms", *addresses]


def heard(line: str) -> str | None:
    """The address a line of the output says is up."""
    found = _UP.match(line.strip())
    return address_sweep.address(found["address"]) if found else None


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not try, or not finish in time."""
    program = address_sweep.Program(address_sweep.timeout(job.spec) * 1.5, heard, highest=0)
    return address_sweep.search(job, _commands(job.spec), program)


def _commands(spec: Spec) -> Iterator[list[str]]:
    version, timeout = network(spec).version, address_sweep.timeout(spec)
    for batch in address_sweep.batches(address_sweep.targets(spec, MOST_HOSTS), parallel(spec)):
        yield argv(batch, version, timeout)


TOOL = Tool(
    name="nmapreach",
    label="NMAP Reach",
    description="Find out whether a network can be reached with the program nmap",
    tests=("netreach",),
    preference=-100,
    max_schema=1,
    programs=("nmap",),
    duration=duration,
    run=run,
    merge=address_sweep.merge,
)

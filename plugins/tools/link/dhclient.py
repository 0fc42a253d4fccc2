"""dhclient: performs dhcp with the program of the same name (docs/contract/tools.md section 7).

The lease there is, is given back first, and then the time is taken until there is one again; the reference
took that of giving it back. Only some builds of the program know of a time-out, so we keep it for them.
The program goes on in the background, renewing the lease, as it does wherever it is used.
"""

import datetime as dt
import re
import time
from collections.abc import Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Cancelled, Job, PluginFailed, wrapped
from plugins.sdk.tool import Tool
from plugins.tools.link import interfaces

PROGRAM = "dhclient"
RELEASING = 5 * SECOND
TIMEOUT = 20 * SECOND
MARGIN = 2 * SECOND

_BOUND = re.compile(r"^bound to (\S+)", re.MULTILINE)
_TROUBLE = re.compile(r"^(?:No DHCPOFFERS|Failed|Unable|Unknown|Can't|.*not permitted).*$", re.MULTILINE)


def timeout(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT


def duration(test: str, spec: Spec) -> dt.timedelta:
    return RELEASING + timeout(spec) + MARGIN


def declines(test: str, spec: Spec) -> list[str]:
    return interfaces.refusal(spec["interface"]) if "interface" in spec else []


def argv(spec: Spec, options: Sequence[str] = ()) -> list[str]:
    """The program and its arguments: one attempt to get a lease, telling of it."""
    interface = [spec["interface"]] if "interface" in spec else []
    return [PROGRAM, *options, "-v", "-1", *interface]


def parse(output: str) -> str:
    """The address that was leased. Raises PluginFailed, with what the program says, where none was."""
    bound = _BOUND.findall(output)
    if bound:
        return str(bound[-1])
    error = _TROUBLE.search(output)
    raise PluginFailed(error[0] if error else "No lease was obtained", output)


def run(job: Job) -> JSON:
    """Raises PluginFailed where there is no lease, or none in time."""
    limit = timeout(job.spec)
    job.wait_for_start()
    released = _release(job)
    begun = time.monotonic()
    done = job.host.execute(argv(job.spec), timeout=limit.total_seconds())
    taken = dt.timedelta(seconds=time.monotonic() - begun)
    address = parse(done.stdout + done.stderr)
    result = {"schema": 1, "succeeded": True, "time": format_duration(taken), "ip_address": address}
    return wrapped(result, f"{released}{done.stdout}{done.stderr}")


def _release(job: Job) -> str:
    """Give back the lease there is, if there is any; what the program said."""
    try:
        done = job.host.execute(argv(job.spec, ["-r"]), timeout=RELEASING.total_seconds())
    except Cancelled:
        raise
    except PluginFailed as error:
        return f"{error.message}\n{error.diags}\n"
    return f"{done.stdout}{done.stderr}\n"


TOOL = Tool(
    name="dhclient",
    label="DH Client",
    description="Get an address from a DHCP server, by the program dhclient",
    tests=("dhcp",),
    programs=(PROGRAM,),
    needs=interfaces.root_refusal,
    declines=declines,
    duration=duration,
    run=run,
)

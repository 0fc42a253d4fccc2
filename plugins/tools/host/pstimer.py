"""pstimer: performs psresponse by fetching the root of a node's API (docs/contract/tools.md section 2).

A node that does not answer is a measurement too: one without a time, and with a reason.
"""

import datetime as dt
import time
from collections.abc import Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed
from plugins.sdk.test import Result
from plugins.sdk.tool import Tool
from plugins.support import guarded_connections, host_lookup, sayings

PATH = "/pscheduler/"
PORT = 443
TIMEOUT = 10 * SECOND
LONGEST_ANSWER = 65536
"""Bytes read of an answer: a node says little there."""


def timeout(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT


def duration(test: str, spec: Spec) -> dt.timedelta:
    return timeout(spec)


def run(job: Job) -> JSON:
    spec, limit = job.spec, timeout(job.spec).total_seconds()
    job.wait_for_start()
    return {"schema": 1, "succeeded": True, **measure(spec["dest"], limit, spec.get("source"))}


def measure(dest: str, limit: float, source: str | None = None, port: int = PORT) -> dict[str, JSON]:
    """``{time}`` of an answer within so many seconds, or ``{time: null, reason}``."""
    begun = time.perf_counter()
    try:
        host_lookup.limited(limit, lambda: ask(dest, limit, source, port))
    except TimeoutError:
        return {"time": None, "reason": f"No answer in {limit:g} seconds"}
    except PluginFailed as error:
        return {"time": None, "reason": error.message}
    return {"time": format_duration(dt.timedelta(seconds=time.perf_counter() - begun))}


def ask(dest: str, limit: float, source: str | None, port: int) -> None:
    """Fetch the root of a node's API by HTTPS. Raises PluginFailed, also for any status but 200.

    Certificates are not checked: what is measured is time, and nodes come with self-signed ones.
    """
    import urllib3

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    ends = host_lookup.ends(source, dest)
    pool = guarded_connections.pool_classes(guarded_connections.Purpose.NODE)["https"](
        ends.dest,
        port,
        cert_reqs="CERT_NONE",
        assert_hostname=False,
        server_hostname=dest,
        source_address=(ends.source, 0) if ends.source else None,
        headers={"Host": f"[{dest}]" if ":" in dest else dest},
    )
    try:
        waits = urllib3.Timeout(total=limit)
        with guarded_connections.ending(limit), pool:
            answer = pool.request(
                "GET", PATH, timeout=waits, retries=False, redirect=False, preload_content=False
            )
            with answer:
                answer.read(LONGEST_ANSWER)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise PluginFailed(f"{dest} did not answer: {sayings.said(error)}") from error
    if answer.status != 200:
        raise PluginFailed(f"{dest} answered with status {answer.status}")


def merge(spec: Spec, results: Sequence[JSON]) -> Result | None:
    first = results[0]
    return first if isinstance(first, dict) and first.get("succeeded") else None


TOOL = Tool(
    name="pstimer",
    label="pS Timer",
    description="Measure how long a pScheduler node takes to answer",
    tests=("psresponse",),
    duration=duration,
    run=run,
    merge=merge,
)

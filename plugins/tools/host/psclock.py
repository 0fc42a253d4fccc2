"""psclock: performs clock by asking two nodes for their clocks at once (docs/contract/tools.md section 2).

The source's clock is this machine's own, unless the spec names a node that measures for the source.
"""

import datetime as dt
import json
from collections.abc import Sequence

from chalicelib.domain.schemas import JSON, Checker
from chalicelib.domain.times import SECOND, format_duration, parse_duration, parse_timestamp
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.test import Result
from plugins.sdk.tool import Tool, pick
from plugins.support import guarded_connections, host_lookup, sayings

TIMEOUT = 5 * SECOND
LONGEST_ANSWER = 65536
"""Bytes read of an answer: a clock is described in a few hundred."""

_STATE = Checker(TYPES["ClockState"])


def timeout(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT


def duration(test: str, spec: Spec) -> dt.timedelta:
    return timeout(spec) + SECOND


def run(job: Job) -> JSON:
    """Raises PluginFailed where either clock cannot be had."""
    source, dest = remote_source(job.spec), job.spec["dest"]
    limit = timeout(job.spec).total_seconds()
    job.wait_for_start()
    try:
        local, remote = host_lookup.together(
            limit,
            [
                lambda: fetch_clock(source, limit) if source else known(job.host.clock_state()),
                lambda: fetch_clock(dest, limit),
            ],
        )
    except TimeoutError as error:
        raise PluginFailed(f"The clocks did not answer in {limit:g} seconds") from error
    result = {"local": local, "remote": remote, "difference": difference(local, remote)}
    return {"schema": 1, **wrapped({"succeeded": True, **result})}


def remote_source(spec: Spec) -> str | None:
    """The source where its clock is to be fetched; None where it is this host, which is then measuring."""
    return spec.get("source") if spec.get("source-node", spec.get("source")) != spec.get("source") else None


def fetch_clock(host: str, limit: float) -> dict[str, JSON]:
    """The clock of the node at ``host[:port]``, by HTTPS, within so many seconds.

    Certificates are not checked: nodes come with self-signed ones. Raises PluginFailed.
    """
    import urllib3

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    url = f"https://{host}/pscheduler/clock"
    try:
        with (
            guarded_connections.ending(limit),
            urllib3.PoolManager(cert_reqs="CERT_NONE") as pools,
        ):
            pools.pool_classes_by_scheme = guarded_connections.pool_classes(guarded_connections.Purpose.NODE)
            waits = urllib3.Timeout(total=limit)
            response = pools.request(
                "GET", url, timeout=waits, retries=False, redirect=False, preload_content=False
            )
            with response:
                status, body = response.status, response.read(LONGEST_ANSWER)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise PluginFailed(f"{url} could not be fetched: {sayings.said(error)}") from error
    if status != 200:
        raise PluginFailed(f"{url} answered with status {status}", body.decode(errors="replace"))
    try:
        return known(json.loads(body))
    except ValueError as error:
        raise PluginFailed(f"{url} did not answer with JSON: {error}") from error


def known(state: JSON) -> dict[str, JSON]:
    """A node's answer to /clock as a ClockState, which has no ``error``. Raises PluginFailed."""
    members = TYPES["ClockState"]["properties"]
    if not isinstance(state, dict):
        raise PluginFailed("The answer describes no clock: it is not an object")
    kept = {name: value for name, value in state.items() if name in members}
    problem = _STATE.problem(kept)
    if problem:
        raise PluginFailed(f"The answer describes no clock: {problem}")
    return kept


def difference(local: dict[str, JSON], remote: dict[str, JSON]) -> str:
    """How far the clocks were apart, whichever was ahead. Raises Invalid for a time that is none."""
    return format_duration(abs(parse_timestamp(local["time"]) - parse_timestamp(remote["time"])))


def merge(spec: Spec, results: Sequence[JSON]) -> Result | None:
    measured = pick(results)
    if measured is None:
        return None
    return {
        "schema": 1,
        "succeeded": True,
        **{name: measured[name] for name in ("local", "remote", "difference")},
    }


TOOL = Tool(
    name="psclock",
    label="pS Clock",
    description="Compare the clocks of two pScheduler nodes",
    tests=("clock",),
    max_schema=2,
    duration=duration,
    run=run,
    merge=merge,
)

"""sleep: performs idle and idleex by sleeping, for longer waits (contract/tools.md section 8)."""

import datetime as dt
from collections.abc import Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from plugins.base import Job, Result, Spec, Tool, pick, wrapped

SHORTEST = dt.timedelta(seconds=15)
LONGEST = dt.timedelta(hours=1)


def declines(test: str, spec: Spec) -> list[str]:
    duration = parse_duration(spec["duration"])
    if duration < SHORTEST:
        return ["Only sleeps 15 seconds or more"]
    return ["Only sleeps up to an hour"] if duration > LONGEST else []


def duration(test: str, spec: Spec) -> dt.timedelta:
    # A second more than the sleep itself, for waking up and reporting.
    return parse_duration(spec["duration"]) + SECOND


def run(job: Job) -> JSON:
    time = parse_duration(job.spec["duration"])
    job.wait_for_start()
    job.sleep(time)
    comments = (job.spec.get(name) for name in ("starting-comment", "parting-comment"))
    diags = "".join(f"{comment}\n" for comment in comments if comment)
    return wrapped({"time-slept": format_duration(time)}, diags, error="")


def merge(spec: Spec, results: Sequence[JSON]) -> Result | None:
    slept = pick(results)
    if slept is None:
        return {"succeeded": False}
    return {"schema": 1, "succeeded": True, "duration": slept["time-slept"]}


TOOL = Tool(
    name="sleep",
    description="Sleep for a while, up to an hour",
    tests=("idle", "idleex"),
    max_schema=2,
    declines=declines,
    duration=duration,
    run=run,
    merge=merge,
)

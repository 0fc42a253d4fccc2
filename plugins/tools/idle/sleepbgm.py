"""sleepbgm: performs idlebgm, reporting every interval that it slept (docs/contract/tools.md section 8)."""

import datetime as dt

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, ZERO, format_duration, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, wrapped
from plugins.sdk.tool import Tool
from plugins.tools.idle import idle_tool

SHORTEST = dt.timedelta(milliseconds=100)
"""Every interval makes a run that is stored; shorter ones would only fill the store."""


def interval(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["interval"]) if "interval" in spec else SECOND


def declines(test: str, spec: Spec) -> list[str]:
    return ["Only reports intervals of 0.1 seconds or more"] if interval(spec) < SHORTEST else []


def duration(test: str, spec: Spec) -> dt.timedelta:
    return parse_duration(spec["duration"])


def run(job: Job) -> JSON:
    """Emit a result at the end of every whole interval, counted from the start.

    One that begins late, because the run was started again, emits what is left to emit.
    """
    whole, step = parse_duration(job.spec["duration"]), interval(job.spec)
    job.wait_for_start()
    begun = job.begins
    slept = ZERO
    for number in range(1, whole // step + 1):
        if job.start + number * step <= begun:
            continue
        job.host.sleep_until(job.start + number * step)
        slept += step
        job.emit({"succeeded": True, "time-slept": format_duration(step)})
    job.host.sleep_until(job.start + whole)
    return wrapped({"time-slept": format_duration(slept)}, idle_tool.comments(job.spec), error="")


TOOL = Tool(
    name="sleepbgm",
    label="Sleep Background-Multi",
    description="Sleep for a while in the background, with a result every interval",
    tests=("idlebgm",),
    max_schema=1,
    declines=declines,
    duration=duration,
    run=run,
    resumes=True,
    merge=idle_tool.merge,
)

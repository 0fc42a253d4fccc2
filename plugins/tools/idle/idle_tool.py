"""What the tools that idle have in common: sleeping for a spec's ``duration`` and saying so."""

import datetime as dt
from collections.abc import Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, wrapped
from plugins.sdk.test import Result
from plugins.sdk.tool import pick


def duration(test: str, spec: Spec) -> dt.timedelta:
    """A second more than the sleep itself, for waking up and reporting."""
    return parse_duration(spec["duration"]) + SECOND


def idle(spec: Spec) -> tuple[dt.timedelta, JSON]:
    """How long to sleep from the start on, and what to say then; the comments become the diagnostics."""
    time = parse_duration(spec["duration"])
    return time, wrapped({"time-slept": format_duration(time)}, comments(spec), error="")


def run(job: Job) -> JSON:
    """Sleep from the start on."""
    time, result = idle(job.spec)
    job.wait_for_start()
    job.sleep(time)
    return result


def comments(spec: Spec) -> str:
    """The starting and the parting comment, a line each."""
    given = (spec.get(name) for name in ("starting-comment", "parting-comment"))
    return "".join(f"{comment}\n" for comment in given if comment)


def merge(spec: Spec, results: Sequence[JSON]) -> Result | None:
    """What the first participant slept; the others of a multi-participant idle do not count."""
    slept = pick(results)
    if slept is None:
        return {"succeeded": False}
    return {"schema": 1, "succeeded": True, "duration": slept["time-slept"]}

"""Where in time a task's runs could be: the starts it wants, and what is free around them."""

import dataclasses
import datetime as dt
import random
from collections.abc import Sequence

from chalicelib.domain import conflicts, repeat
from chalicelib.domain.conflicts import Occupation, Range
from chalicelib.domain.run import Reason
from chalicelib.domain.task import HORIZON, Task
from chalicelib.domain.times import SECOND
from chalicelib.service.limits import admission
from chalicelib.settings import settings
from chalicelib.store import timeline

NO_TIME = "no-time"
"""The code of the reason that a run is in the way."""


@dataclasses.dataclass(frozen=True)
class Proposal:
    """When a task's next run would start; None when never, or, for a reason, when no time is left for it."""

    start: dt.datetime | None
    reason: Reason | None = None


def next_starts(task: Task, now: dt.datetime, most: int, have_to_agree: bool = False) -> list[dt.datetime]:
    """The starts that come next inside the horizon, ``most`` at the most."""
    earliest = repeat.earliest_start(now, have_to_agree, settings().head_start * SECOND)
    # As early as the planner looks (Task.replanned), but for what is wanted at once: with a slip of a day
    # that would always be just out of reach.
    latest = max(earliest, now + task.early)
    starts: list[dt.datetime] = []
    for _ in range(most):
        task = task.counted(starts[-1:]) if starts else task
        slot = task.next_try(earliest - SECOND)
        if slot is None or (slot > latest and not task.is_multi_result):
            break
        starts.append(max(slot, earliest))
    return starts


def window(task: Task, desired: dt.datetime) -> Range:
    """The time in which a run wanted at an instant must lie, its slip used to the full."""
    return Range(desired, desired + task.duration + task.schedule.slip_for(task.duration))


def free(task: Task, entries: Sequence[Occupation], span: Range, now: dt.datetime) -> list[Range]:
    """What is free for the task in a window; what it may displace only where nothing else is."""
    wanted = Occupation(span.lower, span.upper, task.is_exclusive)
    ranges = conflicts.free_ranges(entries, wanted, task.duration, now, avoid_all=True)
    if not ranges and task.priority is not None:
        wanted = dataclasses.replace(wanted, priority=admission.priority(task, span.lower, now))
        ranges = conflicts.free_ranges(entries, wanted, task.duration, now, avoid_all=False)
    return ranges


def choose(task: Task, ranges: Sequence[Range]) -> dt.datetime | None:
    """The start within what is free: the first there is, or at random where the task asks for that."""
    if not ranges:
        return None
    if not task.schedule.sliprand:
        return ranges[0].lower
    chosen = random.choice(ranges)  # noqa: S311 - spreads load, guards nothing
    spare = (chosen.length - task.duration) // SECOND
    return chosen.lower + SECOND * random.randint(0, max(0, spare - 1))  # noqa: S311


def propose(task: Task, now: dt.datetime, have_to_agree: bool = False) -> Proposal:
    """Where the next run of a task would be placed now, by participants who may have to agree on it."""
    starts = next_starts(task, now, 1, have_to_agree=have_to_agree)
    if not starts:
        return Proposal(task.next_try(now))
    if task.is_anytime:
        return Proposal(starts[0])
    span = window(task, starts[0])
    entries = timeline.read_entries(task.node, span.lower, span.upper)
    start = choose(task, free(task, entries, span, now))
    if start is not None:
        return Proposal(start)
    rank = admission.priority(task, span.lower, now)
    wanted = Occupation(span.lower, span.lower + task.duration, task.is_exclusive, rank)
    blocking = conflicts.blocker(entries, wanted, now)
    return Proposal(None, Reason(NO_TIME, taken_by(blocking), blocking.run) if blocking else None)


def taken_by(blocking: Occupation) -> str:
    """The sentence that names the run in the way."""
    return f"The time is taken by run {blocking.run} of task {blocking.task}"


def proposals(
    task: Task, start: dt.datetime | None, end: dt.datetime | None, priority: int | None, now: dt.datetime
) -> list[Range]:
    """Where a run of a task that takes up time would fit (docs/contract/scheduler.md section 6)."""
    span = conflicts.window(start, end, now, HORIZON)
    if span is None:
        return []
    rank = None if priority is None else min(priority, admission.priority(task, span.lower, now) or 0)
    wanted = Occupation(span.lower, span.upper, task.is_exclusive, rank)
    entries = timeline.read_entries(task.node, span.lower, span.upper)
    return conflicts.free_ranges(entries, wanted, task.duration, now, avoid_all=priority is None)

"""Placing runs: where in time, decided on what was read, written only if it still holds.

Nothing here waits for long: a few tries with jitter, then the conflict is the answer.
"""

import dataclasses
import datetime as dt
import random
import time
import uuid
from collections.abc import Callable, Sequence

from chalicelib.domain import conflicts, repeat
from chalicelib.domain.conflicts import Occupation, Range
from chalicelib.domain.errors import Blocked, Conflict, Overtaken
from chalicelib.domain.run import Documents, Reason, Run, occupation
from chalicelib.domain.runstate import State
from chalicelib.domain.task import HORIZON, Task
from chalicelib.domain.times import SECOND, truncate
from chalicelib.outside.machine import Machine
from chalicelib.service import heartbeats
from chalicelib.service.dispatching import is_imminent, send
from chalicelib.store import tasks, timeline
from chalicelib.store.booking import MOST_RUNS, Booking, Time, commit
from plugins import registry

TRIES = 12
LONGEST_PAUSE = 0.05
"""Seconds between tries, at most, for each try so far; one transaction takes a few milliseconds."""


@dataclasses.dataclass(frozen=True)
class Placed:
    """What came of placing: the task as it is now, and its new runs, non-starters among them."""

    task: Task
    runs: Sequence[Run] = ()


def place_next(task: Task, now: dt.datetime, is_new: bool = False) -> Placed:
    """Place the task's next run, or a batch of them where they conflict with nothing.

    Writes nothing but the task itself when its next run is not yet inside the horizon. A run for
    which there is no time becomes a non-starter that says why. Raises Overtaken when the time is
    fought over too hard.
    """

    def attempt(task: Task) -> Placed:
        starts = _next_starts(task, now)
        if not starts or task.is_anytime:
            return _write(task, now, is_new, [_new_run(task, start, now) for start in starts])
        return _book_in_window(task, starts[0], now, is_new)

    return _persistently(attempt, task, is_new)


def place_at(task: Task, start: dt.datetime, now: dt.datetime, run: str | None = None) -> Placed:
    """Place a run of a task at exactly this second. Raises Blocked, naming the run in the way."""

    def attempt(task: Task) -> Placed:
        if not task.enabled:
            raise Conflict(f"Task {task.uuid} was cancelled")
        wanted = _new_run(task, truncate(start), now, run)
        return _write(task, now, False, [wanted]) if task.is_anytime else _book(task, wanted, now, False)

    return _persistently(attempt, task, False)


def give_back(task: Task, run: Run, end: dt.datetime) -> None:
    """Free the time a run has booked after an end that is before its own."""
    booked = occupation(run, task)
    if booked is not None and end < booked.end:
        timeline.shorten(booked, end)


def _persistently(attempt: Callable[[Task], Placed], task: Task, is_new: bool) -> Placed:
    """Make an attempt until nobody else was faster, each time on the task as it then is."""
    for tries in range(1, TRIES):
        try:
            return attempt(task)
        except Overtaken:
            time.sleep(random.uniform(0, LONGEST_PAUSE * tries))  # noqa: S311 - spreads load
            task = task if is_new else tasks.get(task.uuid)
    return attempt(task)


def proposals(
    task: Task, start: dt.datetime | None, end: dt.datetime | None, priority: int | None, now: dt.datetime
) -> list[Range]:
    """Where a run of a task that takes up time would fit (contract/scheduler.md section 6)."""
    span = conflicts.window(start, end, now, HORIZON)
    if span is None:
        return []
    rank = None if priority is None else min(priority, task.priority or 0)
    wanted = Occupation(span.lower, span.upper, task.is_exclusive, rank)
    entries = timeline.read_entries(span.lower, span.upper)
    return conflicts.free_ranges(entries, wanted, task.duration, now, avoid_all=priority is None)


def _next_starts(task: Task, now: dt.datetime) -> list[dt.datetime]:
    """The starts to place next: one, or as many as fit a transaction for the anytime classes."""
    earliest = repeat.earliest_start(now, len(task.participants))
    horizon = now + HORIZON
    starts: list[dt.datetime] = []
    most = MOST_RUNS if task.is_anytime else 1
    while len(starts) < most:
        slot = task.next_try(earliest - SECOND)
        if slot is None or (
            slot + task.schedule.slip_for(task.duration) > horizon and not task.is_multi_result
        ):
            break
        starts.append(max(slot, earliest))
        task = task.counting(starts[-1:], now)
    return starts


def _book_in_window(task: Task, desired: dt.datetime, now: dt.datetime, is_new: bool) -> Placed:
    slip = task.schedule.slip_for(task.duration)
    entries = timeline.read_entries(desired, desired + task.duration + slip)
    start = _choose(task, entries, desired, slip, now)
    try:
        return _book(task, _new_run(task, start or desired, now), now, is_new)
    except Blocked as trouble:
        if start is not None:
            raise Overtaken("The time chosen was taken meanwhile") from trouble
        return _write(task, now, is_new, [_nonstarter(task, desired, now, trouble)])


def _choose(
    task: Task, entries: Sequence[Occupation], desired: dt.datetime, slip: dt.timedelta, now: dt.datetime
) -> dt.datetime | None:
    wanted = Occupation(desired, desired + task.duration + slip, task.is_exclusive, task.priority)
    ranges = conflicts.free_ranges(entries, wanted, task.duration, now, avoid_all=True)
    if not ranges and task.priority is not None:
        ranges = conflicts.free_ranges(entries, wanted, task.duration, now, avoid_all=False)
    if not ranges:
        return None
    if not task.schedule.sliprand:
        return ranges[0].lower
    chosen = random.choice(ranges)  # noqa: S311 - spreads load, guards nothing
    spare = (chosen.length - task.duration) // SECOND
    return chosen.lower + SECOND * random.randint(0, max(0, spare - 1))  # noqa: S311


def _book(task: Task, run: Run, now: dt.datetime, is_new: bool) -> Placed:
    wanted = occupation(run, task)
    if wanted is None:
        raise ValueError("only runs that take up time are booked")
    guards = timeline.read_guards(run.start, run.end)  # before the entries: see store/timeline.py
    blocking = conflicts.blocker(timeline.read_entries(run.start, run.end), wanted, now)
    if blocking:
        raise Blocked(f"The time is taken by run {blocking.run} of task {blocking.task}", blocking.run)
    return _write(task, now, is_new, [run], Time(wanted, guards))


def _new_run(task: Task, start: dt.datetime, now: dt.datetime, run: str | None = None) -> Run:
    data = registry.tools()[task.tool].participant_data(task.participant, task.spec, Machine())
    return Run(
        task=task.uuid,
        uuid=run or str(uuid.uuid4()),
        start=start,
        end=start + task.duration,
        state=State.PENDING,
        added=now,
        priority=task.priority,
        documents=Documents(
            participant_data=data,
            participant_data_full=[data] if len(task.participants) == 1 else None,
            limit_diags=task.limit_diags,
        ),
        dispatched=is_imminent(start, now),
    )


def _nonstarter(task: Task, desired: dt.datetime, now: dt.datetime, trouble: Blocked) -> Run:
    reason = Reason("no-time", trouble.message, trouble.run)
    return dataclasses.replace(
        _new_run(task, desired, now),
        state=State.NONSTART,
        errors=f"No time for it between {desired} and the end of its slip. {trouble.message}",
        documents=Documents(reason=reason.describe()),
        dispatched=False,
    )


def _write(
    task: Task, now: dt.datetime, is_new: bool, runs: Sequence[Run], taken: Time | None = None
) -> Placed:
    after = task.counting([run.start for run in runs], now) if runs else task.replanned(now)
    if is_new or runs or after.plan_at != task.plan_at:
        commit(Booking(None if is_new else task, after, runs, taken), now)
    send(runs, now)
    if runs:
        heartbeats.note(heartbeats.LAST_SCHEDULED, now)
    return Placed(after, runs)

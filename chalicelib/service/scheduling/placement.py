"""Placing runs where no other node has to agree: read, decide, and write only if it still holds.

Nothing here waits for long: a few tries with jitter, then the conflict is the answer.
"""

import contextlib
import datetime as dt
import random
import time
from collections.abc import Callable, Sequence

from chalicelib.domain.conflicts import Occupation, Range
from chalicelib.domain.errors import Blocked, Conflict, NotFound, Overtaken, StaleRun
from chalicelib.domain.names import RunId
from chalicelib.domain.run import Reason, Run, occupation
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import truncate
from chalicelib.infrastructure.turns import Turns
from chalicelib.service.archiving import selection
from chalicelib.service.scheduling import slots as seeking
from chalicelib.service.scheduling.reservation import (
    Placed,
    adopt,
    id_at,
    new_run,
    nonstarter,
    require_free,
    time_for,
    write,
    write_singly,
)
from chalicelib.store import run_table, task_table, timeline
from chalicelib.store.timeline import Snapshot
from chalicelib.store.transactions.booking import MOST_RUNS, New, Time

MOST_AT_FIRST = 10
"""Runs placed with their task while whoever posts it waits."""
MOST_TOGETHER = 8
"""Runs that take up time placed in one transaction: the more of it, the likelier somebody else is faster."""
WIDE_WINDOW = 16 * timeline.BUCKET
"""Windows up to this length have all their guards read; a run of a wider one is looked for first."""
TRIES_TO_BOOK = 20
_counting = Turns()
"""Of those who place runs of one task at once, all but one would find it changed."""
PAUSE_PER_TRY, LONGEST_PAUSE_TO_BOOK = 0.05, 0.5
"""Seconds between tries, at most: for each try so far, and for any. A transaction takes milliseconds."""


def place_next(task: Task, now: dt.datetime, new: New | None = None) -> Placed:
    """Place the task's next run, or a batch of them: all that fit a transaction, but for a new task.

    Writes nothing but the task itself when its next run is not yet inside the horizon. A run for
    which there is no time becomes a non-starter that says why. ``new`` for a task that is not stored
    yet. Raises Overtaken when the time is fought over too hard, Repeated when a new task's
    idempotency key was used meanwhile.
    """
    most = 1 if new and not task.is_anytime else _most_together(task)
    if new and task.schedule.repeats:
        most = min(most, MOST_AT_FIRST)  # whoever posts it waits; the planner places the others

    def attempt(task: Task) -> Placed:
        nonlocal most
        if new is None and _goes_singly(task):
            return _place_singly(task, now)
        starts = seeking.next_starts(task, now, most)
        if not starts or task.is_anytime:
            return write(task, now, [new_run(task, start, now) for start in starts], new)
        most = max(1, most // 2)  # of the less time, the likelier nobody is faster
        if _is_wide(task):
            return _book_after_searching(task, starts[0], now, new)
        return _book_together(task, starts, now, new)

    return persistently(attempt, task, new)


def _goes_singly(task: Task) -> bool:
    """Whether its runs need no transaction: nothing is in their way, and nothing is stored with them."""
    alone = task.is_anytime and task.is_lead and not task.others
    return alone and not task.is_multi_result and not selection.wants_nonstarters(task)


def _place_singly(task: Task, now: dt.datetime) -> Placed:
    """Place all runs inside the horizon; first count those that somebody placed and did not come to count."""
    left = _uncounted(task, now)
    if left and not task.enabled:
        _remove(left)  # it was cancelled while they were placed
        return Placed(task)
    if left:
        return adopt(task, now, left)
    starts = seeking.next_starts(task, now, MOST_RUNS)
    return write_singly(task, now, [new_run(task, start, now, id_at(task, start)) for start in starts])


def _uncounted(task: Task, now: dt.datetime) -> list[Run]:
    """Those that are there already of the runs that come next. Beyond those lies what a clock placed that was
    ahead."""
    since = task.progress.latest or task.added
    found = run_table.in_order(task.node, task.uuid, since, max(since, now + task.horizon + task.duration))
    return [run for run in found if run.uuid == id_at(task, run.start)]


def _remove(left: Sequence[Run]) -> None:
    for run in left:
        with contextlib.suppress(NotFound, StaleRun):  # whoever begins it finds its task cancelled
            run_table.delete(run_table.get(run.node, run.task, run.uuid))


def place_at(task: Task, start: dt.datetime, now: dt.datetime, run: RunId | None = None) -> Placed:
    """Place a run of a task at exactly this second; asked for twice at a time by its uuid, it is placed once.

    Raises Blocked, naming the run in the way.
    """
    overtaken = False

    def attempt(task: Task) -> Placed:
        nonlocal overtaken
        if not task.enabled:
            raise Conflict(f"Task {task.uuid} was cancelled")
        if overtaken and run is not None and (there := run_table.get_many(task.node, task.uuid, [run])):
            return Placed(task, list(there.values()))
        overtaken = True  # should this be tried again
        wanted = new_run(task, truncate(start), now, run)
        return write(task, now, [wanted], taken=time_for(task, wanted, now))

    def in_turn(task: Task) -> Placed:
        with _turn_at(task, truncate(start)) as somebody_was_first:
            return attempt(task_table.get(task.node, task.uuid) if somebody_was_first else task)

    return persistently(in_turn, task)


def _turn_at(task: Task, start: dt.datetime) -> contextlib.AbstractContextManager[bool]:
    """One's turn to place a run at an instant: among those who want that time for themselves, else among
    those who place runs of the same task, which counts them."""
    if task.is_exclusive:
        return timeline.turn(task.node, [Range(start, start + task.duration)])
    return _counting.of({task.uuid})


def persistently(attempt: Callable[[Task], Placed], task: Task, new: New | None = None) -> Placed:
    """Make an attempt until nobody else was faster, each time on the task as it then is."""
    for tries in range(1, TRIES_TO_BOOK):
        try:
            return attempt(task)
        except Overtaken:
            time.sleep(random.uniform(0, min(PAUSE_PER_TRY * tries, LONGEST_PAUSE_TO_BOOK)))  # noqa: S311 - spreads load
            task = task if new else task_table.get(task.node, task.uuid)
    return attempt(task)


def _is_wide(task: Task) -> bool:
    """Whether its runs may lie in so much time that the guards of all of it are not worth reading."""
    return seeking.window(task, task.added).length > WIDE_WINDOW


def _most_together(task: Task) -> int:
    """How many runs go into one transaction, each with an entry and its guards where it takes up time."""
    if selection.wants_nonstarters(task):
        return 1  # leaves room for what is delivered of one that could not be placed
    if task.is_anytime:
        return MOST_RUNS
    return 1 if _is_wide(task) else min(MOST_TOGETHER, MOST_RUNS // (2 + timeline.buckets_in(task.duration)))


def _book_together(task: Task, slots: Sequence[dt.datetime], now: dt.datetime, new: New | None) -> Placed:
    """Place runs for slots, as long as those are the next ones: where a run lies can move what follows."""
    windows = [seeking.window(task, slot) for slot in slots]
    with _turn(task, windows):
        seen = timeline.snapshot(task.node, windows)
        placed, taken = _fitting(task, slots, seen, now)
        if seen.is_recalled and not _as_wanted(task, placed, slots):  # time may have been given back since
            placed, taken = _fitting(task, slots, timeline.snapshot(task.node, windows, anew=True), now)
        return write(task, now, placed, new, taken)


def _turn(task: Task, windows: Sequence[Range]) -> contextlib.AbstractContextManager[bool]:
    """One's turn to look for time and take it. Normal runs need none: they are not in each other's way."""
    return timeline.turn(task.node, windows) if task.is_exclusive else contextlib.nullcontext(False)


def _as_wanted(task: Task, placed: Sequence[Run], slots: Sequence[dt.datetime]) -> bool:
    starts = [run.start for run in placed if run.state is not State.NONSTART]
    return len(starts) == len(slots) if task.schedule.sliprand else starts == list(slots)


def _fitting(
    task: Task, slots: Sequence[dt.datetime], seen: Snapshot, now: dt.datetime
) -> tuple[list[Run], list[Time]]:
    """The runs for slots, and the time they take up."""
    entries, taken, placed, after, slipped = list(seen.entries), [], [], task, False
    for slot in slots:
        # As long as all lay in their slots, these are the next ones: that is how they were found.
        if slipped and seeking.next_starts(after, now, 1) != [slot]:
            break
        span = seeking.window(task, slot)
        near = [entry for entry in entries if entry.start < span.upper and span.lower < entry.end]
        start = seeking.choose(task, seeking.free(task, near, span, now))
        run, wanted = _fitted(task, new_run(task, start or slot, now), near, now)
        if wanted:
            entries.append(wanted)
            taken.append(Time(wanted, seen.guards_of(run.start, run.end)))
        placed.append(run)
        after, slipped = after.counted([run.start]), slipped or run.start != slot
    return placed, taken


def _fitted(
    task: Task, run: Run, entries: Sequence[Occupation], now: dt.datetime
) -> tuple[Run, Occupation | None]:
    """A run with the time it takes up; a non-starter in its place, with none, where that is not free."""
    wanted = None if run.state is State.NONSTART else occupation(run, task)
    try:
        if wanted:
            require_free(entries, wanted, now)
    except Blocked as error:
        return without_time(task, run.start, now, error), None
    return run, wanted


def _book_after_searching(task: Task, slot: dt.datetime, now: dt.datetime, new: New | None) -> Placed:
    """Place a run somewhere in a wide window: looked for first, then looked at as any other time."""
    span = seeking.window(task, slot)
    entries = timeline.read_entries(task.node, span.lower, span.upper)
    start = seeking.choose(task, seeking.free(task, entries, span, now))
    wanted = new_run(task, start or slot, now)
    try:
        return write(task, now, [wanted], new, time_for(task, wanted, now))
    except Blocked as error:
        if start is not None:
            raise Overtaken("The time chosen was taken meanwhile") from error
        return write(task, now, [without_time(task, slot, now, error)], new)


def without_time(task: Task, slot: dt.datetime, now: dt.datetime, error: Blocked) -> Run:
    """The non-starter for a slot whose window has no time left, naming the run in the way."""
    message = f"No time for it between {slot} and the end of its slip. {error.message}"
    return nonstarter(task, slot, now, Reason(seeking.NO_TIME, message, error.run))

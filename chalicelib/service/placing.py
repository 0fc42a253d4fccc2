"""Placing runs where no other node has to agree: read, decide, and write only if it still holds.

Nothing here waits for long: a few tries with jitter, then the conflict is the answer.
"""

import datetime as dt
import random
import time
from collections.abc import Callable

from chalicelib.domain.errors import Blocked, Conflict, Overtaken
from chalicelib.domain.run import Reason
from chalicelib.domain.task import Task
from chalicelib.domain.times import truncate
from chalicelib.service import seeking
from chalicelib.service.booking import Placed, new_run, nonstarter, time_for, write
from chalicelib.store import tasks, timeline
from chalicelib.store.booking import MOST_RUNS, New

TRIES = 20
PAUSE, LONGEST_PAUSE = 0.05, 0.5
"""Seconds between tries, at most: for each try so far, and for any. A transaction takes milliseconds."""


def place_next(task: Task, now: dt.datetime, new: New | None = None) -> Placed:
    """Place the task's next run, or a batch of them where they conflict with nothing.

    Writes nothing but the task itself when its next run is not yet inside the horizon. A run for
    which there is no time becomes a non-starter that says why. ``new`` for a task that is not stored
    yet. Raises Overtaken when the time is fought over too hard, Repeated when a new task's
    idempotency key was used meanwhile.
    """

    def attempt(task: Task) -> Placed:
        starts = seeking.next_starts(task, now, MOST_RUNS if task.is_anytime else 1)
        if not starts or task.is_anytime:
            return write(task, now, [new_run(task, start, now) for start in starts], new)
        return _book_in_window(task, starts[0], now, new)

    return persistently(attempt, task, new)


def place_at(task: Task, start: dt.datetime, now: dt.datetime, run: str | None = None) -> Placed:
    """Place a run of a task at exactly this second. Raises Blocked, naming the run in the way."""

    def attempt(task: Task) -> Placed:
        if not task.enabled:
            raise Conflict(f"Task {task.uuid} was cancelled")
        wanted = new_run(task, truncate(start), now, run)
        return write(task, now, [wanted], taken=time_for(task, wanted, now))

    return persistently(attempt, task)


def persistently(attempt: Callable[[Task], Placed], task: Task, new: New | None = None) -> Placed:
    """Make an attempt until nobody else was faster, each time on the task as it then is."""
    for tries in range(1, TRIES):
        try:
            return attempt(task)
        except Overtaken:
            time.sleep(random.uniform(0, min(PAUSE * tries, LONGEST_PAUSE)))  # noqa: S311 - spreads load
            task = task if new else tasks.get(task.uuid)
    return attempt(task)


def _book_in_window(task: Task, desired: dt.datetime, now: dt.datetime, new: New | None) -> Placed:
    span = seeking.window(task, desired)
    entries = timeline.read_entries(span.lower, span.upper)
    start = seeking.choose(task, seeking.free(task, entries, span, now))
    wanted = new_run(task, start or desired, now)
    try:
        return write(task, now, [wanted], new, time_for(task, wanted, now))
    except Blocked as trouble:
        if start is not None:
            raise Overtaken("The time chosen was taken meanwhile") from trouble
        message = f"No time for it between {desired} and the end of its slip. {trouble.message}"
        reason = Reason(seeking.NO_TIME, message, trouble.run)
        return write(task, now, [nonstarter(task, desired, now, reason)], new)

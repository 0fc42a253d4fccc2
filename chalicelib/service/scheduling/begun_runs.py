"""How many runs of a task have begun.

Most tasks are written for each run that begins. One that goes on and on, by itself, counts its own many at a
time: as its next are placed, which writes it anyway, those that began since are counted by what there is of
them. Counting ends before the first run of which it is not known yet whether it will begin, and goes on
there.
"""

import contextlib
import datetime as dt

from chalicelib.domain.errors import Conflict
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import INSTANT, SECOND
from chalicelib.store import run_table, task_table

COUNT_EVERY = dt.timedelta(hours=1)
"""How long those that began wait to be counted, at least: whoever shows the task reads so many."""
FROM_THEN_ON = dt.timedelta(minutes=5)
"""How far ahead a task of which each run counted itself changes to this: later than any begins that is being
taken now."""
_UNDECIDED = (State.PENDING, State.ON_DECK, State.SCHEDULING)


def shown(task: Task, now: dt.datetime) -> Task:
    """A task as it is to be shown, all its runs counted that have begun."""
    if task.started_until is None or task.started_until > now:
        return task
    found = run_table.between(task.node, task.uuid, task.started_until, now)
    return task.evolve(runs_started=task.runs_started + sum(run.began for run in found))


def counted_in_time(task: Task, now: dt.datetime) -> Task:
    """A task whose progress is to be written, with those of its runs counted that began, if it is time."""
    if not task.counts_together:
        return task
    if task.started_until is None:
        return task.evolve(started_until=now + FROM_THEN_ON)
    return _counted(task, now) if now - task.started_until >= COUNT_EVERY else task


def note(task: Task, run: Run) -> None:
    """A run has begun: it is counted, or will be. With the last that is placed of a task all are."""
    if task.is_counted_by_itself(run.start):
        task_table.count_started(task)
    elif task.plan_at is None and run.start + max(task.duration, SECOND) >= (task.progress.latest or run.end):
        count_all(task, run.start + INSTANT)


def count_all(task: Task, now: dt.datetime) -> None:
    """Have a task count now: later, some of its runs may be gone."""
    if task.started_until is not None and task.started_until < now:
        with contextlib.suppress(Conflict):
            task_table.count_together(task, _counted(task, now))


def _counted(task: Task, until: dt.datetime) -> Task:
    """A task that has counted its runs that start before an instant."""
    since = task.started_until or until
    found = run_table.between(task.node, task.uuid, since, until - INSTANT)
    until = min((run.start for run in found if run.state in _UNDECIDED), default=until)
    begun = sum(run.began for run in found if run.start < until)
    return task.evolve(runs_started=task.runs_started + begun, started_until=max(since, until))

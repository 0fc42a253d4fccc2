"""Which archives hear of a run: the task's own, then those that every task of this node has.

Only the lead archives, but for results that stream (docs/contract/archivers.md section 2).
"""

import datetime as dt
from collections.abc import Iterable, Sequence

from chalicelib.domain.delivery import Delivery, deliveries_for, events_for
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.service.archiving import default_archives


def of_result(task: Task, run: Run, now: dt.datetime) -> list[Delivery]:
    """The deliveries of a result that a run has just come to."""
    return deliveries_for(_archives(task), run, now)


def of_event(task: Task, run: Run, now: dt.datetime) -> list[Delivery]:
    """The deliveries of the end of a run that comes to no result."""
    return events_for(_archives(task), run, now)


def of_nonstarters(task: Task, runs: Iterable[Run], now: dt.datetime) -> list[Delivery]:
    """The deliveries of those runs that could not be placed."""
    return [each for run in runs if run.state is State.NONSTART for each in of_event(task, run, now)]


def wants_nonstarters(task: Task) -> bool:
    return any(State.NONSTART.value in archive.get("events", ()) for archive in _archives(task))


def _archives(task: Task) -> Sequence[JSON]:
    # Results that stream stay where they came to be: of those, each participant archives its own.
    is_ours = task.is_lead or task.is_multi_result
    return (*task.archives, *default_archives.current()) if is_ours else ()

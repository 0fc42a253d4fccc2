"""Runs on which their participants never came to agree: whoever was to bring that about fell silent."""

import datetime as dt
import logging

from chalicelib.domain.errors import Conflict
from chalicelib.domain.repeat import Progress
from chalicelib.domain.run import Reason, Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.coordination import participation
from chalicelib.service.execution import results
from chalicelib.service.scheduling.reservation import give_back
from chalicelib.store.transactions.booking import retract

LOG = logging.getLogger(__name__)
INTERRUPTED = Reason(
    "interrupted", "Not all participants had agreed to it in time: its planner stopped, or they were slow"
)
NOT_TOLD = Reason("not-agreed", "Its lead never said that all participants agreed to it")
PLANNED_ANEW = dt.timedelta(minutes=10)
"""For how long after the end of its slip an only run is planned anew: at participants that always take longer
to agree than it is ahead, that would go on without end."""


def give_up(task: Task, run: Run, now: dt.datetime) -> None:
    """Make a run that waited too long for agreement a non-starter, and free its time. Raises StaleRun.

    The lead has it forgotten by the others too, who may or may not know it; one that is the only run
    its task will have is planned anew instead, for a while.
    """
    if task.is_lead:
        participation.of(task).withdraw(run, now)
        only = not task.schedule.repeats and task.progress.runs == 1
        if only and task.enabled and now <= _latest(task) and _planned_anew(task, run, now):
            return
    results.give_up(task, run, State.NONSTART, INTERRUPTED if task.is_lead else NOT_TOLD, now)
    give_back(task, run, run.start)


def _latest(task: Task) -> dt.datetime:
    return (task.schedule.start or task.added) + task.schedule.slip + PLANNED_ANEW


def _planned_anew(task: Task, run: Run, now: dt.datetime) -> bool:
    restored = task.evolve(progress=Progress()).replanned(now)
    try:
        retract(task, restored, run, now)
    except Conflict as error:
        LOG.info("Run %s cannot be taken back: %s", run.uuid, error)
        return False
    return True

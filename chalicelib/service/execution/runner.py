"""Performing a run: from the message that announces it to its result.

    pending ──begin──> running ──perform──> (tool) ──conclude──> finished | failed
       └──> missed | preempted, and nothing is run

Every step is a conditional write, so a message that comes twice finds nothing left to do.
"""

import datetime as dt
import logging

from chalicelib.domain.conflicts import preempter
from chalicelib.domain.errors import NotFound, StaleRun
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Reason, Run, occupation
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import SECOND
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.execution import results, supervisor
from chalicelib.service.node import pause
from chalicelib.service.scheduling import cancellation
from chalicelib.store import run_table, task_table, timeline

LOG = logging.getLogger(__name__)


def run(
    node: NodeName, task_uuid: TaskId, run_uuid: RunId, machine: Machine, since: dt.datetime | None = None
) -> None:
    """Do a run's whole work, if it is still to be done, and store what came of it.

    ``since`` says how far the runner came that had it before and handed it over. A message that says so and
    is late, the run having gone on from there, is none for anybody.
    """
    try:
        task, found = task_table.get(node, task_uuid), run_table.get(node, task_uuid, run_uuid)
        handed_over = since is None or since == found.leased_until
        begun = begin(task, found, machine.now()) if handed_over else None
    except (NotFound, StaleRun) as error:
        LOG.info("Nothing to run: %s", error)
        return
    if begun is not None:
        supervisor.perform_watched(task, begun, machine, since)


def begin(task: Task, run: Run, now: dt.datetime) -> Run | None:
    """Take a run for oneself, pending or abandoned; None when it is not to be run, for a reason now stored.

    Raises StaleRun when somebody else took it.
    """
    carried_on = run.is_abandoned(now)
    if run.awaiting or not (run.state is State.PENDING or carried_on):
        return None
    if not task.enabled:
        cancellation.cancel_run(task, run.uuid, now)
        return None
    hindrance = None if carried_on else _hindrance(task, run, now)
    if hindrance is not None:
        results.give_up(task, run, *hindrance, now)
        return None
    begun = run_table.change(run.evolve(state=State.RUNNING, leased_until=supervisor.lease(task, now)))
    if not carried_on:
        task_table.count_started(task)
    return begun


def _hindrance(task: Task, run: Run, now: dt.datetime) -> tuple[State, Reason] | None:
    """What keeps a pending run from starting, and what becomes of it then."""
    # A run that streams results for hours is still worth starting late.
    latest = run.end if task.is_multi_result else run.start + SECOND
    if now >= latest:
        return State.MISSED, Reason("late", "The second it was to start in had passed")
    if pause.is_paused(task.node, now):
        return State.MISSED, Reason("paused", "The node was paused")
    blocking = _preempter(task, run)
    if blocking:
        message = f"Run {blocking} of a higher priority took its place"
        return State.PREEMPTED, Reason("preempted", message, blocking)
    return None


def _preempter(task: Task, run: Run) -> str | None:
    mine = occupation(run, task)
    if mine is None:
        return None
    found = preempter(timeline.read_entries(task.node, run.start, run.end), mine)
    return found.run if found else None

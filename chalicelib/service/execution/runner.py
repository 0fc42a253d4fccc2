"""Performing a run: from the message that announces it to its result.

    pending ──begin──> running ──perform──> (tool) ──conclude──> finished | failed
       └──> missed | preempted, and nothing is run

Every step is a conditional write, so a message that comes twice finds nothing left to do.
"""

import datetime as dt
import logging

from chalicelib.domain.conflicts import preempter
from chalicelib.domain.errors import NotFound, StaleRun
from chalicelib.domain.messages import PerformRun
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Reason, Run, occupation
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import SECOND
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.execution import results, supervisor, waits
from chalicelib.service.node import node_directory, pause
from chalicelib.service.scheduling import begun_runs, cancellation, dispatch
from chalicelib.store import run_table, task_table, timeline

LOG = logging.getLogger(__name__)


def perform(message: PerformRun, machine: Machine) -> None:
    """Perform a run, or carry it on, as a message says; one that is far too late is left to the reaper."""
    if dispatch.has_passed(message, machine.now()):
        LOG.info("The message of run %s is too late", message.run)
    else:
        run(message.node, message.task, message.run, machine, message.since)


def run(
    node: NodeName, task_uuid: TaskId, run_uuid: RunId, machine: Machine, since: dt.datetime | None = None
) -> None:
    """Do a run's whole work, if it is still to be done, and store what came of it.

    ``since`` says how far the runner came that had it before and handed it over. A message that says so and
    is late, the run having gone on from there, is none for anybody.
    """
    try:
        taken = _take_at_a_glance(node, task_uuid, run_uuid, machine) if since is None else None
        task, begun = taken or _take(node, task_uuid, run_uuid, machine, since)
    except (NotFound, StaleRun) as error:
        LOG.info("Nothing to run: %s", error)
        return
    if begun is not None and not waits.begin(task, begun, machine.now()):
        supervisor.perform_watched(task, begun, machine, since)


def _take_at_a_glance(
    node: NodeName, task_uuid: TaskId, run_uuid: RunId, machine: Machine
) -> tuple[Task, Run | None] | None:
    """A run that is to begin, as nearly all are, taken by a look that may be a moment behind; its write holds
    only where that was the run as it is. None where it was not, or something else is to be seen to."""
    try:
        task, run = task_table.glance(node, task_uuid), run_table.glance(node, task_uuid, run_uuid)
        if task.enabled and run.state is State.PENDING and not run.awaiting:
            return task, begin(task, run, machine.now())
    except (NotFound, StaleRun):
        pass
    return None


def _take(
    node: NodeName, task_uuid: TaskId, run_uuid: RunId, machine: Machine, since: dt.datetime | None
) -> tuple[Task, Run | None]:
    """A run as it is, taken where it is to begin or to be carried on. Raises NotFound, StaleRun."""
    task, run = task_table.get(node, task_uuid), run_table.get(node, task_uuid, run_uuid)
    if since is not None:
        run = run.evolve(abandoned=0)
    handed_over = since is None or since == run.leased_until
    return task, begin(task, run, machine.now()) if handed_over else None


def begin(task: Task, run: Run, now: dt.datetime) -> Run | None:
    """Take a run for oneself, pending or abandoned; None when it is not to be run, for a reason now stored.

    Raises StaleRun when somebody else took it.
    """
    carried_on = run.is_abandoned(now)
    if node_directory.runs_at_agent(run.node):
        LOG.info("Run %s is its agent's", run.uuid)  # the node's tools were here when it was sent
        return None
    if run.awaiting or not (run.state is State.PENDING or carried_on):
        return None
    if not task.enabled:
        cancellation.cancel_run(task, run.uuid, now)
        return None
    hindrance = _hopeless(run) if carried_on else _hindrance(task, run, now)
    if hindrance is not None:
        results.give_up(task, run, *hindrance, now)
        return None
    lease = supervisor.lease(task, run, now)
    abandoned = 0 if lease is None else run.abandoned + 1  # until it is handed over, or over
    begun = run_table.change(run.evolve(state=State.RUNNING, leased_until=lease, abandoned=abandoned))
    if not carried_on:
        begun_runs.note(task, begun)
    return begun


def _hopeless(run: Run) -> tuple[State, Reason] | None:
    """What keeps a run from being carried on again."""
    if not run.is_hopeless:
        return None
    return State.FAILED, Reason("no-result", f"Given up: {run.abandoned} runners began it and never reported")


def _hindrance(task: Task, run: Run, now: dt.datetime) -> tuple[State, Reason] | None:
    """What keeps a pending run from starting, and what becomes of it then."""
    # A run that streams results for hours is still worth starting late.
    latest = run.end if task.is_multi_result else run.start + SECOND
    if now >= latest:
        return State.MISSED, Reason("late", "The second in which it was to start had passed")
    out_of_service = node_directory.out_of_service(task.node)
    if out_of_service:
        return State.MISSED, Reason("suspended", out_of_service)
    return obstacle(task, run, now)


def obstacle(task: Task, run: Run, now: dt.datetime) -> tuple[State, Reason] | None:
    """What keeps a run from starting that is in time, and what becomes of it then."""
    if pause.seems_paused(task.node, now):
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

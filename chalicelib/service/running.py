"""Performing a run: from the message that announces it to its result.

    pending ──begin──> running ──perform──> (tool) ──conclude──> finished | failed
       └──> missed | preempted, and nothing is run

Every step is a conditional write, so a message that comes twice finds nothing left to do.
"""

import contextvars
import datetime as dt
import logging
import threading

from chalicelib.domain.conflicts import START_MARGIN, preempter
from chalicelib.domain.errors import NotFound, StaleRun
from chalicelib.domain.run import Reason, Run, occupation
from chalicelib.domain.runstate import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import SECOND
from chalicelib.outside.machine import Machine
from chalicelib.service import cancelling, pausing, results
from chalicelib.service.performance import LocalResult, perform
from chalicelib.store import runs, tasks, timeline

LOG = logging.getLogger(__name__)
WATCH_EVERY = 3.0
"""Seconds between looks at whether a running run was cancelled."""


def run(task_uuid: str, run_uuid: str, machine: Machine) -> None:
    """Do a run's whole work, if it is still to be done, and store what came of it."""
    try:
        task, found = tasks.get(task_uuid), runs.get(task_uuid, run_uuid)
        begun = begin(task, found, machine.now())
    except (NotFound, StaleRun) as gone:
        LOG.info("Nothing to run: %s", gone)
        return
    if begun is not None:
        _perform_watched(task, begun, machine)


def begin(task: Task, run: Run, now: dt.datetime) -> Run | None:
    """Take a pending run for oneself; None when it is not to be run, for a reason now stored.

    Raises StaleRun when somebody else took it.
    """
    if run.state is not State.PENDING or run.awaiting:
        return None
    if not task.enabled:
        cancelling.cancel_run(task, run.uuid, now)
        return None
    hindrance = _hindrance(task, run, now)
    if hindrance is not None:
        results.give_up(run, *hindrance)
        return None
    begun = runs.change(run.evolve(state=State.RUNNING))
    tasks.count_started(task)
    return begun


def _hindrance(task: Task, run: Run, now: dt.datetime) -> tuple[State, Reason] | None:
    """What keeps a pending run from starting, and what becomes of it then."""
    # A run that streams results for hours is still worth starting late.
    latest = run.end if task.is_multi_result else run.start + SECOND
    if now >= latest:
        return State.MISSED, Reason("late", "The second it was to start in had passed")
    if pausing.is_paused(now):
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
    found = preempter(timeline.read_entries(run.start, run.end), mine)
    return found.run if found else None


def _perform_watched(task: Task, run: Run, machine: Machine) -> None:
    """Let the tool work while watching the clock and whether the run is cancelled."""
    done: list[LocalResult] = []
    limit = run.end + START_MARGIN + SECOND
    here = contextvars.copy_context()  # threads do not inherit which node they work for

    def emit(result: JSON) -> None:
        here.copy().run(results.add, task, result, machine.now())

    def work() -> None:
        done.append(perform(task, run, machine, emit))

    worker = threading.Thread(target=here.copy().run, args=(work,), name=f"run {run.uuid}", daemon=True)
    worker.start()
    while worker.is_alive() and machine.now() < limit:
        worker.join(min(WATCH_EVERY, max(0.0, (limit - machine.now()).total_seconds())))
        if worker.is_alive() and not _still_running(run):
            LOG.info("Run %s was cancelled", run.uuid)
            machine.cancel()
            worker.join(WATCH_EVERY)
            return
    if worker.is_alive():
        machine.cancel()
        worker.join(WATCH_EVERY)
        # Anew, since the results of the others may have to be waited for.
        results.conclude(task, run, LocalResult.too_late(run), machine.anew())
    else:
        results.conclude(task, run, done[0] if done else LocalResult.too_late(run), machine)


def _still_running(run: Run) -> bool:
    try:
        return runs.get(run.task, run.uuid).state is State.RUNNING
    except NotFound:
        return False

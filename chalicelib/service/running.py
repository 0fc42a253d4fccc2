"""Performing a run: from the message that announces it to its result.

    pending ──begin──> running ──perform──> (tool) ──conclude──> finished | failed
       └──> missed | preempted, and nothing is run

Every step is a conditional write, so a message that comes twice finds nothing left to do.

A run that streams its results for hours is its runner's on lease. Who dies lets the lease run out, and the
reaper sends the run to another runner; who has not so long to live, as on Lambda, hands it over before.
"""

import contextvars
import datetime as dt
import logging
import threading
from collections.abc import Callable

from chalicelib.domain.conflicts import START_MARGIN, preempter
from chalicelib.domain.errors import NotFound, StaleRun
from chalicelib.domain.run import Reason, Run, occupation
from chalicelib.domain.runstate import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import SECOND
from chalicelib.outside import queues
from chalicelib.outside.machine import Machine
from chalicelib.service import cancelling, pausing, results
from chalicelib.service.dispatching import message
from chalicelib.service.performance import LocalResult, perform
from chalicelib.settings import settings
from chalicelib.store import runs, tasks, timeline

LOG = logging.getLogger(__name__)
WATCH_EVERY = 3.0
"""Seconds between looks at whether a running run was cancelled."""
LEASE = 90 * SECOND
"""How long a run that streams is left to a runner that does not say it is still at work."""


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
    """Take a run for oneself, pending or abandoned; None when it is not to be run, for a reason now stored.

    Raises StaleRun when somebody else took it.
    """
    carried_on = run.is_abandoned(now)
    if run.awaiting or not (run.state is State.PENDING or carried_on):
        return None
    if not task.enabled:
        cancelling.cancel_run(task, run.uuid, now)
        return None
    hindrance = None if carried_on else _hindrance(task, run, now)
    if hindrance is not None:
        results.give_up(run, *hindrance)
        return None
    begun = runs.change(run.evolve(state=State.RUNNING, leased_until=_lease(task, now)))
    if not carried_on:
        tasks.count_started(task)
    return begun


def _lease(task: Task, now: dt.datetime) -> dt.datetime | None:
    return now + LEASE if task.is_multi_result else None


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
    """Let the tool work while watching the clock and whether the run is still its runner's."""
    done: list[LocalResult] = []
    limit = run.end + START_MARGIN + SECOND
    until = min(limit, _end_of_life(task, machine.now()) or limit)
    worker = _started(task, run, machine, done.append)
    while worker.is_alive() and machine.now() < until:
        worker.join(min(WATCH_EVERY, max(0.0, (until - machine.now()).total_seconds())))
        held = _held(task, run, machine.now()) if worker.is_alive() else run
        if held is None:
            LOG.info("Run %s was cancelled, or taken over", run.uuid)
            _stop(worker, machine)
            return
        run = held
    if not worker.is_alive():
        results.conclude(task, run, done[0] if done else LocalResult.too_late(run), machine)
        return
    _stop(worker, machine)
    if machine.now() < limit:
        _hand_over(run, machine.now())
    else:
        # Anew, since the results of the others may have to be waited for.
        results.conclude(task, run, LocalResult.too_late(run), machine.anew())


def _started(task: Task, run: Run, machine: Machine, done: Callable[[LocalResult], None]) -> threading.Thread:
    """The tool at work in a thread of its own."""
    here = contextvars.copy_context()  # threads do not inherit which node they work for

    def emit(result: JSON) -> None:
        machine.check()  # what is stopped, and goes on all the same, is not heard any more
        here.copy().run(results.add, task, result, machine.now())

    def work() -> None:
        done(perform(task, run, machine, emit))

    worker = threading.Thread(target=here.copy().run, args=(work,), name=f"run {run.uuid}", daemon=True)
    worker.start()
    return worker


def _stop(worker: threading.Thread, machine: Machine) -> None:
    machine.cancel()
    worker.join(WATCH_EVERY)


def _held(task: Task, run: Run, now: dt.datetime) -> Run | None:
    """The run as it is now, its lease renewed in time; None where it is no longer this runner's."""
    try:
        stored = runs.get(run.task, run.uuid)
        if stored.state is not State.RUNNING:
            return None
        if not task.is_multi_result:
            return run
        if stored.leased_until is None or stored.leased_until != run.leased_until:
            return None
        soon = stored.leased_until - now < LEASE / 2
        return runs.change(stored.evolve(leased_until=_lease(task, now))) if soon else stored
    except (NotFound, StaleRun):
        return None


def _end_of_life(task: Task, now: dt.datetime) -> dt.datetime | None:
    """When a runner that begins now must be gone, its run done or not; None where it may stay as long as it
    takes. Runs that stream nothing were declined when they take longer (service/tasking.py)."""
    longest = settings().longest_run
    return now + longest * SECOND if longest and task.is_multi_result else None


def _hand_over(run: Run, now: dt.datetime) -> None:
    """Leave the rest of a run to another runner, which the reaper sends for should the message be lost."""
    try:
        free = runs.change(run.evolve(leased_until=now))
    except StaleRun:
        LOG.info("Run %s was cancelled, or taken over", run.uuid)
        return
    queues.send_many(queues.RUNS, [message(free.task, free.uuid, free.start, now)])

"""Watching a tool at work: its time, whether its run is still this runner's, and how far it has come.

A run that streams its results for hours is its runner's on lease. Who dies lets the lease run out, and the
reaper sends the run to another runner; who has not so long to live, as on Lambda, hands it over before.
"""

import datetime as dt
import logging
import threading

from chalicelib.domain.assignment import Assignment, LocalResult
from chalicelib.domain.conflicts import START_MARGIN
from chalicelib.domain.errors import NotFound, StaleRun
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import INSTANT, SECOND
from chalicelib.host.tool_execution import perform
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.execution import results
from chalicelib.service.scheduling import dispatch
from chalicelib.settings import settings
from chalicelib.store import run_table
from chalicelib.store.run_items import GRACE

LOG = logging.getLogger(__name__)
WATCH_EVERY = 5.0
"""Seconds between looks at whether a running run was cancelled."""
STOPS_WITHIN = 5.0
"""Seconds that a tool has to stop in, when it is told to."""
RUN_LEASE = 90 * SECOND
"""How long a run that streams is left to a runner that does not say it is still at work."""


def lease(task: Task, run: Run, now: dt.datetime) -> dt.datetime | None:
    """Until when a run that begins, or goes on, is its runner's; None for one that nobody else carries on.

    Never the instant at which any such run is looked at: that is stored as no lease at all.
    """
    if not task.is_multi_result:
        return None
    until = now + RUN_LEASE
    return until if until != run.end + GRACE else until + INSTANT


def perform_watched(task: Task, run: Run, machine: Machine, since: dt.datetime | None) -> None:
    """Let the tool work on a run that has begun, and store what comes of it, or hand it over."""
    limit = run.end + START_MARGIN + SECOND
    until = min(limit, _end_of_life(task, machine.now()) or limit)
    tool = _ToolAtWork(task, run, machine, since)
    while tool.is_alive() and machine.now() < until:
        tool.join(min(WATCH_EVERY, max(0.0, (until - machine.now()).total_seconds())))
        held = _held(task, run, machine.now()) if tool.is_alive() else run
        if held is None:
            LOG.info("Run %s was cancelled, or taken over", run.uuid)
            tool.stop()
            return
        run = held
    if not tool.is_alive():
        results.conclude(task, run, tool.result or LocalResult.too_late(run.duration), machine)
        return
    tool.stop()
    if machine.now() < limit:
        _hand_over(run, tool)
    else:
        # Anew, since the results of the others may have to be waited for.
        results.conclude(task, run, LocalResult.too_late(run.duration), machine.anew())


class _ToolAtWork:
    """The tool in a thread of its own; ``came_to`` is the instant up to which its results are stored."""

    def __init__(self, task: Task, run: Run, machine: Machine, since: dt.datetime | None):
        self.result: LocalResult | None = None
        self.came_to = since or machine.now()
        self._task, self._machine = task, machine
        self._assignment = Assignment.of(task, run, since)
        self._thread = threading.Thread(target=self._work, name=f"run {run.uuid}", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        self.result = perform(self._assignment, self._machine, self._emit)

    def _emit(self, result: JSON) -> None:
        self._machine.check()  # what is stopped, and goes on all the same, is not heard any more
        now = self._machine.now()
        results.add(self._task, result, now)
        self.came_to = now

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def stop(self) -> None:
        self._machine.cancel()
        self._thread.join(STOPS_WITHIN)


def _held(task: Task, run: Run, now: dt.datetime) -> Run | None:
    """The run as it is now, its lease renewed in time; None where it is no longer this runner's.

    One that is on nobody's lease is looked at a moment behind: that it is not under way is believed only once
    it was looked at closely.
    """
    try:
        if not task.is_multi_result and _seems_under_way(run):
            return run
        stored = run_table.get(task.node, run.task, run.uuid)
        if stored.state is not State.RUNNING:
            return None
        if not task.is_multi_result:
            return run
        if stored.leased_until is None or stored.leased_until != run.leased_until:
            return None
        soon = stored.leased_until - now < RUN_LEASE / 2
        return run_table.change(stored.evolve(leased_until=lease(task, run, now))) if soon else stored
    except (NotFound, StaleRun):
        return None


def _seems_under_way(run: Run) -> bool:
    try:
        return run_table.glance(run.node, run.task, run.uuid).state is State.RUNNING
    except NotFound:
        return False


def _end_of_life(task: Task, now: dt.datetime) -> dt.datetime | None:
    """When a runner that begins now must be gone, its run done or not; None where it may stay as long as it
    takes. Runs that stream nothing were declined when they take longer (service/tasks/create.py)."""
    longest = settings().longest_run
    return now + longest * SECOND if longest and task.is_multi_result else None


def _hand_over(run: Run, tool: _ToolAtWork) -> None:
    """Leave the rest of a run to another runner.

    The reaper sends for one should the message be lost, or the tool not have stopped before the lease runs
    out; that one begins where the clock is then.
    """
    if tool.is_alive():
        return
    try:
        run_table.change(run.evolve(leased_until=tool.came_to))
    except StaleRun:
        LOG.info("Run %s was cancelled, or taken over", run.uuid)
        return
    dispatch.hand_over(run, tool.came_to)

"""Cancelling tasks and runs (docs/contract/scheduler.md section 10)."""

import datetime as dt
import itertools
import logging
from collections.abc import Callable, Iterable

from chalicelib.domain.errors import Conflict, NotFound, StaleRun
from chalicelib.domain.messages import PlanTask
from chalicelib.domain.names import RunId
from chalicelib.domain.outbox_request import OutboxRequest, withdrawal
from chalicelib.domain.run import Reason, Run
from chalicelib.domain.run_states import State, may_become
from chalicelib.domain.task import Task
from chalicelib.infrastructure import queues
from chalicelib.service.archiving import announce, selection
from chalicelib.service.node import agent_bell
from chalicelib.service.peers import outbox
from chalicelib.service.scheduling import begun_runs
from chalicelib.service.scheduling.reservation import give_back
from chalicelib.store import delivery_table, run_table, task_table
from chalicelib.store.transactions import recording

LOG = logging.getLogger(__name__)

RUNS_AT_ONCE = 100
"""Runs dealt with while the client waits; the rest, later ones all, are left to the planner's queue."""
TRIES_TO_CANCEL = 4
CANCELED = Reason("canceled", "It was cancelled")


def cancel_task(
    task: Task,
    now: dt.datetime,
    reason: str | None = None,
    at_once: int = RUNS_AT_ONCE,
    tell: Iterable[str] = (),
) -> None:
    """Place no more runs here, forget those to come, cancel the one under way. Doing it again is harmless.

    The task keeps the reason, where its planner has one. A run that cannot be cancelled stays as it
    ended. Runs beyond ``at_once`` are left to the queue. Hosts to ``tell`` are told to do the same.
    """
    try:
        if task.enabled:
            task = _disable(task.evolve(plan_reason=reason), now, tell)
            begun_runs.count_all(task, now)
    except Conflict:
        LOG.info("Task %s was cancelled by somebody else", task.uuid)
    if not sweep(task, now, at_once):
        queues.send(queues.PLAN, PlanTask(task.node, task.uuid))


def _disable(task: Task, now: dt.datetime, tell: Iterable[str]) -> Task:
    """Disable it here and, by outbox requests stored with that, at other hosts."""
    told = _withdrawals(task, tell, now)
    off = task_table.disable(task, now, told)
    outbox.announce(task.node, [outbox_request.uuid for outbox_request in told])
    return off


def _withdrawals(task: Task, hosts: Iterable[str], now: dt.datetime) -> list[OutboxRequest]:
    return [withdrawal(task, host, now) for host in hosts]


def sweep(task: Task, now: dt.datetime, limit: int | None = None) -> bool:
    """Remove what a cancelled task still has ahead of it; False when there was more than the limit."""
    found = run_table.in_order(task.node, task.uuid, start=now - task.duration)
    ahead = (run for run in found if run.end >= now and run.state is not State.CANCELED)
    taken = list(itertools.islice(ahead, limit))
    for run in taken:
        cancel_run(task, run.uuid, now)
    return limit is None or len(taken) < limit


def cancel_run(task: Task, run: RunId, now: dt.datetime) -> None:
    """Forget a run that has not begun; cancel one that has, which stops its tool.

    One that is over stays as it ended. Raises Conflict when it keeps changing under our hands.
    """
    _persistently(_cancel, task, run, now)


def delete_run(task: Task, run: RunId, now: dt.datetime) -> None:
    """Forget a run and what was delivered of it; one under way is cancelled instead, which stops its tool.

    Raises Conflict when it keeps changing under our hands.
    """
    _persistently(_delete, task, run, now)


def _persistently(
    work: Callable[[Task, Run, dt.datetime], None], task: Task, run: RunId, now: dt.datetime
) -> None:
    for _ in range(TRIES_TO_CANCEL):
        try:
            return work(task, run_table.get(task.node, task.uuid, run), now)
        except StaleRun:
            continue
        except NotFound:
            return None
    raise Conflict(f"Run {run} keeps changing")


def _cancel(task: Task, run: Run, now: dt.datetime) -> None:
    under_way = run.state is State.RUNNING or run.start <= now
    if not under_way:
        remove(task, run)
        _call_off(run, now)
    elif run.state is not State.NONSTART and may_become(run.state, State.CANCELED):
        # Its time stays taken: the tool needs a while to stop.
        ended = run.evolve(state=State.CANCELED).with_documents(reason=CANCELED.describe())
        due = selection.of_event(task, ended, now)
        recording.finish(ended, due)
        _call_off(run, now)
        announce.at_once(due)


def _call_off(run: Run, now: dt.datetime) -> None:
    """Have the agent that has taken a run hear that it was cancelled."""
    if run.holder:
        agent_bell.ring(run.node, now, cancels=True)


def _delete(task: Task, run: Run, now: dt.datetime) -> None:
    if run.state.is_finished and run.state is not State.CLEANUP:
        if run.began and not task.is_counted_by_itself(run.start):
            begun_runs.count_all(task, now)
        delivery_table.delete(delivery_table.of_run(task.node, run.uuid))
        remove(task, run)
    else:
        _cancel(task, run, now)


def remove(task: Task, run: Run) -> None:
    """Forget a run and give back all of its time. Raises StaleRun."""
    run_table.delete(run)
    if run.state is not State.NONSTART:
        give_back(task, run, run.start)

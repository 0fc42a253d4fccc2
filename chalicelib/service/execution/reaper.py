"""The reap tick: no state waits for ever. What is over its time is given up, what is old is forgotten."""

import datetime as dt
import logging
from collections.abc import Callable

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Reason
from chalicelib.domain.run_states import State
from chalicelib.service.execution import expiry, results
from chalicelib.service.node import heartbeats, indexing
from chalicelib.service.peers import outbox
from chalicelib.service.scheduling import dispatch
from chalicelib.store import delivery_table, run_table, task_table

LOG = logging.getLogger(__name__)
ITEMS_PER_SHARD = 500


def tick(node: NodeName, now: dt.datetime) -> None:
    """Give up and forget what is due; each by itself, so that none holds up another."""
    for shard in range(run_table.DUE_SHARDS):
        for why in (run_table.AGREE, run_table.GIVE_UP):
            for task, run, *_ in run_table.due(node, why, shard, now, ITEMS_PER_SHARD):
                _alone(give_up, node, task, run, now)
        for task, run, *_ in run_table.due(node, run_table.PURGE, shard, now, ITEMS_PER_SHARD):
            _alone(forget_run, node, task, run, now)
    for shard in range(task_table.PLAN_SHARDS):
        for task in task_table.expired(node, shard, now, ITEMS_PER_SHARD):
            _alone(forget_task, node, task, now)
    outbox.tick(node, now)
    indexing.is_complete(node)
    heartbeats.beat(node, "ticker", now)


def _alone(work: Callable[..., None], *what: object) -> None:
    try:
        work(*what)
    except (Conflict, NotFound) as error:
        LOG.info("Nothing to do: %s", error)
    except Exception:
        LOG.exception("%s failed for %s", work.__name__, what)


def give_up(node: NodeName, task_uuid: TaskId, run_uuid: RunId, now: dt.datetime) -> None:
    """Put a run that has waited too long into its final state (docs/contract/scheduler.md section 9)."""
    task, run = task_table.get(node, task_uuid), run_table.get(node, task_uuid, run_uuid)
    why, when = run_table.due_for(run)
    if why not in (run_table.AGREE, run_table.GIVE_UP) or when > now:
        return  # the index was behind
    if why == run_table.AGREE:
        expiry.give_up(task, run, now)
        return
    if run.is_abandoned(now) or (task.is_multi_result and run.state is State.PENDING and now < run.end):
        # Late, or in parts, is better than not at all for a run that goes on for hours.
        dispatch.send_again(run)
        return
    state, reason = _END[run.state]
    results.give_up(task, run, state, reason, now)


_NOT_STARTED = (State.MISSED, Reason("not-started", "No runner had taken it in time"))
_END = {
    State.PENDING: _NOT_STARTED,
    State.ON_DECK: _NOT_STARTED,
    State.RUNNING: (State.OVERDUE, Reason("no-result", "Its runner never reported")),
    State.CLEANUP: (State.FAILED, Reason("no-merge", "Its results were never merged")),
}
"""How a run ends that waits too long in a state, and why."""


def forget_run(node: NodeName, task: TaskId, run_uuid: RunId, now: dt.datetime) -> None:
    """Delete a run and what was delivered of it."""
    run = run_table.get(node, task, run_uuid)
    delivery_table.delete(delivery_table.of_run(node, run_uuid))
    run_table.delete(run)


def forget_task(node: NodeName, uuid: TaskId, now: dt.datetime) -> None:
    """Delete a task that has nothing more to run, and any runs left of it."""
    task = task_table.get(node, uuid)
    for run in run_table.in_order(node, uuid):
        forget_run(node, uuid, run.uuid, now)
    task_table.delete(task)

"""The reap tick: no state waits for ever. What is over its time is given up, what is old is forgotten."""

import datetime as dt
import itertools
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from chalicelib.domain.agent_protocol import PATIENCE
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Reason, Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import SECOND, parse_timestamp
from chalicelib.infrastructure import shard_work
from chalicelib.infrastructure.shard_work import HasTime, always
from chalicelib.service.coordination import removal
from chalicelib.service.execution import clock_set_back, overdue, results, run_expiry
from chalicelib.service.execution.one_by_one import alone
from chalicelib.service.node import heartbeats, node_directory, posting_backfill, state_upgrade
from chalicelib.service.peers import outbox
from chalicelib.service.scheduling import dispatch
from chalicelib.settings import settings
from chalicelib.store import delivery_table, due_runs, node_registry, run_items, run_table, shards, task_table

LOG = logging.getLogger(__name__)
WHAT = "reap"
SERVICE = "ticker"
ITEMS_PER_SHARD = 500
ITEMS_IN_TIME = 2500
"""Of a shard and a reason, what a function of its own looks up."""


def tick(now: dt.datetime) -> None:
    """Give up and forget what is due; each by itself, so that none holds up another."""
    if state_upgrade.advance("reap", now):
        overdue.begin_anew()
    clock_set_back.tick(SERVICE, now)
    most, forgets = shard_work.most(ITEMS_PER_SHARD), heartbeats.has_settled(SERVICE, now)
    full = [shard for shard in shards.every() if reap(shard, now, most, forgets=forgets)]
    shard_work.leave(WHAT, full)
    outbox.tick(now)
    removal.tick(now)
    for served in settings().identities:
        posting_backfill.is_complete(served.node)
    heartbeats.beat(SERVICE, now)


def reap(
    shard: int,
    now: dt.datetime,
    most: int = ITEMS_IN_TIME,
    has_time: HasTime = always,
    forgets: bool = True,
) -> bool:
    """The same for what is due in a shard, so much for each reason at most; whether there may be more.

    What is forgotten does not come back: whoever does not trust the clock yet leaves it, without ``forgets``.
    """
    is_full = overdue.look(shard, now, most, partial(alone, give_up), has_time)
    for work, due in itertools.chain(_over(shard, now, most), _old(shard, now, most) if forgets else ()):
        is_full = is_full or len(due) == most
        for what in due:
            if not has_time():
                return True
            alone(work, *what, now)
    return is_full


_Duties = Iterator[tuple[Callable[..., None], list[Any]]]
"""What there is to do in a shard, read when it is its turn."""


def _over(shard: int, now: dt.datetime, most: int) -> _Duties:
    for why in (run_items.AGREE, run_items.GIVE_UP):
        yield give_up, _due(why, shard, now, most)


def _old(shard: int, now: dt.datetime, most: int) -> _Duties:
    yield forget_run, _due(run_items.PURGE, shard, now, most)
    yield forget_task, list(task_table.expired(shard, now, most))


def _due(why: str, shard: int, now: dt.datetime, most: int) -> list[Any]:
    return [(due.node, due.task, due.run) for due in due_runs.due(why, shard, now, most)]


def give_up(node: NodeName, task_uuid: TaskId, run_uuid: RunId, now: dt.datetime) -> None:
    """Put a run that has waited too long into its final state (docs/contract/scheduler.md section 9)."""
    task, run = task_table.get(node, task_uuid), run_table.get(node, task_uuid, run_uuid)
    if run.state.is_final or run_items.given_up_at(run) > now:
        return  # the index was behind, or it has begun and is not over
    if run.is_being_agreed_on:
        run_expiry.give_up(task, run, now)
        return
    if run.is_abandoned(now) or (task.is_multi_result and run.state is State.PENDING and now < run.end):
        # Late, or in parts, is better than not at all for a run that goes on for hours.
        dispatch.send_again(run, now)
        return
    if node_directory.runs_at_agent(node) or run.holder:
        _give_up_at_agent(task, run, now)
        return
    state, reason = _END[run.state]
    results.give_up(task, run, state, reason, now)


def _give_up_at_agent(task: Task, run: Run, now: dt.datetime) -> None:
    """Give up a run that its agent did not take, or took and did not report in time.

    One that is away may have it in its spool: it is waited for longer, unless it was heard of since.
    """
    if run.state is State.CLEANUP:
        results.give_up(task, run, *_END[run.state], now)
    elif not run.holder:
        results.give_up(task, run, State.MISSED, UNREACHABLE, now)
    elif now < run.end + PATIENCE and not _heard_of_since(run):
        again = run.end + (NEXT_CONTACT if now < run.end + NEXT_CONTACT else PATIENCE)
        run_table.change(run.evolve(leased_until=again))
    else:
        begun = run.evolve(state=State.RUNNING, began=run.began)  # as far as anybody knows
        results.give_up(task, begun, State.OVERDUE, SILENT, now)


def _heard_of_since(run: Run) -> bool:
    """Whether its agent was there after its end, with no result that was still to be handed over."""
    known = node_registry.contact(run.node)
    return bool(known) and parse_timestamp(known["at"]) > run.end and not known.get("waiting")


NEXT_CONTACT = 2 * 60 * SECOND
"""How long after the end of a run its agent has been in contact, unless it is away."""
UNREACHABLE = Reason("agent-unreachable", "Its agent had not taken it in time")
SILENT = Reason("no-result", "Its agent took it and never reported")


_NOT_STARTED = (State.MISSED, Reason("not-started", "No runner had taken it in time"))
_END = {
    State.PENDING: _NOT_STARTED,
    State.ON_DECK: _NOT_STARTED,
    State.RUNNING: (State.OVERDUE, Reason("no-result", "Its runner never reported")),
    State.CLEANUP: (State.FAILED, Reason("no-merge", "Its results were never merged")),
}
"""How a run ends that waits too long in a state, and why."""


def forget_run(node: NodeName, task: TaskId, run_uuid: RunId, now: dt.datetime) -> None:
    """Delete a run and what was delivered of it, where its task goes before it expires, or an earlier version
    filed it for that."""
    run = run_table.get(node, task, run_uuid)
    delivery_table.delete(delivery_table.of_run(node, run_uuid))
    run_table.delete(run)


def forget_task(node: NodeName, uuid: TaskId, now: dt.datetime) -> None:
    """Delete a task that has nothing more to run, and any runs left of it."""
    task = task_table.get(node, uuid)
    for run in run_table.in_order(node, uuid):
        forget_run(node, uuid, run.uuid, now)
    task_table.delete(task)

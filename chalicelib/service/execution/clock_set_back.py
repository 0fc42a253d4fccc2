"""After a clock that was ahead was set back: what is filed for a time that is long in coming.

A host whose clock is wrong until it hears of the right time places runs for then, and notes when to look at
everything again. Once its clock is right all of that is far ahead, and nobody would look at it before. So the
tick that finds its own last sign of life far ahead looks once at all that is filed for later, and has it go
on from now. That costs what there is, and happens hardly ever.

Which of two clocks was wrong nobody can tell: a host may be about to hear of the right time. So nothing that
was measured is dropped, and of what is to come only what is placed anew.
"""

import dataclasses
import datetime as dt
import logging

from chalicelib.domain.delivery import ANNOUNCED
from chalicelib.domain.names import NodeName, TaskId
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import SECOND
from chalicelib.service.execution.one_by_one import alone
from chalicelib.service.node import heartbeats
from chalicelib.service.scheduling import cancellation
from chalicelib.store import delivery_table, outbox_table, run_table, shards, task_table
from chalicelib.store.delivery_table import Due
from chalicelib.store.transactions import booking

LOG = logging.getLogger(__name__)


def tick(service: str, now: dt.datetime) -> None:
    """Have everything go on from now if the last sign of life of a service is of a time far ahead.

    To be called before the service leaves its next, so that what a crash leaves undone is done then.
    """
    if not heartbeats.is_ahead(service, now):
        return
    LOG.warning("The clock was set back: what was filed for later goes on from %s", now)
    for shard in shards.every():
        for node, task in task_table.filed_later(shard, now):
            alone(_resume, node, task, now)
        for due in delivery_table.filed_later(shard, now):
            alone(_attempt_now, due, now)
        for node, request in outbox_table.filed_later(shard, now + heartbeats.CLOCKS_DIFFER):
            alone(_make_now, node, request, now)


def _resume(node: NodeName, uuid: TaskId, now: dt.datetime) -> None:
    """Have a task be planned whose next run is to be before it would be looked at."""
    task = task_table.get(node, uuid)
    if not (task.enabled and task.is_lead):
        return
    resumed = task.replanned(now)
    if task.schedule.repeats:
        latest, dropped = _clear(task, now)
        if dropped or task.is_ahead(now):
            resumed = task.resumed(latest, dropped, now)
    if (resumed.progress, resumed.plan_at) != (task.progress, task.plan_at):
        booking.count_singly(task, resumed, now)


def _clear(task: Task, now: dt.datetime) -> tuple[dt.datetime, int]:
    """Have no run be in the way of those that are to come inside the horizon. Gives the end of the last of
    those that are there, and how many were dropped.

    Dropped is what was given up before its time has come, what was placed behind that, and what the other
    clock placed further ahead than this one would: it is placed anew, in its turn. What others have agreed to
    stays.
    """
    latest, dropped, horizon = now, 0, now + task.horizon
    for run in list(run_table.in_order(task.node, task.uuid, start=now)):
        is_placed_anew = run.state is State.PENDING and not task.others
        is_beyond = run.start > horizon
        if run.state is State.MISSED or (is_placed_anew and (dropped or (is_beyond and run.added > now))):
            cancellation.delete_run(task, run.uuid, now)
            dropped += 1
        elif not (dropped or is_beyond):
            latest = run.start + max(task.duration, SECOND)
    return latest, dropped


def _attempt_now(due: Due, now: dt.datetime) -> None:
    """Have a delivery be attempted that was stored, announced or last attempted at a time that is to come."""
    delivery = delivery_table.get(due.node, due.run, due.number)
    known = max(delivery.added, delivery.last_attempt or delivery.added)
    if known > now or (delivery.announced or now) > now + ANNOUNCED + heartbeats.CLOCKS_DIFFER:
        delivery_table.change(dataclasses.replace(delivery, next_attempt=now, announced=None))


def _make_now(node: NodeName, request: str, now: dt.datetime) -> None:
    """Have an outbox request be made, none of which waits that long."""
    outbox_table.hasten(outbox_table.get(node, request), now)

"""Tasks that other nodes are to take part in, stored together with the errands that would undo it."""

import datetime as dt
from collections.abc import Sequence

from pynamodb.transactions import TransactWrite

from chalicelib.domain.errors import Conflict
from chalicelib.domain.outbox_request import Errand
from chalicelib.domain.task import Task
from chalicelib.store import idempotency_records, task_table
from chalicelib.store import outbox_table as errand_store
from chalicelib.store.conditions import lost_means
from chalicelib.store.idempotency_records import Once
from chalicelib.store.models import TaskItem, connection


def insert(task: Task, now: dt.datetime, errands: Sequence[Errand] = ()) -> None:
    """Store a new task, and errands with it. Raises Conflict when there is one with its uuid."""
    taken = Conflict(f"There is a task {task.uuid} already")
    with lost_means(taken), TransactWrite(connection=connection()) as transaction:
        transaction.save(task_table.to_item(task, now), condition=TaskItem.task.does_not_exist())
        errand_store.add_within(transaction, errands)


def enable(task: Task, now: dt.datetime, dropped: Sequence[Errand] = (), once: Once | None = None) -> Task:
    """Let a task that was stored disabled be planned as it says now, and drop errands with that.

    Raises Repeated when its idempotency key was used meanwhile.
    """
    try:
        _enable(task, now, dropped, once)
    except Conflict:
        if once is not None:
            idempotency_records.require_unused(once, now)
        raise
    return task


def _enable(task: Task, now: dt.datetime, dropped: Sequence[Errand], once: Once | None) -> None:
    with lost_means(task_table.changed(task)), TransactWrite(connection=connection()) as transaction:
        actions = [TaskItem.enabled.set(True), *task_table.planning_actions(task, now)]
        transaction.update(task_table.reference_to(task.uuid), actions, condition=TaskItem.task.exists())
        errand_store.drop_within(transaction, dropped)
        if once is not None:
            transaction.save(idempotency_records.to_item(once), condition=idempotency_records.unused(now))

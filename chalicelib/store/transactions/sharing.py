"""Tasks that other nodes are to take part in, stored together with the outbox requests that would undo it."""

import datetime as dt
from collections.abc import Sequence

from pynamodb.transactions import TransactWrite

from chalicelib.domain.errors import Conflict
from chalicelib.domain.outbox_request import OutboxRequest
from chalicelib.domain.task import Task
from chalicelib.store import changes, idempotency_records, postings, task_items, task_table
from chalicelib.store import outbox_table as outbox_table
from chalicelib.store.idempotency_records import IdempotencyRecord
from chalicelib.store.models.connection import connection
from chalicelib.store.models.task_models import TaskItem
from chalicelib.store.store_errors import on_condition_failed


def insert(task: Task, now: dt.datetime, outbox_requests: Sequence[OutboxRequest] = ()) -> None:
    """Store a new task, and outbox requests with it. Raises Conflict when there is one with its uuid."""
    taken = Conflict(f"There is a task {task.uuid} already")
    with on_condition_failed(taken), TransactWrite(connection=connection()) as transaction:
        transaction.save(task_items.to_item(task, now), condition=TaskItem.task.does_not_exist())
        postings.add_within(transaction, postings.of_task(task))
        outbox_table.add_within(transaction, outbox_requests)
    changes.task_changed(task, "added")


def enable(
    task: Task,
    now: dt.datetime,
    dropped: Sequence[OutboxRequest] = (),
    idempotency_record: IdempotencyRecord | None = None,
) -> Task:
    """Let a task that was stored disabled be planned as it says now, and drop outbox requests with that.

    Raises Repeated when its idempotency key was used meanwhile.
    """
    try:
        _enable(task, now, dropped, idempotency_record)
    except Conflict:
        if idempotency_record is not None:
            idempotency_records.require_unused(idempotency_record, now)
        raise
    changes.task_changed(task, "enabled")
    return task


def _enable(
    task: Task,
    now: dt.datetime,
    dropped: Sequence[OutboxRequest],
    idempotency_record: IdempotencyRecord | None,
) -> None:
    with on_condition_failed(task_table.changed(task)), TransactWrite(connection=connection()) as transaction:
        actions = [TaskItem.enabled.set(True), *task_items.planning_actions(task, now)]
        transaction.update(
            task_table.reference_to(task.node, task.uuid), actions, condition=TaskItem.task.exists()
        )
        postings.turn_within(transaction, task, enabled=True)
        outbox_table.drop_within(transaction, dropped)
        if idempotency_record is not None:
            transaction.save(
                idempotency_records.to_item(idempotency_record), condition=idempotency_records.unused(now)
            )

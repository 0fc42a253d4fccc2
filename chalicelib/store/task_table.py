"""Tasks in the store: read, listed, and changed."""

import datetime as dt
from collections.abc import Iterator, Sequence

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName, TaskId
from chalicelib.domain.outbox_request import OutboxRequest
from chalicelib.domain.task import Task
from chalicelib.store import changes, list_order, outbox_table, postings, raw_items, shards
from chalicelib.store.list_order import Place
from chalicelib.store.models.connection import connection
from chalicelib.store.models.instants import written
from chalicelib.store.models.item_keys import bare, key, owner
from chalicelib.store.models.task_models import TaskItem
from chalicelib.store.raw_items import Stretch
from chalicelib.store.store_errors import on_condition_failed
from chalicelib.store.task_items import PURGE, StoredTask, planning_actions


def get(node: NodeName, uuid: TaskId) -> Task:
    """One task, strongly consistent. Raises NotFound."""
    return find(node, uuid).read()


def glance(node: NodeName, uuid: TaskId) -> Task:
    """The same, a moment behind, at half the price. Raises NotFound, for one that is quite new as well."""
    return find(node, uuid, consistent=False).read()


def find(node: NodeName, uuid: TaskId, consistent: bool = True) -> StoredTask:
    """One task as it was found, strongly consistent unless it may be a moment behind. Raises NotFound."""
    found = raw_items.get(TaskItem, {"task": key(node, uuid)}, consistent)
    if found is None:
        raise NotFound(f"There is no task {uuid}")
    return StoredTask(found)


def every(node: NodeName, after: Place | None = None, page_size: int | None = None) -> Iterator[Task]:
    """All tasks in the order they were added, or those behind a place; their counters as when posted."""
    return (stored.read() for stored in listing(node, after, page_size))


def listing(node: NodeName, after: Place | None = None, page_size: int | None = None) -> Iterator[StoredTask]:
    """The same, as they were found.

    Reads the listing, which may be a moment behind and holds only what never changes, ``page_size``
    items at a time.
    """
    where = None if after is None else (written(after[0]), after[1])
    stretch = Stretch(("node_key", key(node)), "added", lower=where and where[0], index="added")
    found = map(StoredTask, raw_items.query(TaskItem, stretch, page_size))
    return list_order.behind(found, lambda stored: (stored.added_text, stored.uuid), where)


def due(shard: int, now: dt.datetime, limit: int) -> list[tuple[NodeName, TaskId]]:
    """The tasks in a shard, of all nodes, that want the planner by now, the longest waiting first."""
    return _looked_at(shards.place(shard), TaskItem.plan_at <= now, limit)


def expired(shard: int, now: dt.datetime, limit: int) -> list[tuple[NodeName, TaskId]]:
    """The tasks in a shard that are to be forgotten by now."""
    return _looked_at(shards.place(shard, PURGE), TaskItem.plan_at <= now, limit)


def filed_later(shard: int, after: dt.datetime) -> list[tuple[NodeName, TaskId]]:
    """The tasks in a shard that somebody looks at later than an instant, to plan or to forget them."""
    later = TaskItem.plan_at > after
    return _looked_at(shards.place(shard), later) + _looked_at(shards.place(shard, PURGE), later)


def _looked_at(where: str, when: Condition, limit: int | None = None) -> list[tuple[NodeName, TaskId]]:
    found = TaskItem.plan_index.query(where, when, limit=limit)
    return [(owner(item.task), TaskId(bare(item.task))) for item in found]


def reference_to(node: NodeName, uuid: TaskId) -> TaskItem:
    """The task's item with its key alone, for an update."""
    return TaskItem(key(node, uuid))


def disable(task: Task, now: dt.datetime, outbox_requests: Sequence[OutboxRequest] = ()) -> Task:
    """Place no more runs, and store outbox requests with that. The task itself stays until purged."""
    off = task.evolve(enabled=False, plan_at=None)
    with on_condition_failed(changed(task)), TransactWrite(connection=connection()) as transaction:
        actions = [TaskItem.enabled.set(False), *planning_actions(off, now)]
        transaction.update(reference_to(task.node, task.uuid), actions, condition=TaskItem.enabled == True)  # noqa: E712
        postings.turn_within(transaction, task, enabled=False)
        outbox_table.add_within(transaction, outbox_requests)
    changes.task_changed(off, "disabled")
    return off


def lease(task: Task, until: dt.datetime, now: dt.datetime) -> Task:
    """Take a task for planning: no other planner looks at it before an instant.

    Raises Conflict unless it is as it was read, and nobody else took it.
    """
    leased = task.evolve(plan_at=until)
    _update(leased, planning_actions(leased, now), unchanged(task) & (TaskItem.plan_at == task.plan_at))
    return leased


def replan(task: Task, now: dt.datetime) -> None:
    """Store when the planner is to look again, unless a run was placed or the task disabled since."""
    _update(task, planning_actions(task, now), unchanged(task))


def count_started(task: Task) -> None:
    """One more run of the task has begun, which is not among those that are counted together."""
    actions: list[Action] = [TaskItem.runs_started.add(1)]
    _update(task, actions, TaskItem.task.exists())


def count_together(before: Task, after: Task) -> None:
    """Have a task count those that began since they were counted last. Raises Conflict where they were."""
    if actions := _counting_actions(before, after):
        _update(before, actions, _counted_as(before))


def delete(task: Task) -> None:
    """Forget a task that has nothing more to run, unless it changed since."""
    with on_condition_failed(changed(task)), TransactWrite(connection=connection()) as transaction:
        transaction.delete(reference_to(task.node, task.uuid), condition=TaskItem.runs == task.progress.runs)
        postings.drop_within(transaction, task)
    changes.task_changed(task, "deleted")


def _update(task: Task, actions: list[Action], condition: Condition) -> None:
    with on_condition_failed(changed(task)):
        reference_to(task.node, task.uuid).update(actions, condition=condition)


def changed(task: Task) -> Conflict:
    return Conflict(f"Task {task.uuid} changed meanwhile")


def unchanged(task: Task) -> Condition:
    """That the task is as it was read: still enabled, and no run placed since."""
    same: Condition = (TaskItem.enabled == True) & (TaskItem.runs == task.progress.runs)  # noqa: E712
    return same


def progress_update(before: Task, after: Task, now: dt.datetime) -> tuple[list[Action], Condition]:
    """The update that records runs placed, to go into the transaction that places them, and those that began
    where they were counted; and the condition that the task is as it was read."""
    actions = [
        TaskItem.runs.set(after.progress.runs),
        _set_or_remove(TaskItem.first_start, after.progress.first_start),
        _set_or_remove(TaskItem.latest, after.progress.latest),
        *planning_actions(after, now),
    ]
    counting = _counting_actions(before, after)
    same = unchanged(before)
    return actions + counting, same & _counted_as(before) if counting else same


def _counting_actions(before: Task, after: Task) -> list[Action]:
    if after.started_until == before.started_until:
        return []
    more = after.runs_started - before.runs_started
    return [TaskItem.runs_started.add(more), _set_or_remove(TaskItem.started_until, after.started_until)]


def _counted_as(task: Task) -> Condition:
    known = task.started_until
    if known is None:
        none: Condition = TaskItem.started_until.does_not_exist()
        return none
    same: Condition = TaskItem.started_until == known
    return same


def _set_or_remove(attribute: Attribute[dt.datetime], value: dt.datetime | None) -> Action:
    return attribute.remove() if value is None else attribute.set(value)


def get_many(node: NodeName, uuids: Sequence[TaskId]) -> dict[TaskId, Task]:
    """Tasks by uuid; those that are gone are left out."""
    return {uuid: stored.read() for uuid, stored in find_many(node, uuids).items()}


def find_many(node: NodeName, uuids: Sequence[str]) -> dict[TaskId, StoredTask]:
    """The same, as they were found."""
    keys = [{"task": key(node, uuid)} for uuid in dict.fromkeys(uuids)]
    found = map(StoredTask, raw_items.batch_get(TaskItem, keys))
    return {stored.uuid: stored for stored in found}

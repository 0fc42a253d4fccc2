"""Tasks in the store."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName, TaskId
from chalicelib.domain.outbox_request import OutboxRequest
from chalicelib.domain.repeat import Progress, Schedule
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task, purge_at
from chalicelib.domain.times import format_duration, format_timestamp, parse_duration, parse_timestamp
from chalicelib.store import ordering
from chalicelib.store import outbox_table as outbox_table
from chalicelib.store.conditions import on_condition_failed
from chalicelib.store.models import TaskItem, bare, connection, key, owner
from chalicelib.store.ordering import Place

PLAN_SHARDS = 4
"""Into how many partitions the plan index is cut, so that as many planners can share the work."""
PURGE = "purge"


def get(node: NodeName, uuid: TaskId) -> Task:
    """One task, strongly consistent. Raises NotFound."""
    try:
        return to_task(TaskItem.get(key(node, uuid), consistent_read=True))
    except DoesNotExist as error:
        raise NotFound(f"There is no task {uuid}") from error


def every(node: NodeName, after: Place | None = None, page_size: int | None = None) -> Iterator[Task]:
    """All tasks in the order they were added, or those behind a place; counters are those of their posting.

    Reads the listing, which may be a moment behind and holds only what never changes, ``page_size``
    items at a time.
    """
    behind = None if after is None else TaskItem.added >= after[0]
    found = TaskItem.added_index.query(key(node), behind, page_size=page_size)
    return ordering.behind(map(to_task, found), lambda task: (task.added, task.uuid), after)


def due(node: NodeName, shard: int, now: dt.datetime, limit: int) -> list[TaskId]:
    """The uuids of tasks in a shard that want the planner by now, the longest waiting first."""
    return _looked_at_by(key(node, str(shard)), now, limit)


def expired(node: NodeName, shard: int, now: dt.datetime, limit: int) -> list[TaskId]:
    """The uuids of tasks in a shard that are to be forgotten by now."""
    return _looked_at_by(key(node, PURGE, str(shard)), now, limit)


def _looked_at_by(where: str, now: dt.datetime, limit: int) -> list[TaskId]:
    found = TaskItem.plan_index.query(where, TaskItem.plan_at <= now, limit=limit)
    return [TaskId(bare(item.task)) for item in found]


def reference_to(node: NodeName, uuid: TaskId) -> TaskItem:
    """The task's item with its key alone, for an update."""
    return TaskItem(key(node, uuid))


def disable(task: Task, now: dt.datetime, outbox_requests: Sequence[OutboxRequest] = ()) -> Task:
    """Place no more runs, and store outbox requests with that. The task itself stays until purged."""
    off = task.evolve(enabled=False, plan_at=None)
    with on_condition_failed(changed(task)), TransactWrite(connection=connection()) as transaction:
        actions = [TaskItem.enabled.set(False), *planning_actions(off, now)]
        transaction.update(reference_to(task.node, task.uuid), actions, condition=TaskItem.enabled == True)  # noqa: E712
        outbox_table.add_within(transaction, outbox_requests)
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
    """One more run of the task has begun."""
    actions: list[Action] = [TaskItem.runs_started.add(1)]
    _update(task, actions, TaskItem.task.exists())


def delete(task: Task) -> None:
    """Forget a task that has nothing more to run, unless it changed since."""
    with on_condition_failed(changed(task)):
        reference_to(task.node, task.uuid).delete(condition=TaskItem.runs == task.progress.runs)


def _update(task: Task, actions: list[Action], condition: Condition) -> None:
    with on_condition_failed(changed(task)):
        reference_to(task.node, task.uuid).update(actions, condition=condition)


def changed(task: Task) -> Conflict:
    return Conflict(f"Task {task.uuid} changed meanwhile")


def unchanged(task: Task) -> Condition:
    """That the task is as it was read: still enabled, and no run placed since."""
    same: Condition = (TaskItem.enabled == True) & (TaskItem.runs == task.progress.runs)  # noqa: E712
    return same


def progress_actions(task: Task, now: dt.datetime) -> list[Action]:
    """The update that records runs placed, to go into the transaction that places them."""
    return [
        TaskItem.runs.set(task.progress.runs),
        _set_or_remove(TaskItem.first_start, task.progress.first_start),
        _set_or_remove(TaskItem.latest, task.progress.latest),
        *planning_actions(task, now),
    ]


def _set_or_remove(attribute: Attribute[dt.datetime], value: dt.datetime | None) -> Action:
    return attribute.remove() if value is None else attribute.set(value)


def planning_actions(task: Task, now: dt.datetime) -> list[Action]:
    where, when = _looked_at(task, now)
    reason = TaskItem.plan_reason.set(task.plan_reason) if task.plan_reason else TaskItem.plan_reason.remove()
    return [TaskItem.plan.set(where), TaskItem.plan_at.set(when), reason]


def _looked_at(task: Task, now: dt.datetime) -> tuple[str, dt.datetime]:
    """Its place in the plan index: with the planner, or, with nothing more to run, with the reaper."""
    shard = str(int(task.uuid[:8], 16) % PLAN_SHARDS)
    if task.plan_at is None:
        return key(task.node, PURGE, shard), purge_at(task, now)
    return key(task.node, shard), task.plan_at


def to_item(task: Task, now: dt.datetime) -> TaskItem:
    """The whole item of a new task."""
    where, when = _looked_at(task, now)
    return TaskItem(
        key(task.node, task.uuid),
        body=_body(task),
        added=task.added,
        node_key=key(task.node),
        enabled=task.enabled,
        runs=task.progress.runs,
        runs_started=task.runs_started,
        first_start=task.progress.first_start,
        latest=task.progress.latest,
        plan=where,
        plan_at=when,
        plan_reason=task.plan_reason,
    )


def _body(task: Task) -> dict[str, JSON]:
    return {
        "document": dict(task.document),
        "schedule": _schedule_body(task.schedule),
        "participants": list(task.participants),
        "participant": task.participant,
        "participant-key": task.participant_key,
        "duration": format_duration(task.duration),
        "post": format_duration(task.post),
        "class": task.scheduling_class,
        "hints": dict(task.hints),
        "cli": list(task.cli),
        "diags": task.diags,
        "limit-diags": task.limit_diags,
    }


def _schedule_body(schedule: Schedule) -> dict[str, JSON]:
    return {
        "start": schedule.start and format_timestamp(schedule.start),
        "slip": format_duration(schedule.slip),
        "sliprand": schedule.sliprand,
        "repeat": schedule.repeat and format_duration(schedule.repeat),
        "cron": schedule.cron,
        "until": schedule.until and format_timestamp(schedule.until),
        "max-runs": schedule.max_runs,
    }


def _to_schedule(body: dict[str, JSON]) -> Schedule:
    return Schedule(
        start=body["start"] and parse_timestamp(body["start"]),
        slip=parse_duration(body["slip"]),
        sliprand=body["sliprand"],
        repeat=body["repeat"] and parse_duration(body["repeat"]),
        cron=body["cron"],
        until=body["until"] and parse_timestamp(body["until"]),
        max_runs=body["max-runs"],
    )


def to_task(item: Any) -> Task:
    """An item, of the table or of its listing, as a task."""
    body = item.body
    return Task(
        node=owner(item.task),
        uuid=TaskId(bare(item.task)),
        document=body["document"],
        schedule=_to_schedule(body["schedule"]),
        participants=tuple(body["participants"]),
        duration=parse_duration(body["duration"]),
        scheduling_class=body["class"],
        added=item.added,
        participant=body["participant"],
        participant_key=body["participant-key"],
        post=parse_duration(body["post"]),
        hints=body["hints"],
        cli=body["cli"],
        diags=body["diags"],
        limit_diags=body["limit-diags"],
        enabled=item.enabled,
        progress=Progress(int(item.runs or 0), item.first_start, item.latest),
        runs_started=int(item.runs_started or 0),
        plan_at=None if f"#{PURGE}#" in (item.plan or "") else item.plan_at,
        plan_reason=item.plan_reason,
    )


def get_many(node: NodeName, uuids: Sequence[TaskId]) -> dict[TaskId, Task]:
    """Tasks by uuid; those that are gone are left out."""
    keys = [key(node, uuid) for uuid in dict.fromkeys(uuids)]
    return {task.uuid: task for task in map(to_task, TaskItem.batch_get(keys))}

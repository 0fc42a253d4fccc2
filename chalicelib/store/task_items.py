"""A task as an item of its table, and back: what is kept of it, and where it is filed to be looked at."""

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from pynamodb.expressions.update import Action

from chalicelib.domain.conflicts import ANYTIME
from chalicelib.domain.names import TaskId
from chalicelib.domain.repeat import Progress
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task, purge_at
from chalicelib.store import shards, task_bodies
from chalicelib.store.list_order import Place
from chalicelib.store.models.item_keys import bare, key, owner
from chalicelib.store.models.task_models import TaskItem
from chalicelib.store.raw_items import RawItem
from chalicelib.store.task_bodies import Beside

PURGE = "purge"
"""Why a task is filed that has nothing more to run: to be forgotten."""


def to_item(task: Task, now: dt.datetime) -> TaskItem:
    """The whole item of a new task."""
    where, when = _looked_at(task, now)
    return TaskItem(
        key(task.node, task.uuid),
        body=task_bodies.written(task),
        added=task.added,
        node_key=key(task.node),
        enabled=task.enabled,
        runs=task.progress.runs,
        runs_started=task.runs_started,
        started_until=task.started_until,
        first_start=task.progress.first_start,
        latest=task.progress.latest,
        plan=where,
        plan_at=when,
        plan_reason=task.plan_reason,
    )


def to_task(item: Any) -> Task:
    """An item, of the table or of its listing, as a task."""
    return Task(
        node=owner(item.task),
        uuid=TaskId(bare(item.task)),
        **task_bodies.read(item.body),
        added=item.added,
        enabled=item.enabled,
        progress=Progress(int(item.runs or 0), item.first_start, item.latest),
        runs_started=int(item.runs_started or 0),
        started_until=item.started_until,
        plan_at=None if f"#{PURGE}#" in (item.plan or "") else item.plan_at,
        plan_reason=item.plan_reason,
    )


def planning_actions(task: Task, now: dt.datetime) -> list[Action]:
    """What an update says of where a task is filed, and of why it waits."""
    where, when = _looked_at(task, now)
    reason = TaskItem.plan_reason.set(task.plan_reason) if task.plan_reason else TaskItem.plan_reason.remove()
    return [TaskItem.plan.set(where), TaskItem.plan_at.set(when), reason]


def _looked_at(task: Task, now: dt.datetime) -> tuple[str, dt.datetime]:
    """Its place in the plan index: with the planner, or, with nothing more to run, with the reaper."""
    shard = shards.of(task.uuid)
    if task.plan_at is None:
        return shards.place(shard, PURGE), purge_at(task, now)
    return shards.place(shard), task.plan_at


@dataclasses.dataclass(frozen=True)
class PostedTask:
    """What a search looks at of a task, which takes a third of the time that the whole of it takes."""

    document: Mapping[str, JSON]
    hints: Mapping[str, JSON]
    enabled: bool


class StoredTask:
    """A task as it was found: its item, looked into no further than it is asked about."""

    __slots__ = ("_item", "uuid")

    def __init__(self, item: RawItem):
        self._item = item
        self.uuid = TaskId(bare(item.task))

    @property
    def added_text(self) -> str:
        """The instant it was added, as a text that sorts as that does."""
        return self._item.text("added")

    @property
    def place(self) -> Place:
        """Its place in the listing."""
        return self._item.added, self.uuid

    @property
    def shown(self) -> str:
        """JSON of the task as everybody may see it, without its detail."""
        return task_bodies.shown(self._item.body) or task_bodies.visible(self.read())

    def read(self) -> Task:
        return to_task(self._item)

    def posted(self) -> PostedTask:
        """What a search looks at."""
        body = self.fixed()
        return PostedTask(body["document"], body["hints"], self.is_enabled)

    @property
    def is_enabled(self) -> bool:
        """Whether it was not cancelled here."""
        return bool(self._item.enabled)

    @property
    def is_anytime(self) -> bool:
        """Whether its runs conflict with nothing."""
        return self.fixed()["class"] in ANYTIME

    def beside(self) -> Beside:
        """What lists show of it besides ``shown``."""
        return task_bodies.beside(self._item.body)

    def fixed(self) -> dict[str, JSON]:
        """What never changes of it, as it is stored (``store/task_bodies.py``), with its ``document``."""
        body: dict[str, JSON] = json.loads(self._item.body)
        return body if "document" in body else {**body, "document": body["shown"]}

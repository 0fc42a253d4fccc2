"""Runs in the store: read, listed, and changed one at a time."""

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.errors import NotFound, StaleRun
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.times import UTC
from chalicelib.infrastructure import blobs
from chalicelib.store import changes, counted_hours, list_order, raw_items
from chalicelib.store.list_order import Place
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.raw_items import RawItem
from chalicelib.store.run_items import GIVE_UP, due_key, given_up_at, listed, state_of, to_item, to_run
from chalicelib.store.store_errors import on_condition_failed

EARLIEST_START, LATEST_START = (dt.datetime(year, 1, 1, tzinfo=UTC) for year in (1000, 9999))


def get(node: NodeName, task: TaskId, uuid: RunId) -> Run:
    """One run, strongly consistent. Raises NotFound."""
    return _get(node, task, uuid, consistent=True)


def glance(node: NodeName, task: TaskId, uuid: RunId) -> Run:
    """The same, a moment behind, at half the price. Raises NotFound, for one that is quite new as well."""
    return _get(node, task, uuid, consistent=False)


def _get(node: NodeName, task: TaskId, uuid: RunId, consistent: bool) -> Run:
    found = raw_items.get(RunItem, {"task": key(node, task), "run": uuid}, consistent)
    if found is None:
        raise NotFound(f"There is no run {uuid} of task {task}")
    return to_run(found)


def first(
    node: NodeName, task: TaskId, not_before: dt.datetime | None = None, now: dt.datetime = EARLIEST_START
) -> RunId | None:
    """The uuid of the earliest visible run, or the earliest that starts at or after an instant; of those that
    are not to be forgotten ``now``."""
    found = in_order(node, task, not_before)
    visible = (run for run in found if run.state is not State.SCHEDULING)
    return next((run.uuid for run in visible if kept([run], now)), None)


def kept(listed: Sequence[Run], now: dt.datetime) -> Sequence[Run]:
    """The runs of a list without those that are over and were kept long enough. AWS takes days to drop them.

    How long that is of one that is kept longer or less long than usual, its item alone knows: those are read
    that are older than usual.
    """
    doubtful = [run for run in listed if run.is_forgotten(now)]
    if not doubtful:
        return listed
    pairs = [(run.task, run.uuid) for run in doubtful]
    items = raw_items.batch_get(RunItem, _keys(doubtful[0].node, pairs), read=["run", "expires"])
    longer = {RunId(item.run) for item in items if (item.expires or 0) > now.timestamp()}
    gone = {run.uuid for run in doubtful} - longer
    return [run for run in listed if run.uuid not in gone]


def in_order(
    node: NodeName,
    task: TaskId,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    backwards: bool = False,
) -> Iterator[Run]:
    """A task's runs by start, those starting within bounds; each without its documents."""
    found = RunItem.start_index.query(
        key(node, task),
        starting(start, end),
        consistent_read=True,
        scan_index_forward=not backwards,
        attributes_to_get=_PLACE,
    )
    return _summarized(node, task, found)


def between(node: NodeName, task: TaskId, start: dt.datetime, end: dt.datetime) -> list[Run]:
    """All runs of a task that start within bounds, each without its documents, as it was a moment ago."""
    found = RunItem.start_index.query(
        key(node, task), starting(start, end), consistent_read=True, attributes_to_get=_PLACE
    )
    return list(summaries(node, [(task, RunId(item.run)) for item in found]).values())


def behind(
    node: NodeName,
    task: TaskId,
    start: dt.datetime | None,
    end: dt.datetime | None,
    after: Place | None,
    page_size: int | None = None,
) -> Iterator[Run]:
    """A task's runs by start and then uuid, as ``in_order`` has them, those behind a place."""
    lower = start if after is None else max(start or EARLIEST_START, after[0])
    found = RunItem.start_index.query(
        key(node, task),
        starting(lower, end),
        consistent_read=True,
        page_size=page_size,
        attributes_to_get=_PLACE,
    )
    return list_order.behind(_summarized(node, task, found), lambda run: (run.start, run.uuid), after)


_PLACE = ["task", "run", "start"]
_FIRST_READ, _MOST_READ = 4, 100
"""Items that are read together: a few first, since who asks for a list may look at its beginning alone."""


def _summarized(node: NodeName, task: TaskId, places: Iterator[Any]) -> Iterator[Run]:
    """The runs at some places of the index, in their order; those that are gone since are left out."""
    size = _FIRST_READ
    while some := [RunId(item.run) for item in itertools.islice(places, size)]:
        known = summaries(node, [(task, uuid) for uuid in some], consistent=True)
        yield from (known[uuid] for uuid in some if uuid in known)
        size = min(size * 5, _MOST_READ)


def get_many(node: NodeName, task: TaskId, uuids: Sequence[RunId]) -> dict[RunId, Run]:
    """Runs of a task by uuid, whole and strongly consistent; those that are gone are left out."""
    return get_all(node, [(task, uuid) for uuid in uuids])


def get_all(node: NodeName, pairs: Sequence[tuple[TaskId, RunId]]) -> dict[RunId, Run]:
    """Runs of any tasks of a node, whole and strongly consistent; those that are gone are left out."""
    found = raw_items.batch_get(RunItem, _keys(node, pairs), consistent=True)
    return {run.uuid: run for run in filter(None, map(_whole, found))}


def _keys(node: NodeName, pairs: Sequence[tuple[TaskId, RunId]]) -> list[dict[str, str]]:
    return [{"task": key(node, task), "run": run} for task, run in dict.fromkeys(pairs)]


def _whole(item: RawItem) -> Run | None:
    """An item as a run; None of one that is about to be dropped, its documents in the bucket being gone."""
    try:
        return to_run(item)
    except NotFound:
        return None


_SUMMARY = [
    *("task", "run", "start", "end", "state", "begun", "added", "priority", "errors", "reason", "expires")
]


def summaries(
    node: NodeName, pairs: Sequence[tuple[TaskId, RunId]], consistent: bool = False
) -> dict[RunId, Run]:
    """Runs of any tasks of a node without their documents, as they are, or were a moment ago."""
    found = raw_items.batch_get(RunItem, _keys(node, pairs), consistent, _SUMMARY)
    return {run.uuid: run for run in map(listed, found)}


class Standing(NamedTuple):
    """How it stands with a run that an agent may have taken."""

    state: State
    holder: str | None
    received: bool

    def is_held_by(self, instance: str) -> bool:
        """Whether it is still the instance's to work on, or was reported by it."""
        under_way = self.state in (State.PENDING, State.RUNNING)
        return self.holder == instance and (under_way or self.received)


def standing(node: NodeName, pairs: Sequence[tuple[TaskId, RunId]]) -> dict[RunId, Standing]:
    """How it stands with runs of any tasks of a node, strongly consistent; not of those that are gone."""
    names = ["task", "run", "state", "begun", "holder", "received"]
    found = raw_items.batch_get(RunItem, _keys(node, pairs), consistent=True, read=names)
    return {RunId(item.run): Standing(state_of(item), item.holder, bool(item.received)) for item in found}


def starting(start: dt.datetime | None, end: dt.datetime | None) -> Condition:
    """The condition on an index that a run starts within bounds, both included; none may."""
    lower, upper = max(start or EARLIEST_START, EARLIEST_START), min(end or LATEST_START, LATEST_START)
    # Bounds the wrong way round hold nothing, but DynamoDB calls them a mistake.
    return RunItem.start.between(lower, upper) if lower <= upper else RunItem.start < EARLIEST_START


def change(run: Run) -> Run:
    """Write a changed run over the one it was made from, and return it as written.

    Raises StaleRun when somebody else was faster.
    """
    written = run.evolve(revision=run.revision + 1)
    with on_condition_failed(changed(run.uuid)):
        to_item(written).save(condition=RunItem.revision == run.revision)
    changes.run_written(written)
    return written


def changed(uuid: RunId) -> StaleRun:
    return StaleRun(f"Run {uuid} changed meanwhile")


def take(run: Run, holder: str) -> Run:
    """Note that an instance of the node's agent has taken a run that nobody has. Raises StaleRun."""
    taken = run.evolve(holder=holder, revision=run.revision + 1)
    actions: list[Action] = [
        RunItem.holder.set(holder),
        RunItem.due.set(due_key(GIVE_UP, run.uuid)),
        RunItem.due_at.set(given_up_at(taken)),
        RunItem.revision.set(taken.revision),
    ]
    free = (RunItem.revision == run.revision) & RunItem.holder.does_not_exist()
    with on_condition_failed(changed(run.uuid)):
        reference_to(run).update(actions, condition=free)
    return taken


def reference_to(run: Run) -> RunItem:
    """The run's item with its key alone, for a transaction."""
    return RunItem(key(run.node, run.task), run.uuid)


def delete(run: Run) -> None:
    """Forget a run, and its documents elsewhere. Raises StaleRun when it changed since it was read."""
    counted_hours.changing(run)
    with on_condition_failed(changed(run.uuid)):
        RunItem(key(run.node, run.task), run.uuid).delete(condition=RunItem.revision == run.revision)
    if run.documents_at:
        blobs.delete(run.documents_at)

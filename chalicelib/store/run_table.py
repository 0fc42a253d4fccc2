"""Runs in the store."""

import dataclasses
import datetime as dt
import json
import math
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.errors import NotFound, StaleRun
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Documents, Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN
from chalicelib.domain.times import UTC
from chalicelib.infrastructure import blobs
from chalicelib.store import changes, ordering, shards
from chalicelib.store.conditions import on_condition_failed
from chalicelib.store.models import RunItem, bare, key, owner
from chalicelib.store.ordering import Place

GRACE = dt.timedelta(seconds=30)
"""How late a run may be before it is given up: missed, or overdue."""
LARGEST_ITEM = 300_000
"""Bytes of compressed documents an item holds; an item may have 400 KB, keys and indexes included."""

AGREE, DISPATCH, GIVE_UP, PURGE = "agree", "dispatch", "give-up", "purge"
"""Why a run is due: agreed on by its participants, sent to its runner, given up on, forgotten."""
AGREEING = dt.timedelta(minutes=2)
"""How long a run may wait for the agreement of its participants where it is the lead's."""
BEING_TOLD = dt.timedelta(minutes=10)
"""The same at the others, who wait for the lead: it may be one that asks them one by one."""
COLLECTING = dt.timedelta(seconds=60)
"""How late the results of the other participants may be merged."""

EARLIEST_START, LATEST_START = (dt.datetime(year, 1, 1, tzinfo=UTC) for year in (1000, 9999))


def get(node: NodeName, task: TaskId, uuid: RunId) -> Run:
    """One run, strongly consistent. Raises NotFound."""
    try:
        return to_run(RunItem.get(key(node, task), uuid, consistent_read=True))
    except DoesNotExist as error:
        raise NotFound(f"There is no run {uuid} of task {task}") from error


def first(node: NodeName, task: TaskId, not_before: dt.datetime | None = None) -> RunId | None:
    """The uuid of the earliest visible run, or the earliest that starts at or after an instant."""
    found = in_order(node, task, not_before)
    return next((run.uuid for run in found if run.state is not State.SCHEDULING), None)


def in_order(
    node: NodeName,
    task: TaskId,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    backwards: bool = False,
) -> Iterator[Run]:
    """A task's runs by start, those starting within bounds; each without its documents."""
    found = RunItem.start_index.query(
        key(node, task), starting(start, end), consistent_read=True, scan_index_forward=not backwards
    )
    for item in found:
        yield to_summary(item)


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
        key(node, task), starting(lower, end), consistent_read=True, page_size=page_size
    )
    return ordering.behind(map(to_summary, found), lambda run: (run.start, run.uuid), after)


def get_many(node: NodeName, task: TaskId, uuids: Sequence[RunId]) -> dict[RunId, Run]:
    """Runs of a task by uuid, whole and strongly consistent; those that are gone are left out."""
    found = RunItem.batch_get([(key(node, task), uuid) for uuid in uuids], consistent_read=True)
    return {run.uuid: run for run in map(to_run, found)}


def get_all(node: NodeName, pairs: Sequence[tuple[TaskId, RunId]]) -> dict[RunId, Run]:
    """Runs of any tasks of a node, whole and strongly consistent; those that are gone are left out."""
    found = RunItem.batch_get([(key(node, task), run) for task, run in pairs], consistent_read=True)
    return {run.uuid: run for run in map(to_run, found)}


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
    keys = [(key(node, task), run) for task, run in pairs]
    names = ["task", "run", "state", "holder", "received"]
    found = RunItem.batch_get(keys, consistent_read=True, attributes_to_get=names)
    return {RunId(item.run): Standing(State(item.state), item.holder, bool(item.received)) for item in found}


def starting(start: dt.datetime | None, end: dt.datetime | None) -> Condition:
    """The condition on an index that a run starts within bounds, both included; none may."""
    lower, upper = max(start or EARLIEST_START, EARLIEST_START), min(end or LATEST_START, LATEST_START)
    # Bounds the wrong way round hold nothing, but DynamoDB calls them a mistake.
    return RunItem.start.between(lower, upper) if lower <= upper else RunItem.start < EARLIEST_START


@dataclasses.dataclass(frozen=True)
class Due:
    """A run whose time has come, as the index has it: ``at`` is when, ``shard`` where it was found."""

    node: NodeName
    task: TaskId
    run: RunId
    at: dt.datetime
    lane: str
    shard: int


def due(why: str, shard: int, until: dt.datetime, limit: int, since: dt.datetime | None = None) -> list[Due]:
    """The runs of a shard due between instants, of all nodes, the longest waiting first."""
    when = RunItem.due_at.between(since or EARLIEST_START, until)
    found = RunItem.due_index.query(shards.place(shard, why), when, limit=limit)
    return [
        Due(owner(item.task), TaskId(bare(item.task)), RunId(item.run), item.due_at, item.lane or "", shard)
        for item in found
    ]


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


def claim(due: Due) -> None:
    """Take a run due for dispatch, so that one alone sends it to its runner. Raises StaleRun."""
    item = RunItem(key(due.node, due.task), due.run)
    actions: list[Action] = [
        RunItem.due.set(_due_key(GIVE_UP, due.run)),
        RunItem.due_at.set(due.at + GRACE),
        RunItem.revision.add(1),
    ]
    with on_condition_failed(changed(due.run)):
        item.update(actions, condition=RunItem.due == shards.place(due.shard, DISPATCH))


def take(run: Run, holder: str) -> Run:
    """Note that an instance of the node's agent has taken a run that nobody has. Raises StaleRun."""
    taken = run.evolve(holder=holder, revision=run.revision + 1)
    reason, due_at = due_for(taken)
    actions: list[Action] = [
        RunItem.holder.set(holder),
        RunItem.due.set(_due_key(reason, run.uuid)),
        RunItem.due_at.set(due_at),
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
    with on_condition_failed(changed(run.uuid)):
        RunItem(key(run.node, run.task), run.uuid).delete(condition=RunItem.revision == run.revision)
    if run.documents_at:
        blobs.delete(run.documents_at)


def to_item(run: Run) -> RunItem:
    """The whole item of a run; documents too large for it go to the bucket first."""
    reason, due_at = due_for(run)
    content = zlib.compress(json.dumps(run.documents.stored(), separators=(",", ":")).encode())
    elsewhere = (
        f"{key(run.node, run.task)}/{run.uuid}/{run.revision}" if len(content) > LARGEST_ITEM else None
    )
    if elsewhere:
        blobs.put(elsewhere, content)
    return RunItem(
        key(run.node, run.task),
        run.uuid,
        start=run.start,
        end=run.end,
        state=run.state.value,
        added=run.added,
        priority=run.priority,
        errors=run.errors,
        reason=run.documents.reason,
        documents=None if elsewhere else content,
        documents_at=elsewhere,
        revision=run.revision,
        due=_due_key(reason, run.uuid),
        due_at=due_at,
        state_key=key(run.node, run.state.value),
        lane=run.lane or None,
        abandoned=run.abandoned or None,
        holder=run.holder,
        received=run.received or None,
        expires=math.ceil((run.end + KEEP_AFTER_LAST_RUN * 2).timestamp()),
    )


def due_for(run: Run) -> tuple[str, dt.datetime]:
    """What a run waits for in its state, and until when: no state waits for ever."""
    match run.state:
        case State.SCHEDULING:
            return AGREE, min(run.start, run.added + AGREEING)
        case State.PENDING if run.awaiting:
            return AGREE, min(run.start, run.added + BEING_TOLD)
        case State.PENDING | State.ON_DECK if not run.dispatched:
            return DISPATCH, run.start
        case State.PENDING | State.ON_DECK | State.RUNNING | State.CLEANUP:
            return GIVE_UP, run.leased_until or _given_up_at(run.state, run)
        case _:
            return PURGE, run.purge_at or run.end + KEEP_AFTER_LAST_RUN


def _given_up_at(state: State, run: Any) -> dt.datetime:
    """When a run, or its item, that waits too long in a state is given up, or its agent looked for."""
    late: dt.datetime = run.end
    if state is State.CLEANUP:
        return late + COLLECTING
    return late + GRACE if state is State.RUNNING or run.holder else run.start + GRACE


def _due_key(reason: str, uuid: RunId) -> str:
    return shards.place(shards.of(uuid), reason)


def to_summary(item: Any) -> Run:
    """An item, of the table or of an index, without what only the table has: of its documents the reason."""
    return Run(
        node=owner(item.task),
        task=TaskId(bare(item.task)),
        uuid=RunId(item.run),
        start=item.start,
        end=item.end,
        state=State(item.state),
        added=item.added or item.start,
        priority=None if item.priority is None else int(item.priority),
        errors=item.errors,
        documents=Documents(reason=item.reason),
    )


def _lease(item: Any) -> dt.datetime | None:
    """When a run is looked at, where that is not when one in its state usually is."""
    if f"#{GIVE_UP}#" not in (item.due or ""):
        return None
    usual = _given_up_at(State(item.state), item)
    return None if item.due_at == usual else item.due_at


def to_run(item: Any) -> Run:
    """A whole item as a run."""
    content = blobs.get(item.documents_at) if item.documents_at else item.documents
    return to_summary(item).evolve(
        documents=Documents.restored(json.loads(zlib.decompress(content))),
        documents_at=item.documents_at,
        awaiting=f"#{AGREE}#" in (item.due or ""),
        dispatched=not any(f"#{why}#" in (item.due or "") for why in (AGREE, DISPATCH)),
        leased_until=_lease(item),
        purge_at=item.due_at if f"#{PURGE}#" in (item.due or "") else None,
        revision=int(item.revision),
        lane=item.lane or "",
        abandoned=int(item.abandoned or 0),
        holder=item.holder,
        received=int(item.received or 0),
    )

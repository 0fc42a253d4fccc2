"""Runs that somebody has to look at by a known time: to agree on them, dispatch them, or give them up."""

import dataclasses
import datetime as dt
import itertools
from collections.abc import Iterator, Sequence

from pynamodb.expressions.update import Action

from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Run
from chalicelib.store import raw_items, run_table, shards
from chalicelib.store.models.item_keys import bare, key, owner
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.run_items import GIVE_UP, due_key, given_up_at, state_of
from chalicelib.store.store_errors import on_condition_failed


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
    return list(between(why, shard, since or run_table.EARLIEST_START, until, limit))


def between(
    why: str, shard: int, since: dt.datetime, until: dt.datetime, limit: int | None = None
) -> Iterator[Due]:
    """The same, read as they are asked for."""
    if since > until:
        return
    when = RunItem.due_at.between(since, until)
    for item in RunItem.due_index.query(shards.place(shard, why), when, limit=limit):
        task = TaskId(bare(item.task))
        yield Due(owner(item.task), task, RunId(item.run), item.due_at, item.lane or "", shard)


def together(why: str, shard: int, since: dt.datetime, until: dt.datetime, most: int) -> list[Due]:
    """Those between instants, the longest waiting first: so many, and all due at the time of the last."""
    found = between(why, shard, since, until)
    some = list(itertools.islice(found, most))
    return some + list(itertools.takewhile(lambda each: each.at == some[-1].at, found))


def not_over(found: Sequence[Due]) -> set[RunId]:
    """Those of what is due that are not over, or were not a moment ago. Half a unit each."""
    keys = {(due.node, due.task, due.run): {"task": key(due.node, due.task), "run": due.run} for due in found}
    items = raw_items.batch_get(RunItem, list(keys.values()), read=["task", "run", "state", "begun"])
    return {RunId(item.run) for item in items if not state_of(item).is_final}


def file_to_be_given_up(run: Run) -> None:
    """File a run for when it waits too long in its state; nothing else changes of it. Raises StaleRun."""
    actions: list[Action] = [
        RunItem.due.set(due_key(GIVE_UP, run.uuid)),
        RunItem.due_at.set(given_up_at(run)),
    ]
    with on_condition_failed(run_table.changed(run.uuid)):
        run_table.reference_to(run).update(actions, condition=RunItem.revision == run.revision)

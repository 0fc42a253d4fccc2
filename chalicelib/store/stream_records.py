"""From a record of a table's stream, a change of one item, to what is told of it: as a journal has it."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib.domain.alerts import AlertState
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.domain.series import Series
from chalicelib.store import (
    alert_table,
    events,
    point_table,
    raw_items,
    run_items,
    series_table,
    task_items,
)
from chalicelib.store.events import Members
from chalicelib.store.models.alert_models import AlertItem
from chalicelib.store.models.base import Table
from chalicelib.store.models.item_keys import owner
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.models.series_models import PointItem
from chalicelib.store.models.task_models import TaskItem

Image = Mapping[str, Any]
"""An item as DynamoDB writes it; empty where there is none."""


class Streamed(NamedTuple):
    """A table whose stream tells something: what, whose an item is, and what is told of its change."""

    kind: str
    table: type[Table]
    node_of: Callable[[Image], str]
    told: Callable[[Image, Image], Members | None]


def members(streamed: Streamed, record: JSON, node: NodeName) -> Members | None:
    """What is told of a record at a node; None for nothing."""
    change = record["dynamodb"]
    if streamed.node_of(change["Keys"]) != node:
        return None
    return streamed.told(change.get("OldImage") or {}, change.get("NewImage") or {})


_OF_RUNS = (
    "state",
    "begun",
    "start",
    "end",
    "priority",
    "errors",
    "documents",
    "documents_at",
    "abandoned",
    "received",
)
"""What one who looks at a run may see of it: other members say who is to look at it, and when."""


def _of_task(old: Image, new: Image) -> Members | None:
    state = _task_state(old, new)
    return events.of_task(task_items.to_task(raw_items.read(TaskItem, new or old)), state) if state else None


def _task_state(old: Image, new: Image) -> str:
    if not old or not new:
        return "added" if new else "deleted"
    if old["enabled"] == new["enabled"]:
        return ""
    return "enabled" if new["enabled"]["BOOL"] else "disabled"


def _of_run(old: Image, new: Image) -> Members | None:
    if not new or all(old.get(name) == new.get(name) for name in _OF_RUNS):
        return None
    return events.of_run(run_items.listed(raw_items.read(RunItem, new)))


def _of_point(_: Image, new: Image) -> Members | None:
    if not new:
        return None
    item = raw_items.read(PointItem, new)
    node, _, series = item.series.rpartition("#")
    known = _series(NodeName(node), series)
    return events.of_point(known, point_table.to_point(item.body)) if known else None


def _of_alert(old: Image, new: Image) -> Members | None:
    if not new:
        return None
    after = alert_table.to_alert(raw_items.read(AlertItem, new))
    before = alert_table.to_alert(raw_items.read(AlertItem, old)).state if old else AlertState.OK
    return None if after.state is before else events.of_alert(after)


def _series(node: NodeName, series: str) -> Series | None:
    """A series, which never changes under its name; None where it is gone."""
    try:
        return _known_series(node, series)
    except LookupError:
        return None


@functools.lru_cache(maxsize=10_000)
def _known_series(node: NodeName, series: str) -> Series:
    found = series_table.find(node, series)
    if found is None:
        raise LookupError(series)  # which is not remembered
    return found.series


def forget() -> None:
    """Look series up anew: the tables are other ones."""
    _known_series.cache_clear()


STREAMED = (
    Streamed("task", TaskItem, lambda keys: owner(keys["task"]["S"]), _of_task),
    Streamed("run", RunItem, lambda keys: owner(keys["task"]["S"]), _of_run),
    # The hours of a series have a part more in their key, and are nobody's then.
    Streamed("result", PointItem, lambda keys: owner(keys["series"]["S"]), _of_point),
    Streamed("alert", AlertItem, lambda keys: str(keys["node_key"]["S"]), _of_alert),
)
"""The tables with a stream, in the order of ``events.KINDS``."""

"""Series and the hours of them that are still to be rolled up, in the store.

A point costs its own write; its series is written when it is new, and once in six hours: when those are
rolled up. Where none had come for so long, the first that comes has that done again.
"""

import dataclasses
import datetime as dt
import math
from collections.abc import Iterator

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName
from chalicelib.domain.series import HOUR, KEPT, Series, rolled_up_at
from chalicelib.store import shards
from chalicelib.store.models.series_models import SeriesItem
from chalicelib.store.store_errors import on_condition_failed


@dataclasses.dataclass(frozen=True)
class Stored:
    """A series as stored; ``roll_from`` is the first hour that has points and is not rolled up yet."""

    series: Series
    added: dt.datetime
    roll_from: dt.datetime | None
    revision: int

    @property
    def roll_at(self) -> dt.datetime | None:
        """When that hour is rolled up, and what came after it with it."""
        return self.roll_from and rolled_up_at(self.series.uuid, self.roll_from)


def find(node: NodeName, series: str) -> Stored | None:
    """A series, strongly consistent; None where there is none."""
    try:
        return _to_stored(SeriesItem.get(node, series, consistent_read=True))
    except DoesNotExist:
        return None


def glance(node: NodeName, series: str) -> Stored | None:
    """The same, a moment behind, at half the price."""
    try:
        return _to_stored(SeriesItem.get(node, series))
    except DoesNotExist:
        return None


def get(node: NodeName, series: str) -> Stored:
    """A series. Raises NotFound."""
    found = find(node, series)
    if found is None:
        raise NotFound(f"There is no series {series}")
    return found


def every(node: NodeName, after: str | None = None) -> Iterator[Stored]:
    """The series of a node in the order of their identifiers, those behind ``after``."""
    behind = None if after is None else SeriesItem.series > after
    return map(_to_stored, SeriesItem.query(node, behind))


def add(node: NodeName, series: Series, now: dt.datetime, roll_from: dt.datetime) -> Stored:
    """Store a series that is new. Raises Conflict where it is there."""
    new = Stored(series, now, roll_from, 0)
    with on_condition_failed(Conflict(f"There is a series {series.uuid} already")):
        _to_item(node, new, now).save(condition=SeriesItem.series.does_not_exist())
    return new


def change(node: NodeName, stored: Stored, roll_from: dt.datetime | None, now: dt.datetime) -> Stored:
    """Have a series rolled up from another hour on, or not at all. Raises Conflict when it changed."""
    new = dataclasses.replace(stored, roll_from=roll_from, revision=stored.revision + 1)
    with on_condition_failed(Conflict(f"Series {stored.series.uuid} changed meanwhile")):
        _to_item(node, new, now).save(condition=SeriesItem.revision == stored.revision)
    return new


def due(shard: int, now: dt.datetime, limit: int) -> list[tuple[NodeName, str]]:
    """The series of a shard, of all nodes, with an hour to be rolled up by now, the longest waiting first."""
    found = SeriesItem.rolling_index.query(shards.place(shard), SeriesItem.roll_at <= now, limit=limit)
    return [(NodeName(item.node_key), item.series) for item in found]


def _to_item(node: NodeName, stored: Stored, now: dt.datetime) -> SeriesItem:
    uuid, waits = stored.series.uuid, stored.roll_from is not None
    return SeriesItem(
        node,
        uuid,
        body=dataclasses.asdict(stored.series),
        added=stored.added,
        roll_from=stored.roll_from,
        rolling=shards.place(shards.of(uuid)) if waits else None,
        roll_at=stored.roll_at,
        revision=stored.revision,
        expires=math.ceil((now + KEPT + HOUR).timestamp()),
    )


def _to_stored(item: SeriesItem) -> Stored:
    return Stored(Series(**item.body), item.added, item.roll_from, int(item.revision))

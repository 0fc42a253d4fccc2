"""The points of series, by themselves while they are young, and an hour of them together, in the store.

A point lies under its series and the instant it is for; writing it twice leaves it there once. An hour lies
under its series and ``#hours``: what its points came to, and the points themselves, compressed, in columns.
"""

import dataclasses
import datetime as dt
import json
import math
import zlib
from collections.abc import Collection, Iterator, Sequence

from chalicelib.domain.names import NodeName
from chalicelib.domain.rollup import Rollup
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.series import HOUR, KEPT, RAW_KEPT, Point
from chalicelib.domain.times import EPOCH
from chalicelib.store import raw_items
from chalicelib.store.models.series_models import PointItem
from chalicelib.store.raw_items import Stretch

_MILLISECOND = dt.timedelta(milliseconds=1)


@dataclasses.dataclass(frozen=True)
class Hour:
    """An hour of a series; what it came to and its points are unpacked when they are asked for."""

    start: dt.datetime
    body: JSON
    packed: bytes

    def rollup(self, names: Collection[str] | None = None) -> Rollup:
        """What its points came to, of all numbers or those named."""
        return Rollup.unpack(self.body, names)

    def points(self) -> list[Point]:
        return [to_point(row) for row in json.loads(zlib.decompress(self.packed))]


def put(node: NodeName, series: str, point: Point) -> None:
    """Store a point."""
    point_item(node, series, point).save()


def point_item(node: NodeName, series: str, point: Point) -> PointItem:
    return PointItem(
        _of_points(node, series),
        f"{_instant(point.at)}#{point.run}",
        body=_to_row(point),
        expires=_expiry(point.at, RAW_KEPT),
    )


def between(
    node: NodeName, series: str, start: dt.datetime, end: dt.datetime, page_size: int | None = None
) -> Iterator[Point]:
    """The points by themselves from ``start`` until before ``end``, in order; read so many at a time."""
    start = max(start, EPOCH)
    if start >= end:  # DynamoDB calls bounds the wrong way round a mistake
        return iter(())
    span = PointItem.at.between(_instant(start), _last_before(end))
    found = PointItem.query(_of_points(node, series), span, page_size=page_size, consistent_read=True)
    return (to_point(item.body) for item in found)


def latest(node: NodeName, series: str, page_size: int) -> Iterator[Point]:
    """The points of a series, the newest first: those by themselves, then those of rolled-up hours."""
    last = ""
    for item in PointItem.query(
        _of_points(node, series), scan_index_forward=False, page_size=page_size, consistent_read=True
    ):
        last = item.at
        yield to_point(item.body)
    for item in PointItem.query(of_hours(node, series), scan_index_forward=False, page_size=page_size):
        for row in reversed(json.loads(zlib.decompress(item.packed))):
            point = to_point(row)
            if not last or f"{_instant(point.at)}#{point.run}" < last:
                yield point


def newest(node: NodeName, series: str) -> Point | None:
    """The last point of a series; None where none is left by itself."""
    found = PointItem.query(_of_points(node, series), scan_index_forward=False, limit=1)
    return next((to_point(item.body) for item in found), None)


def put_hour(
    node: NodeName, series: str, start: dt.datetime, rollup: Rollup, points: Sequence[Point]
) -> None:
    """Store what the points of an hour came to, and them, over what was stored of it."""
    hour_item(node, series, start, rollup, points).save()


def hour_item(
    node: NodeName, series: str, start: dt.datetime, rollup: Rollup, points: Sequence[Point]
) -> PointItem:
    rows = json.dumps([_to_row(point) for point in points], separators=(",", ":"))
    return PointItem(
        of_hours(node, series),
        _instant(start),
        body=rollup.pack(),
        packed=zlib.compress(rows.encode(), 6),
        expires=_expiry(start, KEPT),
    )


def hours(
    node: NodeName, series: str, start: dt.datetime, end: dt.datetime, with_points: bool = False
) -> Iterator[Hour]:
    """The hours that begin from ``start`` until before ``end``, in order."""
    start = max(start, EPOCH)
    if start >= end:
        return
    part = Stretch(("series", of_hours(node, series)), "at", _instant(start), _last_before(end))
    for item in raw_items.query(PointItem, part, read=None if with_points else ("at", "body")):
        yield Hour(EPOCH + int(item.at) * _MILLISECOND, item.body, item.packed or b"")


def _of_points(node: NodeName, series: str) -> str:
    return f"{node}#{series}"


def of_hours(node: NodeName, series: str) -> str:
    return f"{node}#{series}#hours"


def _instant(moment: dt.datetime) -> str:
    """Milliseconds since 1970 in digits that sort; those of a time before it would not."""
    return f"{(moment - EPOCH) // _MILLISECOND:014}"


def _last_before(end: dt.datetime) -> str:
    return f"{_instant(end - _MILLISECOND)}~"


def _expiry(moment: dt.datetime, kept: dt.timedelta) -> int:
    return math.ceil((moment + HOUR + kept).timestamp())


def _to_row(point: Point) -> list[JSON]:
    unreliable = [sorted(point.unreliable)] if point.unreliable else []
    milliseconds = (point.at - EPOCH) // _MILLISECOND
    return [milliseconds, point.run, point.task, point.state.value, dict(point.values), *unreliable]


def to_point(row: Sequence[JSON]) -> Point:
    """The body of a point's item as a point."""
    milliseconds, run, task, state, values, *unreliable = row
    found = frozenset(unreliable[0]) if unreliable else frozenset()
    return Point(EPOCH + milliseconds * _MILLISECOND, run, task, State(state), values, found)

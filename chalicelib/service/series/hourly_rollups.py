"""Rolling up: the points of an hour that is over become one item, for as long as series are kept."""

import datetime as dt
import logging
from collections.abc import Iterable, Sequence

from chalicelib.domain.errors import Conflict
from chalicelib.domain.names import NodeName
from chalicelib.domain.rollup import rolled
from chalicelib.domain.series import GRACE, HOUR, Point
from chalicelib.domain.times import hour_of
from chalicelib.infrastructure import shard_work
from chalicelib.infrastructure.shard_work import HasTime, always
from chalicelib.store import point_table, series_table, shards

LOG = logging.getLogger(__name__)
WHAT = "roll-up"
SERIES_PER_SHARD = 250
SERIES_IN_TIME = 2500
"""Of a shard, what a function of its own looks up."""
HOURS_AT_ONCE = 24
"""Of a series that was left alone for long; the rest comes with the next tick."""
POINTS_AT_ONCE = 200
"""That are read together: an hour has a dozen mostly, and what follows it is seen in the same look."""


def tick(now: dt.datetime) -> int:
    """Roll up the hours that are due, each series by itself; how many hours that were here.

    Shards with many series are left to functions of their own.
    """
    due = shard_work.here(
        WHAT, SERIES_PER_SHARD, shards.every(), lambda shard, most: series_table.due(shard, now, most)
    )
    return _roll(due, now)


def roll(shard: int, now: dt.datetime, has_time: HasTime) -> int:
    """The same for a shard, in the time there is."""
    return _roll(series_table.due(shard, now, SERIES_IN_TIME), now, has_time)


def _roll(due: Iterable[tuple[NodeName, str]], now: dt.datetime, has_time: HasTime = always) -> int:
    count = 0
    for node, series in due:
        if not has_time():
            break
        try:
            count += roll_up(node, series, now)
        except Conflict as error:
            LOG.info("Not rolled up now: %s", error)
        except Exception:
            LOG.exception("Series %s could not be rolled up", series)
    return count


def roll_up(node: NodeName, series: str, now: dt.datetime) -> int:
    """Roll up a series from the first hour that is not, through the last one over: how many hours had points.

    A point that comes late has its hour rolled up anew, from the points that are still there by themselves
    and those the hour kept. Raises Conflict where such a point came meanwhile: the next tick has it.
    """
    stored = series_table.find(node, series)
    if stored is None or stored.roll_from is None:
        return 0
    over = hour_of(now - GRACE)
    hour, done = stored.roll_from, 0
    while hour < over and done < HOURS_AT_ONCE:
        fresh, following = _points(node, series, hour, now)
        done += _roll_hour(node, series, hour, fresh)
        if following is None:  # or has come meanwhile, which would be forgotten
            following = next(point_table.between(node, series, hour + HOUR, now + HOUR, page_size=1), None)
        if following is None:
            series_table.change(node, stored, None, now)
            return done
        hour = following.hour
    series_table.change(node, stored, hour, now)
    return done


def _points(
    node: NodeName, series: str, hour: dt.datetime, now: dt.datetime
) -> tuple[Sequence[Point], Point | None]:
    """The points of an hour that are there by themselves, and the first one after it."""
    fresh: list[Point] = []
    for point in point_table.between(node, series, hour, now + HOUR, POINTS_AT_ONCE):
        if point.hour > hour:
            return fresh, point
        fresh.append(point)
    return fresh, None


def _roll_hour(node: NodeName, series: str, hour: dt.datetime, fresh: Sequence[Point]) -> int:
    """Store the points of an hour as one item, with those it has already; how many hours that makes."""
    kept = [
        point for one in point_table.hours(node, series, hour, hour + HOUR, True) for point in one.points()
    ]
    by_run = {(point.at, point.run): point for point in (*kept, *fresh)}
    if not by_run:
        return 0
    points = [by_run[place] for place in sorted(by_run)]
    point_table.put_hour(node, series, hour, rolled(points), points)
    return 1

"""Reading a series: points one by one, or what they came to by steps of time."""

import datetime as dt
import itertools
from collections.abc import Collection, Iterator

from chalicelib.domain.errors import Invalid
from chalicelib.domain.names import NodeName
from chalicelib.domain.rollup import Rollup
from chalicelib.domain.series import HOUR, Point, Series
from chalicelib.domain.times import EPOCH, SECOND, format_duration, hour_of
from chalicelib.store import point_table, series_table

MOST_STEPS = 10_000
MOST_SERIES = 10_000


def points(node: NodeName, series: str, start: dt.datetime, end: dt.datetime) -> Iterator[Point]:
    """The points from ``start`` until before ``end`` in order, out of rolled-up hours and by themselves."""
    stored = series_table.get(node, series)
    border = min(end, stored.roll_from) if stored.roll_from else end
    seen: set[str] = set()
    for hour in point_table.hours(node, series, hour_of(start), border, with_points=True):
        for point in hour.points():
            if start <= point.at < end:
                seen.add(point.run)
                yield point
    # What came late is by itself until its hour is rolled up anew, and so is all that is not rolled up yet.
    if stored.roll_from:
        for point in point_table.between(node, series, max(start, stored.roll_from), end):
            if point.run not in seen:
                yield point


def last_points(node: NodeName, most: int = MOST_SERIES) -> Iterator[tuple[Series, Point]]:
    """The newest point of each series, of so many series: what was measured last, and when (``point.at``).

    Those of which nothing is left by itself, for nothing came for three days, are left out.
    """
    for stored in itertools.islice(series_table.every(node), most):
        point = point_table.newest(node, stored.series.uuid)
        if point is not None:
            yield stored.series, point


def steps(
    node: NodeName,
    series: str,
    start: dt.datetime,
    end: dt.datetime,
    step: dt.timedelta,
    names: Collection[str] | None = None,
) -> Iterator[tuple[dt.datetime, Rollup]]:
    """What the points came to by steps since 1970, those without points left out; of all numbers, or at least
    those named. Raises Invalid, NotFound.

    Whole hours are read as they were rolled up; the points of an hour are looked at only for smaller steps.
    """
    if step < SECOND or (end - start) / step > MOST_STEPS:
        least = format_duration(max(SECOND, dt.timedelta(seconds=round((end - start) / MOST_STEPS / SECOND))))
        raise Invalid(f"step: must be {least} or more for a period of this length")
    found: tuple[dt.datetime, Rollup] | None = None
    is_whole = step % HOUR == dt.timedelta(0)
    by_time = _by_hours(node, series, start, end, names) if is_whole else _by_points(node, series, start, end)
    for at, rollup in by_time:
        begins = at - (at - EPOCH) % step
        if found and found[0] == begins:
            found[1].merge(rollup)
            continue
        if found:
            yield found
        found = (begins, rollup)
    if found:
        yield found


def _by_hours(
    node: NodeName, series: str, start: dt.datetime, end: dt.datetime, names: Collection[str] | None
) -> Iterator[tuple[dt.datetime, Rollup]]:
    """Whole hours from that of the start on, rolled up or, where they are not yet, made of their points."""
    stored, first = series_table.get(node, series), hour_of(start)
    border = min(end, stored.roll_from) if stored.roll_from else end
    for hour in point_table.hours(node, series, first, border):
        yield hour.start, hour.rollup(names)
    if stored.roll_from:
        yield from _by_points(node, series, max(first, border), end)


def _by_points(
    node: NodeName, series: str, start: dt.datetime, end: dt.datetime
) -> Iterator[tuple[dt.datetime, Rollup]]:
    for point in points(node, series, start, end):
        rollup = Rollup()
        rollup.add(point)
        yield point.at, rollup

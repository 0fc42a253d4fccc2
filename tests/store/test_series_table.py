"""Series, their points and their hours in the store."""

import dataclasses

import pytest

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName
from chalicelib.domain.rollup import rolled
from chalicelib.domain.run_states import State
from chalicelib.domain.series import HOUR, KEPT, RAW_KEPT, Point, Series, rolled_up_at
from chalicelib.store import point_table, series_table, shards
from chalicelib.store.models.series_models import SeriesItem
from tests.builders import NODE, NOON, at, seconds

pytestmark = pytest.mark.usefixtures("empty_aws")
SERIES = Series("rtt", "ping", "here", "b.example.org", "0123", "label")


def point(second: float, run: str = "run", **changes: object) -> Point:
    whole = Point(at(second), run, "task", State.FINISHED, {"rtt.mean": 1.5}, frozenset({"rtt.mean"}))
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def test_a_series_comes_back_as_it_was_stored() -> None:
    new = series_table.add(NODE, SERIES, at(1), NOON)

    assert (new.series, new.added, new.roll_from, new.revision) == (SERIES, at(1), NOON, 0)
    assert series_table.get(NODE, SERIES.uuid) == new
    assert list(series_table.every(NODE)) == [new]
    assert list(series_table.every(NODE, SERIES.uuid)) == []
    assert series_table.glance(NODE, SERIES.uuid) == new
    assert series_table.glance(NodeName("another"), SERIES.uuid) is None
    with pytest.raises(NotFound, match=f"There is no series {SERIES.uuid}"):
        series_table.get(NodeName("another"), SERIES.uuid)
    with pytest.raises(Conflict, match=f"There is a series {SERIES.uuid} already"):
        series_table.add(NODE, SERIES, at(2), NOON)


def test_a_series_is_kept_for_half_a_year_after_it_was_written() -> None:
    new = series_table.add(NODE, SERIES, at(0.5), NOON)
    assert SeriesItem.get(NODE, SERIES.uuid).expires == (at(1) + KEPT + HOUR).timestamp()

    series_table.change(NODE, new, None, at(60))

    assert SeriesItem.get(NODE, SERIES.uuid).expires == (at(60) + KEPT + HOUR).timestamp()


def test_series_of_a_shard_are_rolled_up_the_longest_waiting_first_and_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shards, "of", lambda uuid: 1)
    monkeypatch.setattr(series_table, "rolled_up_at", lambda uuid, hour: hour)
    late, early, middle = (dataclasses.replace(SERIES, label=label) for label in "abc")
    for series, second in ((late, 9), (early, 5), (middle, 7)):
        series_table.add(NODE, series, NOON, at(second))

    assert series_table.due(1, at(9), 2) == [(NODE, early.uuid), (NODE, middle.uuid)]
    assert series_table.due(0, at(9), 9) == []


def test_a_series_is_due_once_its_hour_is_over_and_has_settled() -> None:
    shard, over = shards.of(SERIES.uuid), rolled_up_at(SERIES.uuid, NOON)
    new = series_table.add(NODE, SERIES, at(1), NOON)

    assert new.roll_at == over
    assert series_table.due(shard, over - seconds(1), 10) == []
    assert series_table.due(shard, over, 10) == [(NODE, SERIES.uuid)]
    done = series_table.change(NODE, new, None, at(2))
    assert (done.roll_from, done.roll_at, done.revision) == (None, None, 1)
    assert series_table.get(NODE, SERIES.uuid) == done
    assert series_table.due(shard, over, 10) == []
    with pytest.raises(Conflict, match=f"Series {SERIES.uuid} changed meanwhile"):
        series_table.change(NODE, new, NOON, at(3))


def test_points_come_back_whole_and_in_order() -> None:
    early, late = point(5, "a"), point(9, "b", state=State.FAILED, values={}, unreliable=frozenset())
    for each in (late, early, early):
        point_table.put(NODE, SERIES.uuid, each)

    assert list(point_table.between(NODE, SERIES.uuid, at(0), at(60))) == [early, late]
    assert list(point_table.between(NODE, SERIES.uuid, at(5), at(9))) == [early]  # the end is not in it
    assert list(point_table.between(NODE, SERIES.uuid, at(60), at(0))) == []
    assert point_table.newest(NODE, SERIES.uuid) == late
    assert point_table.newest(NodeName("another"), SERIES.uuid) is None


def test_an_hour_comes_back_with_its_points_where_they_are_asked_for() -> None:
    points = [point(5, "a"), point(9, "b")]
    point_table.put_hour(NODE, SERIES.uuid, NOON, rolled(points), points)

    (with_points,) = point_table.hours(NODE, SERIES.uuid, NOON, NOON + HOUR, with_points=True)
    (without,) = point_table.hours(NODE, SERIES.uuid, NOON, NOON + HOUR)

    assert (with_points.start, with_points.points()) == (NOON, points)
    assert without.packed == b""
    assert without.rollup().describe() == with_points.rollup().describe() == rolled(points).describe()
    assert list(point_table.hours(NODE, SERIES.uuid, NOON + HOUR, NOON + 2 * HOUR)) == []


def test_the_newest_points_come_first_and_each_once() -> None:
    points = [point(5, "a"), point(9, "b")]
    point_table.put_hour(NODE, SERIES.uuid, NOON, rolled(points), points)
    assert list(point_table.latest(NODE, SERIES.uuid, 10)) == points[::-1]

    point_table.put(NODE, SERIES.uuid, points[1])
    point_table.put(NODE, SERIES.uuid, point(3700, "c"))
    found = list(point_table.latest(NODE, SERIES.uuid, 10))

    assert [each.run for each in found] == ["c", "b", "a"]


def test_a_point_is_kept_for_days_and_its_hour_for_half_a_year() -> None:
    by_itself = point_table.point_item(NODE, SERIES.uuid, point(5))
    hour = point_table.hour_item(NODE, SERIES.uuid, NOON, rolled([point(5)]), [point(5)])

    assert by_itself.expires == (at(5) + HOUR + RAW_KEPT).timestamp()
    assert hour.expires == (NOON + HOUR + KEPT).timestamp()

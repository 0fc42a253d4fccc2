"""Points and their hours in the store: where one ends and the other begins."""

import datetime as dt

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.domain.rollup import rolled
from chalicelib.domain.run_states import State
from chalicelib.domain.series import HOUR, Point
from chalicelib.domain.times import EPOCH
from chalicelib.store import point_table
from tests.builders import NODE, NOON, at
from tests.requests_sent import looked_at

pytestmark = pytest.mark.usefixtures("empty_aws")

ID = "0123"
MILLISECOND = dt.timedelta(milliseconds=1)


def point(second: float, run: str = "run") -> Point:
    return Point(at(second), run, "task", State.FINISHED, {"rtt.mean": second})


def rolled_up(start: dt.datetime, *points: Point) -> None:
    point_table.put_hour(NODE, ID, start, rolled(points), points)


def test_hours_are_read_from_their_first_until_before_the_last() -> None:
    for number in (2, 0, 1):
        rolled_up(NOON + number * HOUR, point(3600 * number))

    def starts(first: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
        return [hour.start for hour in point_table.hours(NODE, ID, first, end)]

    assert starts(NOON, NOON + 3 * HOUR) == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    assert starts(NOON, NOON + HOUR) == [NOON]
    assert starts(NOON + MILLISECOND, NOON + HOUR + MILLISECOND) == [NOON + HOUR]
    assert starts(NOON, NOON) == starts(NOON + HOUR, NOON) == []
    assert list(point_table.hours(NodeName("other"), ID, NOON, NOON + HOUR)) == []


def test_points_are_read_to_the_millisecond() -> None:
    one = point(5)
    point_table.put(NODE, ID, one)

    assert list(point_table.between(NODE, ID, at(5), at(5) + MILLISECOND)) == [one]
    assert list(point_table.between(NODE, ID, at(5) + MILLISECOND, at(9))) == []
    assert list(point_table.between(NODE, ID, at(5), at(5))) == []


def test_before_1970_there_is_nothing() -> None:
    rolled_up(NOON, point(5))
    point_table.put(NODE, ID, point(3605))
    first = dt.datetime.min.replace(tzinfo=dt.timezone.utc)

    for end in (first, first + HOUR, EPOCH - HOUR, EPOCH):
        assert list(point_table.hours(NODE, ID, first, end)) == []
        assert list(point_table.between(NODE, ID, first, end)) == []
    assert [hour.start for hour in point_table.hours(NODE, ID, first, NOON + HOUR)] == [NOON]
    assert list(point_table.between(NODE, ID, first, NOON + 2 * HOUR)) == [point(3605)]


def test_the_hours_of_a_series_are_none_of_its_points() -> None:
    rolled_up(NOON, point(5))

    assert point_table.newest(NODE, ID) is None
    assert list(point_table.between(NODE, ID, NOON, NOON + HOUR)) == []


def test_for_the_newest_point_one_is_looked_at() -> None:
    for second in (5, 7, 6):
        point_table.put(NODE, ID, point(second))

    with looked_at() as numbers:
        assert point_table.newest(NODE, ID) == point(7)

    assert numbers == [1]


def test_behind_the_points_by_themselves_come_those_of_hours_that_are_older() -> None:
    rolled_up(NOON, point(5, "a"), point(5, "b"), point(7, "c"))
    rolled_up(NOON + HOUR, point(3605, "d"))
    point_table.put(NODE, ID, point(5, "b"))

    assert [each.run for each in point_table.latest(NODE, ID, 1)] == ["b", "a"]


def test_places_sort_as_instants_do() -> None:
    by_itself, hour = (
        point_table.point_item(NODE, ID, point(5, "run")),
        point_table.hour_item(NODE, ID, NOON, rolled([]), []),
    )

    milliseconds = int(NOON.timestamp()) * 1000
    assert (by_itself.series, by_itself.at) == (f"{NODE}#{ID}", f"0{milliseconds + 5000}#run")
    assert (hour.series, hour.at) == (f"{NODE}#{ID}#hours", f"0{milliseconds}")


def test_an_hour_says_what_its_points_came_to_of_the_numbers_asked_for() -> None:
    rolled_up(NOON, point(5), point(7))

    (hour,) = point_table.hours(NODE, ID, NOON, NOON + HOUR)

    assert hour.rollup().summaries.keys() == hour.rollup({"rtt.mean"}).summaries.keys() == {"rtt.mean"}
    assert hour.rollup({"loss.ratio"}).summaries == {}

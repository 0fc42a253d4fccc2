"""What is read of the calendar: which stretches together, which entries, and which guards. On moto."""

import datetime as dt

import pytest

from chalicelib.domain.conflicts import Range
from chalicelib.domain.errors import Invalid
from chalicelib.settings import NodeName
from chalicelib.store import timeline
from tests.builders import NODE, at, occupation, seconds

pytestmark = pytest.mark.usefixtures("moto_engine")

MINUTE = 60


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dt.datetime, dt.datetime]]:
    """The stretches whose entries are read."""
    asked: list[tuple[dt.datetime, dt.datetime]] = []
    reading = timeline.read_entries

    def noted(node: NodeName, start: dt.datetime, end: dt.datetime) -> list[timeline.Occupation]:
        asked.append((start, end))
        return reading(node, start, end)

    monkeypatch.setattr(timeline, "read_entries", noted)
    return asked


@pytest.mark.parametrize(
    ("spans", "together"),
    [
        ([(0, 10)], [(0, 10)]),
        ([(0, 10), (40, 50)], [(0, 50)]),  # half an hour apart is near
        ([(0, 10), (41, 50)], [(0, 10), (41, 50)]),
        ([(0, 10), (20, 30), (100, 110)], [(0, 30), (100, 110)]),
        ([(0, 60), (10, 20), (80, 90)], [(0, 90)]),  # one within another does not shorten it
        ([(0, 10), (100, 110), (120, 130)], [(0, 10), (100, 130)]),
    ],
)
def test_stretches_near_each_other_are_read_as_one(
    read: list[tuple[dt.datetime, dt.datetime]],
    spans: list[tuple[int, int]],
    together: list[tuple[int, int]],
) -> None:
    timeline.snapshot(NODE, [Range(at(MINUTE * start), at(MINUTE * end)) for start, end in spans])

    assert read == [(at(MINUTE * start), at(MINUTE * end)) for start, end in together]


def test_an_entry_that_two_stretches_reach_is_there_once() -> None:
    long = occupation(0, 3 * 3600)
    timeline.entry(NODE, long).save()

    found = timeline.snapshot(NODE, [Range(at(0), at(60)), Range(at(7200), at(7260))])

    assert found.entries == [long]


@pytest.mark.parametrize(
    ("start", "end", "is_read"),
    [
        (0, 100, False),  # over when the stretch begins
        (0, 101, True),
        (199, 300, True),
        (200, 300, False),  # begins when the stretch is over
        (120, 130, True),
        (0, 600, True),  # filed by its day
        (0, 601, True),  # filed with the long ones
    ],
)
def test_an_entry_is_read_where_it_overlaps_the_stretch(start: int, end: int, is_read: bool) -> None:
    one = occupation(start, end, priority=7)
    timeline.entry(NODE, one).save()

    found = timeline.read_entries(NODE, at(100), at(200))

    assert found == ([one] if is_read else [])


def test_an_entry_of_yesterday_is_read_across_midnight() -> None:
    before = occupation(12 * 3600 - 300, 12 * 3600 + 300)
    timeline.entry(NODE, before).save()

    assert timeline.read_entries(NODE, at(12 * 3600), at(12 * 3600 + 60)) == [before]


@pytest.mark.parametrize(
    ("start", "end", "starts"),
    [
        (0, 1, [0]),
        (0, 900, [0]),
        (0, 901, [0, 900]),
        (899, 901, [0, 900]),
        (900, 901, [900]),
    ],
)
def test_the_guards_are_those_of_the_quarters_of_an_hour_that_are_touched(
    start: int, end: int, starts: list[int]
) -> None:
    guards = timeline.snapshot(NODE, [Range(at(start), at(end))]).guards

    assert [name.rpartition("#")[2] for name in guards.counts] == [
        f"{at(second):%Y-%m-%dT%H:%M:%S}" for second in starts
    ]
    assert set(guards.counts.values()) == {(0, 0)}


@pytest.mark.parametrize(("length", "most"), [(1, 2), (900, 2), (901, 3), (86_400, 97)])
def test_a_stretch_touches_one_more_quarter_than_it_fills(length: int, most: int) -> None:
    assert timeline.buckets_in(seconds(length)) == most


def test_a_run_of_a_day_is_the_longest_that_can_be_booked() -> None:
    timeline.require_bookable(dt.timedelta(days=1))

    with pytest.raises(Invalid, match="P1DT1S"):
        timeline.require_bookable(dt.timedelta(days=1, seconds=1))


@pytest.mark.parametrize(
    ("end", "left"),
    [(50, [(0, 50)]), (101, [(0, 100)]), (100, [(0, 100)]), (0, []), (-1, [])],
)
def test_a_run_gives_back_its_time_after_its_new_end(end: int, left: list[tuple[int, int]]) -> None:
    one = occupation(0, 100)
    timeline.entry(NODE, one).save()

    timeline.shorten(NODE, one, at(end))

    assert [(entry.start, entry.end) for entry in timeline.read_entries(NODE, at(0), at(200))] == [
        (at(start), at(until)) for start, until in left
    ]

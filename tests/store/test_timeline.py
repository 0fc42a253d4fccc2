"""What is read of the calendar: which stretches together, which entries, and which guards."""

import dataclasses
import datetime as dt

import pytest

from chalicelib.domain.conflicts import Occupation, Range
from chalicelib.domain.errors import Invalid
from chalicelib.settings import NodeName
from chalicelib.store import timeline, timeline_memory
from chalicelib.store.timeline_memory import MEMORY
from chalicelib.store.transactions.booking import Booking, Time, commit
from tests.builders import NODE, NOON, at, exclusive_task, occupation, run, seconds

pytestmark = pytest.mark.usefixtures("empty_aws")

MINUTE = 60
CLASSES = {True: "exclusive", False: "normal"}


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
        ([(0, 10)], [(0, 15)]),
        ([(0, 10), (46, 50)], [(0, 60)]),  # half an hour apart is near
        ([(0, 10), (60, 70)], [(0, 15), (60, 75)]),
        ([(0, 10), (20, 30), (100, 110)], [(0, 30), (90, 120)]),
        ([(0, 60), (10, 20), (80, 90)], [(0, 90)]),  # one within another does not shorten it
        ([(0, 10), (100, 110), (120, 130)], [(0, 15), (90, 135)]),
    ],
)
def test_whole_quarters_near_each_other_are_read_as_one(
    read: list[tuple[dt.datetime, dt.datetime]],
    spans: list[tuple[int, int]],
    together: list[tuple[int, int]],
) -> None:
    timeline.snapshot(NODE, [Range(at(MINUTE * start), at(MINUTE * end)) for start, end in spans])

    assert read == [(at(MINUTE * start), at(MINUTE * end)) for start, end in together]


def booked(*taken: Occupation) -> None:
    """Have runs booked, as they are by whatever process."""
    for one in taken:
        owner = exclusive_task(duration=one.end - one.start, scheduling_class=CLASSES[one.exclusive])
        commit(Booking(None, owner, ()), NOON)
        wanted = dataclasses.replace(run(owner, 0), uuid=one.run, start=one.start, end=one.end)
        guards = timeline.snapshot(NODE, [Range(one.start, one.end)]).guards
        commit(Booking(owner, owner.counting([one.start], NOON), [wanted], [Time(one, guards)]), NOON)


def test_what_was_read_is_not_read_again_while_its_guards_stay(
    read: list[tuple[dt.datetime, dt.datetime]],
) -> None:
    one, other = occupation(60, 120), occupation(1000, 1060, exclusive=False)
    booked(one, other)
    timeline_memory.forget()
    read.clear()

    first = timeline.snapshot(NODE, [Range(at(0), at(1800))])
    again = timeline.snapshot(NODE, [Range(at(30), at(90)), Range(at(960), at(1020))])

    assert read == [(at(0), at(1800))]
    assert (first.is_recalled, again.is_recalled) == (False, True)
    assert [entry.run for entry in again.entries] == [one.run, other.run]
    assert set(again.guards.counts.values()) == {(1, 0), (0, 1)}


def test_of_what_is_remembered_only_what_overlaps_is_found() -> None:
    booked(occupation(60, 120))
    timeline.snapshot(NODE, [Range(at(0), at(10))])

    assert timeline.snapshot(NODE, [Range(at(120), at(180))]).entries == []
    assert timeline.snapshot(NODE, [Range(at(0), at(60))]).entries == []


def test_what_this_process_books_it_need_not_read(read: list[tuple[dt.datetime, dt.datetime]]) -> None:
    timeline.snapshot(NODE, [Range(at(0), at(900))])
    read.clear()

    taken = [occupation(60, 120), occupation(200, 210, exclusive=False), occupation(300, 310)]
    booked(*taken)

    found = timeline.snapshot(NODE, [Range(at(0), at(900))])
    assert {entry.run for entry in found.entries} == {one.run for one in taken}
    assert read == []


@pytest.mark.parametrize("exclusive", [True, False])
def test_what_another_process_books_is_read(exclusive: bool) -> None:
    timeline.snapshot(NODE, [Range(at(0), at(900))])
    known = dict(MEMORY.known)
    elsewhere = occupation(60, 120, exclusive=exclusive)

    booked(elsewhere)
    MEMORY.known.clear()
    MEMORY.known.update(known)  # this process has not heard of it

    found = timeline.snapshot(NODE, [Range(at(0), at(900))])
    assert [entry.run for entry in found.entries] == [elsewhere.run]


def test_what_is_remembered_is_read_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_memory, "TRUSTED", -1.0)
    timeline.snapshot(NODE, [Range(at(0), at(900))])

    assert not timeline.snapshot(NODE, [Range(at(0), at(900))]).is_recalled


def test_no_more_is_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_memory, "MOST", 5)

    for hour in range(4):
        timeline.snapshot(NODE, [Range(at(3600 * hour), at(3600 * hour + 1800))])
        assert len(MEMORY.known) <= 5

    assert timeline.snapshot(NODE, [Range(at(3 * 3600), at(3 * 3600 + 900))]).is_recalled


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


@pytest.mark.parametrize("priority", [None, 0, 3, -1])
def test_a_priority_is_read_as_it_was_written(priority: int | None) -> None:
    timeline.entry(NODE, occupation(0, 10, priority=priority)).save()

    (found,) = timeline.read_entries(NODE, at(0), at(10))

    assert repr(found.priority) == repr(priority)


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

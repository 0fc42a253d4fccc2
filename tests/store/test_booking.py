"""The transaction that places runs: all of it or nothing, and only over what was read."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.conflicts import Occupation, Range
from chalicelib.domain.errors import Invalid, NotFound, Overtaken, Repeated
from chalicelib.domain.names import NodeName
from chalicelib.domain.repeat import Progress, Schedule
from chalicelib.domain.run import Run, occupation
from chalicelib.domain.task import Task
from chalicelib.store import changes, counted_hours, postings, run_table, task_table, timeline
from chalicelib.store.idempotency_records import KEEP_KEYS, IdempotencyRecord
from chalicelib.store.models.timeline_models import TimelineItem
from chalicelib.store.timeline import Guards
from chalicelib.store.transactions import booking as booking_store
from chalicelib.store.transactions.booking import Booking, New, Time, commit
from tests.builders import NODE, NOON, at, exclusive_task, run, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")


def guards_of(start: dt.datetime, end: dt.datetime) -> Guards:
    return timeline.snapshot(NODE, [Range(start, end)]).guards


def guard_items(start: dt.datetime, end: dt.datetime) -> list[TimelineItem]:
    return [TimelineItem.get(name, "guard") for name in guards_of(start, end).counts]


def occupied(one: Run, owner: Task) -> Occupation:
    taken = occupation(one, owner)
    assert taken is not None
    return taken


def booking(owner: Task, one: Run, guards: Guards | None = None) -> Booking:
    guards = guards or guards_of(one.start, one.end)
    after = owner.counting([one.start], NOON)
    return Booking(owner, after, [one], [Time(occupied(one, owner), guards)])


@pytest.fixture
def owner() -> Task:
    one = exclusive_task(schedule=Schedule(repeat=seconds(60)))
    commit(Booking(None, one, ()), NOON)
    return one


def test_a_booking_writes_the_run_its_time_and_the_task(owner: Task) -> None:
    one = run(owner, 10)

    commit(booking(owner, one), NOON)

    assert run_table.get(NODE, owner.uuid, one.uuid) == one
    assert timeline.read_entries(NODE, at(0), at(60)) == [occupation(one, owner)]
    assert task_table.get(NODE, owner.uuid).progress.runs == 1


@pytest.mark.parametrize(("kind", "counts"), [("exclusive", (2, 0)), ("normal", (0, 2))])
def test_runs_booked_together_are_counted_in_each_quarter_they_touch(
    kind: str, counts: tuple[int, int]
) -> None:
    owner = exclusive_task(scheduling_class=kind, schedule=Schedule(repeat=seconds(60)), duration=seconds(60))
    commit(Booking(None, owner, ()), NOON)
    runs = [run(owner, 60), run(owner, 870)]
    read = timeline.snapshot(NODE, [Range(one.start, one.end) for one in runs])
    taken = [occupied(one, owner) for one in runs]
    times = [Time(one, read.guards_of(one.start, one.end)) for one in taken]

    commit(Booking(owner, owner.counting([at(60), at(870)], NOON), runs, times), NOON)

    first, second = guard_items(at(0), at(1800))
    assert (first.exclusives or 0, first.normals or 0) == counts
    assert (second.exclusives or 0) + (second.normals or 0) == 1
    assert first.expires == second.expires == (at(930) + timeline.KEEP_ENTRIES).timestamp()


def test_a_guard_that_moved_stops_the_booking_and_nothing_is_written(owner: Task) -> None:
    as_read = guards_of(at(10), at(13))
    other = exclusive_task()
    commit(Booking(None, other, ()), NOON)
    commit(booking(other, run(other, 20)), NOON)
    late = run(owner, 10)

    with pytest.raises(Overtaken, match="Something changed while the run was being placed"):
        commit(booking(owner, late, as_read), NOON)

    with pytest.raises(NotFound):
        run_table.get(NODE, owner.uuid, late.uuid)
    assert task_table.get(NODE, owner.uuid).progress.runs == 0
    assert len(timeline.read_entries(NODE, at(0), at(60))) == 1


@pytest.mark.parametrize(
    ("first", "second", "stopped"),
    [
        ("normal", "normal", False),  # they share time, so they need not know of each other
        ("normal", "exclusive", True),
        ("exclusive", "normal", True),
        ("exclusive", "exclusive", True),
    ],
)
def test_who_must_know_of_whom(first: str, second: str, stopped: bool) -> None:
    earlier, later = exclusive_task(scheduling_class=first), exclusive_task(scheduling_class=second)
    for one in (earlier, later):
        commit(Booking(None, one, ()), NOON)
    as_read = guards_of(at(10), at(13))
    commit(booking(earlier, run(earlier, 20)), NOON)

    def book() -> None:
        commit(booking(later, run(later, 10), as_read), NOON)

    if stopped:
        with pytest.raises(Overtaken):
            book()
    else:
        book()


def test_a_task_that_got_a_run_meanwhile_stops_the_booking(owner: Task) -> None:
    commit(booking(owner, run(owner, 10)), NOON)

    with pytest.raises(Overtaken):
        commit(booking(owner, run(owner, 3600)), NOON)


def test_a_task_that_was_cancelled_meanwhile_stops_the_booking(owner: Task) -> None:
    task_table.disable(owner, NOON)

    with pytest.raises(Overtaken):
        commit(booking(owner, run(owner, 10)), NOON)


def test_a_run_is_placed_once(owner: Task) -> None:
    one = run(owner, 10)
    commit(booking(owner, one), NOON)
    again = task_table.get(NODE, owner.uuid)

    with pytest.raises(Overtaken):
        commit(booking(again, one), NOON)


@pytest.mark.parametrize("hours", [0.5, 1, 1.01, 5, 24])
def test_a_run_of_any_length_is_found_by_whoever_looks_at_its_last_second(hours: float) -> None:
    one = exclusive_task(duration=seconds(3600 * hours))
    commit(Booking(None, one, ()), NOON)
    long = run(one, 7)
    commit(booking(one, long), NOON)

    assert [found.run for found in timeline.read_entries(NODE, long.end - seconds(1), long.end)] == [
        long.uuid
    ]
    assert timeline.read_entries(NODE, long.end, long.end + seconds(5)) == []


def test_a_run_too_long_to_be_booked_is_refused() -> None:
    with pytest.raises(Invalid, match="P1D at most"):
        timeline.require_bookable(seconds(86_401))


@pytest.fixture
def booked(owner: Task) -> Occupation:
    """The time of a run from second ten on."""
    one = run(owner, 10)
    commit(booking(owner, one), NOON)
    return occupied(one, owner)


def test_a_run_that_ends_early_gives_back_its_time(booked: Occupation) -> None:
    timeline.shorten(NODE, booked, at(11))

    assert timeline.read_entries(NODE, at(11), at(20)) == []
    assert len(timeline.read_entries(NODE, at(10), at(11))) == 1
    timeline.shorten(NODE, booked, at(10))
    assert timeline.read_entries(NODE, at(0), at(60)) == []


def test_time_given_back_is_never_taken_again(booked: Occupation) -> None:
    timeline.shorten(NODE, booked, at(11))
    timeline.shorten(NODE, booked, at(12))
    assert [entry.end for entry in timeline.read_entries(NODE, at(0), at(60))] == [at(11)]
    timeline.shorten(NODE, booked, at(10))
    timeline.shorten(NODE, booked, at(11))

    assert timeline.read_entries(NODE, at(0), at(60)) == []


def test_runs_that_take_up_no_time_are_written_in_batches() -> None:
    one = task(schedule=Schedule(repeat=seconds(60)))
    many = [run(one, 60 * number) for number in range(90)]

    commit(Booking(None, one.counting([each.start for each in many], NOON), many), NOON)

    assert len(list(run_table.in_order(NODE, one.uuid))) == 90
    assert task_table.get(NODE, one.uuid).progress.latest == at(60 * 89 + 3)


def new(name: str = "key", until: dt.datetime = NOON + KEEP_KEYS) -> Booking:
    """A new task, wanted once under a key."""
    one = task()
    return Booking(
        None, one, (), new=New(IdempotencyRecord(NODE, name, "digest of the body", one.uuid, until))
    )


def test_a_task_that_is_wanted_once_is_stored_once() -> None:
    first, second = new(), new()
    commit(first, NOON)

    with pytest.raises(Repeated) as error:
        commit(second, at(1))

    assert (error.value.task, error.value.fingerprint) == (first.after.uuid, "digest of the body")
    with pytest.raises(NotFound):
        task_table.get(NODE, second.after.uuid)


def test_other_keys_store_other_tasks() -> None:
    first, second = new("one"), new("another")

    for one in (first, second):
        commit(one, NOON)

    assert task_table.get(NODE, second.after.uuid).uuid == second.after.uuid


@pytest.mark.parametrize(("later", "is_free"), [(59, False), (60, True), (61, True)])
def test_a_key_may_be_used_again_once_it_is_forgotten(later: int, is_free: bool) -> None:
    commit(new(until=at(60)), NOON)
    second = new()

    if is_free:
        commit(second, at(later))
        assert task_table.get(NODE, second.after.uuid).uuid == second.after.uuid
    else:
        with pytest.raises(Repeated):
            commit(second, at(later))


def test_a_new_task_that_is_stored_already_is_overtaken_whatever_its_key() -> None:
    first = new()
    commit(first, NOON)
    again = Booking(None, first.after, (), new=new("another").new)

    with pytest.raises(Overtaken):
        commit(again, NOON)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What whoever waits is told of."""
    told: list[Any] = []
    monkeypatch.setattr(changes, "run_written", told.append)
    monkeypatch.setattr(changes, "task_changed", lambda *what: told.append(what))
    return told


def test_whoever_waits_hears_of_what_was_placed(heard: list[Any]) -> None:
    one = task(schedule=Schedule(repeat=seconds(60)))
    first, second, third = (run(one, start) for start in (0, 60, 120))

    commit(Booking(None, one, [first]), NOON)
    commit(Booking(one, one, [second]), NOON)
    booking_store.write_singly(one, one.counting([at(120)], NOON), [third], NOON)

    assert heard == [(one, "added"), first, second, third]
    assert task_table.get(NODE, one.uuid).progress == Progress(1, at(120), at(123))


def test_bookings_of_several_nodes_are_made_together_or_not_at_all() -> None:
    other = NodeName("other")
    here, there = task(), task(node=other)
    commit(Booking(None, task(node=other, uuid=there.uuid), ()), NOON)

    with pytest.raises(Overtaken):
        booking_store.commit_all([Booking(None, here, ()), Booking(None, there, ())], NOON)
    with pytest.raises(NotFound):
        task_table.get(NODE, here.uuid)

    booking_store.commit_all([Booking(None, here, ()), Booking(None, task(node=other), ())], NOON)
    assert task_table.get(NODE, here.uuid) == here


def test_a_run_written_singly_is_there_once_and_counted_over_what_was_read(heard: list[Any]) -> None:
    one = task(schedule=Schedule(repeat=seconds(60)))
    commit(Booking(None, one, ()), NOON)
    heard.clear()
    first, second = run(one, 0), run(one, 60)
    after = one.counting([NOON], NOON)
    booking_store.write_singly(one, after, [first], NOON)

    with pytest.raises(Overtaken, match="Something changed while the runs were being placed"):
        booking_store.write_singly(after, after, [first, second], NOON)
    with pytest.raises(Overtaken, match="The task changed while its runs were being counted"):
        booking_store.write_singly(one, after, [second], NOON)

    assert heard == [first, second]
    assert run_table.get(NODE, one.uuid, second.uuid) == second
    assert task_table.get(NODE, one.uuid) == after


@pytest.mark.parametrize("owner", [exclusive_task(), task()], ids=["takes up time", "takes up none"])
def test_a_run_that_was_not_to_be_is_taken_back_with_its_time(owner: Task) -> None:
    one = run(owner, 10)
    after = owner.counting([one.start], NOON)
    taken = occupation(one, owner)
    times = [Time(taken, guards_of(one.start, one.end))] if taken else []
    commit(Booking(None, after, [one], times), NOON)

    with pytest.raises(Overtaken, match="Something changed while the run was being taken back"):
        booking_store.retract(after, owner, one.evolve(revision=1), NOON)
    with pytest.raises(Overtaken):
        booking_store.retract(after.evolve(progress=Progress(2)), owner, one, NOON)
    assert run_table.get(NODE, owner.uuid, one.uuid) == one
    assert len(timeline.read_entries(NODE, at(0), at(60))) == len(times)

    booking_store.retract(after, owner.evolve(plan_at=at(5)), one, NOON)

    with pytest.raises(NotFound):
        run_table.get(NODE, owner.uuid, one.uuid)
    assert task_table.get(NODE, owner.uuid) == owner.evolve(plan_at=at(5))
    assert timeline.read_entries(NODE, at(0), at(60)) == []


def test_what_is_known_of_its_hour_is_forgotten_as_a_run_is_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = task()
    placed, after = run(one, 10), one.counting([at(10)], NOON)
    commit(Booking(None, after, [placed]), NOON)
    changing: list[Run] = []
    monkeypatch.setattr(counted_hours, "changing", changing.append)

    booking_store.retract(after, one, placed, NOON)

    assert changing == [placed]


@pytest.mark.parametrize(("runs", "is_beside"), [(90, False), (91, True)])
def test_postings_for_which_there_is_no_room_are_written_before(
    monkeypatch: pytest.MonkeyPatch, runs: int, is_beside: bool
) -> None:
    one = task(document={**task().document, "reference": {}})
    terms = len(postings.of_task(one))
    monkeypatch.setattr(postings, "MOST_ITEMS", 92 + terms)
    beside: list[int] = []
    monkeypatch.setattr(postings, "add", lambda items: beside.append(len(items)))

    commit(Booking(None, one, [run(one, 60 * number) for number in range(runs)]), NOON)

    assert beside == ([terms] if is_beside else [])

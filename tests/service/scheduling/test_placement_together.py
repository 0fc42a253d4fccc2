"""Runs that take up time placed several in one transaction: as they would be one by one."""

import contextlib
import datetime as dt
import itertools

import pytest
from botocore.client import BaseClient
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain import repeat
from chalicelib.domain.conflicts import Occupation, Range
from chalicelib.domain.names import NodeName
from chalicelib.domain.repeat import Progress, Schedule
from chalicelib.domain.run import occupation
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.infrastructure import queues
from chalicelib.service.scheduling import placement
from chalicelib.service.scheduling.placement import place_at, place_next
from chalicelib.store import run_table, task_table, timeline, timeline_memory
from chalicelib.store.models.all_tables import TABLES
from chalicelib.store.transactions import booking
from chalicelib.store.transactions.booking import Booking, commit
from tests.acceptance.history.tables import Tables
from tests.builders import NODE, NOON, at, exclusive_task, seconds

pytestmark = pytest.mark.usefixtures("empty_aws")


def stored(**changes: object) -> Task:
    one = exclusive_task(**changes).replanned(NOON)
    commit(Booking(None, one, ()), NOON)
    return one


def placed(one: Task, now: dt.datetime = NOON) -> list[tuple[dt.datetime, State, str | None]]:
    """Where all runs of a task up to the horizon came to lie, and for which there is no time."""
    while place_next(task_table.get(NODE, one.uuid), now).runs:
        pass
    found = run_table.in_order(NODE, one.uuid)
    return [(run.start, run.state, run.documents.reason and run.documents.reason["code"]) for run in found]


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> list[Booking]:
    """Every transaction made meanwhile."""
    made: list[Booking] = []
    write = booking.commit_all

    def noting(bookings: list[Booking], now: dt.datetime) -> None:
        write(bookings, now)
        made.extend(bookings)

    monkeypatch.setattr(booking, "commit_all", noting)
    return made


def test_a_day_of_runs_takes_few_transactions(transactions: list[Booking]) -> None:
    one = stored(schedule=Schedule(start=at(600), repeat=seconds(6 * 3600), slip=seconds(300)))

    assert [start for start, _, _ in placed(one)] == [at(600 + 6 * 3600 * number) for number in range(4)]
    assert [len(each.runs) for each in transactions if each.runs] == [4]
    assert len(timeline.read_entries(NODE, NOON, at(86400))) == 4


def test_runs_of_a_bucket_move_its_guard_together() -> None:
    one = stored(schedule=Schedule(start=at(60), repeat=seconds(60), max_runs=8))

    place_next(one, NOON)

    (guard,) = timeline.snapshot(NODE, [Range(at(60), at(70))]).guards.counts.values()
    assert guard == (8, 0)


def test_a_slot_without_time_is_a_nonstarter_among_the_others() -> None:
    other = stored(duration=seconds(50))
    blocking = place_at(other, at(1200), NOON).runs[0]
    one = stored(schedule=Schedule(start=at(600), repeat=seconds(600), slip=seconds(20), max_runs=3))

    assert [state for _, state, _ in placed(one)] == [State.PENDING, State.NONSTART, State.PENDING]
    (nonstarter,) = (run for run in run_table.in_order(NODE, one.uuid) if run.state is State.NONSTART)
    assert nonstarter.documents.reason["blocking-run"] == blocking.uuid


def test_time_that_was_given_back_elsewhere_is_free() -> None:
    one = stored()
    (first, second) = (place_at(stored(), at(start), NOON).runs[0] for start in (600, 1200))
    for run in (first, second):
        owner = task_table.get(NODE, run.task)
        taken = occupation(run, owner)
        assert taken is not None
        timeline.reference(NODE, taken).delete()  # which this process does not hear of

    assert place_at(one, at(600), NOON).runs[0].start == at(600)
    later = stored(schedule=Schedule(start=at(1200), repeat=seconds(3600), slip=seconds(60), max_runs=2))
    assert [start for start, _, _ in placed(later)] == [at(1200), at(4800)]


def test_what_comes_next_is_worked_out_once_for_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    one = stored(schedule=Schedule(start=at(600), repeat=seconds(600), max_runs=6))
    worked_out: list[dt.datetime] = []
    next_try = repeat.next_try

    def counted(schedule: Schedule, progress: Progress, now: dt.datetime) -> dt.datetime | None:
        worked_out.append(now)
        return next_try(schedule, progress, now)

    monkeypatch.setattr(repeat, "next_try", counted)

    assert len(place_next(one, NOON).runs) == 6
    assert len(worked_out) == 6 + 2  # that there is no seventh, and when the planner looks again


def test_who_is_overtaken_tries_with_fewer(
    transactions: list[Booking], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = stored(schedule=Schedule(start=at(600), repeat=seconds(600), max_runs=6))
    snapshot = timeline.snapshot
    asked = []

    def and_somebody_books(node: NodeName, spans: list[Range], anew: bool = False) -> timeline.Snapshot:
        seen = snapshot(node, spans, anew)
        asked.append(len(spans))
        if len(asked) < 3:
            monkeypatch.setattr(timeline, "snapshot", snapshot)
            place_at(stored(), at(600 + 20 * len(asked)), NOON)
            monkeypatch.setattr(timeline, "snapshot", and_somebody_books)
        return seen

    monkeypatch.setattr(timeline, "snapshot", and_somebody_books)
    monkeypatch.setattr(timeline, "turn", lambda *_: contextlib.nullcontext())  # somebody elsewhere
    monkeypatch.setattr(placement, "PAUSE_PER_TRY", 0)

    assert len(place_next(one, NOON).runs) == asked[-1]
    assert asked == [6, 4, 2]


def test_a_wide_window_is_searched_and_what_was_chosen_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = stored(schedule=Schedule(start=at(600), slip=placement.WIDE_WINDOW, max_runs=1))
    read = timeline.read_entries

    def and_somebody_books(node: NodeName, start: dt.datetime, end: dt.datetime) -> list[Occupation]:
        monkeypatch.setattr(timeline, "read_entries", read)
        entries = read(node, start, end)
        place_at(stored(), at(600), NOON)
        return entries

    monkeypatch.setattr(timeline, "read_entries", and_somebody_books)
    monkeypatch.setattr(placement, "PAUSE_PER_TRY", 0)

    assert [start for start, _, _ in placed(one)] == [at(603)]


SCHEDULES = st.builds(
    Schedule,
    start=st.integers(5, 900).map(at),
    repeat=st.integers(3, 900).map(seconds),
    slip=st.integers(0, 900).map(seconds),
    max_runs=st.integers(1, 20),
)
OTHERS = st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 600), st.sampled_from([None, -1, 1])))


@pytest.mark.embedded_only
@settings(deadline=None)
@given(schedule=SCHEDULES, length=st.integers(2, 1000), priority=st.sampled_from([None, 0]), others=OTHERS)
def test_together_comes_to_the_same_as_one_by_one(
    schedule: Schedule, length: int, priority: int | None, others: list[tuple[int, int, int | None]]
) -> None:
    def outcome(most: int) -> list[tuple[dt.datetime, State, str | None]]:
        timeline_memory.forget()
        tables = Tables([table.definition() for table in TABLES], lambda: 0, lambda: 0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BaseClient, "_make_api_call", lambda _, name, request: tables.call(name, request))
            patch.setattr(queues, "send_at", lambda *_: None)
            patch.setattr(placement, "MOST_TOGETHER", most)
            for start, lasting, rank in others:
                other = stored(duration=seconds(lasting), document=_document(rank))
                place_next(other.evolve(schedule=Schedule(start=at(start), max_runs=1)), NOON)
            one = stored(schedule=schedule, duration=seconds(length), document=_document(priority))
            found = placed(one)
            _require_no_clash(one)
            return found

    assert outcome(8) == outcome(1)


def _document(priority: int | None) -> dict[str, object]:
    return {**exclusive_task().document, "schema": 3, "priority": priority}


def _require_no_clash(one: Task) -> None:
    owned = [occupation(run, one) for run in run_table.in_order(NODE, one.uuid) if run.state is State.PENDING]
    for earlier, later in itertools.combinations(filter(None, owned), 2):
        assert not earlier.overlaps(later)

"""Runs counted, with what hours that are over came to kept: always what there is."""

import dataclasses
import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN, Task
from chalicelib.domain.times import INSTANT
from chalicelib.store import counted_hours, node_table, run_counts, run_table, run_totals
from chalicelib.store.counted_hours import HOUR, SETTLING, Counted, Known
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.transactions import recording
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NODE, NOON, Clock, at, run, task

pytestmark = pytest.mark.usefixtures("empty_aws")

MINUTE = dt.timedelta(minutes=1)
EPSILON = INSTANT.total_seconds()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    known = Clock(NOON)
    monkeypatch.setattr(counted_hours, "clock", known)
    monkeypatch.setattr(run_totals, "MANY", 0)
    return known


def stored(owner: Task, start: float, state: State = State.FINISHED) -> Run:
    """A run that began so many seconds after noon, as it is stored."""
    one = run(owner, start, state=state)
    commit(Booking(None, dataclasses.replace(owner, uuid=one.task), [one]), NOON)
    return run_table.get(one.node, one.task, one.uuid)


def settled(clock: Clock, looks: int = 2) -> None:
    """Have the hours since noon be settled, by looks some time apart."""
    for _ in range(looks):
        clock.now += SETTLING
        for _ in range(-(-((clock.now - NOON) // HOUR) // run_totals.HOURS_AT_ONCE)):
            run_totals.settle(NODE, clock.now)


def is_settled(clock: Clock, hour: dt.datetime = NOON) -> bool:
    counted = counted_hours.read(NODE).hours(clock.now).get(hour)
    return counted is not None and counted.is_settled


def total(clock: Clock, state: State = State.FINISHED, *bounds: dt.datetime) -> int:
    return run_totals.count(NODE, state, clock.now, *bounds)


@pytest.mark.parametrize(
    ("start", "end", "holds"),
    [
        (None, None, True),
        (0, None, True),
        (1, None, False),
        (None, 3600, True),
        (None, 3599, False),
        (None, 3599.999999, True),
    ],
)
def test_an_hour_is_within_bounds_that_hold_all_of_it(
    start: float | None, end: float | None, holds: bool
) -> None:
    bounds = (None if each is None else at(each) for each in (start, end))

    assert run_totals._holds(*bounds, NOON) is holds


@pytest.mark.parametrize(
    ("hours", "start", "end", "gaps"),
    [
        ([], None, None, [(None, None)]),
        ([], 5, 9, [(5, 9)]),
        ([0], None, None, [(None, -EPSILON), (3600, None)]),
        ([0], 0, 3600, [(3600, 3600)]),  # both bounds are included
        ([0], 0, 3599.999999, []),
        ([0, 3600], -5, 9000, [(-5, -EPSILON), (7200, 9000)]),
        ([0, 7200], 0, 10799, [(3600, 7200 - EPSILON)]),
        ([0], None, 5000, [(None, -EPSILON), (3600, 5000)]),
    ],
)
def test_what_is_in_no_hour_is_counted(
    hours: list[float], start: float | None, end: float | None, gaps: list[tuple[float | None, float | None]]
) -> None:
    def moment(second: float | None) -> dt.datetime | None:
        return None if second is None else at(second)

    found = run_totals._between([at(hour) for hour in hours], moment(start), moment(end))

    assert list(found) == [(moment(first), moment(last)) for first, last in gaps]


@pytest.mark.parametrize(
    ("counted", "passed", "is_due"),
    [
        (Counted(NOON, {"finished": 1}, False), SETTLING, True),
        (Counted(NOON, {"finished": 1}, False), SETTLING - INSTANT, False),
        (Counted(NOON, {"finished": 1}, True), 9 * HOUR, False),
        (Counted(NOON, {"pending": 1}, False), SETTLING, False),  # one is not over: that takes longer
        (Counted(NOON, {"pending": 1}, False), run_totals.PATIENCE, True),
        (Counted(NOON, {"on-deck": 1}, False), run_totals.PATIENCE - INSTANT, False),
    ],
)
def test_an_hour_is_counted_again_once_it_may_be_settled(
    counted: Counted, passed: dt.timedelta, is_due: bool
) -> None:
    assert run_totals._is_due(counted, NOON + passed) is is_due


@pytest.mark.parametrize(
    ("passed", "hours"),
    [
        (HOUR + SETTLING - INSTANT, [-1, -2, -3, -4]),
        (HOUR + SETTLING, [0, -1, -2, -3]),
        (2 * HOUR, [0, -1, -2, -3]),
    ],
)
def test_the_last_hours_that_are_over_are_counted_first(passed: dt.timedelta, hours: list[int]) -> None:
    known = Known(None, NOON - 99 * HOUR)

    assert run_totals._to_be_counted(known, NOON + passed) == [NOON + hour * HOUR for hour in hours]


def test_no_hour_is_counted_that_is_of_no_use() -> None:
    assert run_totals._to_be_counted(Known(None, NOON), NOON + 3 * HOUR) == [NOON + HOUR, NOON]


@pytest.mark.parametrize(
    ("counts", "before", "is_settled"),
    [
        ({"finished": 1}, {"finished": 1}, True),
        ({"finished": 1}, {"finished": 2}, False),
        ({"finished": 1}, None, False),
        ({"pending": 1}, {"pending": 1}, False),
        ({}, {}, True),
    ],
)
def test_an_hour_is_settled_that_came_to_the_same_and_in_which_nothing_goes_on(
    counts: dict[str, int], before: dict[str, int] | None, is_settled: bool
) -> None:
    earlier = None if before is None else Counted(NOON, before, False)

    assert run_totals._judged(counts, earlier, NOON + HOUR) == Counted(NOON + HOUR, counts, is_settled)


def test_who_counts_for_others_leaves_it_to_one_of_them(clock: Clock) -> None:
    stored(task(), 0)
    clock.now = NOON + 3 * HOUR

    with run_totals._counting:  # another thread is at it
        run_totals.settle(NODE, clock.now)
    assert counted_hours.read(NODE).item is None
    with node_table.lease(NODE, "counting-hours", clock.now, clock.now + MINUTE):  # another process
        run_totals.settle(NODE, clock.now)
    assert counted_hours.read(NODE).item is None

    run_totals.settle(NODE, clock.now)
    assert counted_hours.read(NODE).item
    assert not run_totals._counting.locked()


def test_an_hour_that_is_settled_is_not_counted_again(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds in (0, 1, 3599):
        stored(task(), seconds)
    stored(task(), 3600)
    clock.now = NOON + 4 * HOUR
    settled(clock)
    gaps: list[Any] = []
    counted = run_counts.count
    monkeypatch.setattr(run_counts, "count", lambda *asked: gaps.append(asked[3:]) or counted(*asked))

    assert total(clock) == 4
    assert total(clock, State.FINISHED, NOON, NOON + HOUR) == 4
    assert total(clock, State.FINISHED, NOON, NOON + HOUR - INSTANT) == 3
    assert total(clock, State.FINISHED, NOON + MINUTE, NOON + 2 * HOUR) == 2
    assert all(start is None or start == NOON + MINUTE or start >= NOON + HOUR for start, _ in gaps)


def test_an_hour_is_settled_once_it_was_counted_twice_and_came_to_the_same(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(task(), 0)
    clock.now = NOON + HOUR + SETTLING
    filed = run_counts.filed
    with monkeypatch.context() as behind:  # the index has not heard of the run yet
        behind.setattr(run_counts, "filed", lambda *_: 0)
        run_totals.settle(NODE, clock.now)
    assert run_counts.filed is filed

    clock.now += SETTLING
    run_totals.settle(NODE, clock.now)
    assert not is_settled(clock)
    assert total(clock) == 1

    clock.now += SETTLING
    run_totals.settle(NODE, clock.now)
    assert is_settled(clock)
    assert total(clock) == 1


def test_an_hour_in_which_a_run_goes_on_is_not_settled(clock: Clock) -> None:
    going_on = stored(task(duration=6 * HOUR), 0, State.PENDING)
    stored(task(), 1)
    clock.now = NOON + 2 * HOUR
    settled(clock)
    assert not is_settled(clock)

    clock.now = NOON + 6 * HOUR
    run_table.change(going_on.evolve(state=State.RUNNING).evolve(state=State.FINISHED))
    settled(clock, 4)

    assert is_settled(clock)
    assert total(clock) == 2


def test_what_is_told_late_is_counted(clock: Clock) -> None:
    known = stored(task(), 0)
    stored(task(), 1)
    clock.now = NOON + 3 * HOUR
    settled(clock)
    assert is_settled(clock)

    run_table.change(known.evolve(state=State.FAILED))

    assert (total(clock), total(clock, State.FAILED)) == (1, 1)


def test_a_result_of_hours_ago_is_counted(clock: Clock) -> None:
    owner = task()
    stored(owner, 0)
    clock.now = NOON + 3 * HOUR
    settled(clock)

    recording.append(run(owner, 60, state=State.FINISHED), ())

    assert total(clock) == 2


def test_a_run_that_is_deleted_is_not_counted_any_more(clock: Clock) -> None:
    known = stored(task(), 0)
    clock.now = NOON + 3 * HOUR
    settled(clock)

    run_table.delete(known)

    assert total(clock) == 0


def test_what_was_counted_is_not_kept_where_something_changed_meanwhile(clock: Clock) -> None:
    known = stored(task(), 0)
    clock.now = NOON + HOUR + SETTLING
    run_totals.settle(NODE, clock.now)
    clock.now += SETTLING
    before = counted_hours.read(NODE)
    counted = run_totals._judged({"finished": 1}, before.hours(clock.now)[NOON], clock.now)
    assert counted.is_settled

    run_table.change(known.evolve(state=State.FAILED))
    counted_hours.note(NODE, before, {NOON: counted}, clock.now)

    assert not is_settled(clock)
    assert (total(clock), total(clock, State.FAILED)) == (0, 1)


def test_hours_of_runs_that_expire_early_are_counted_each_time(clock: Clock) -> None:
    known = stored(task(), 0)
    clock.now = NOON + 3 * HOUR
    settled(clock)

    run_table.change(known.evolve(purge_at=clock.now + HOUR))
    settled(clock)

    assert not is_settled(clock)
    assert total(clock) == 1


def test_hours_of_which_runs_have_expired_are_of_no_use(clock: Clock) -> None:
    known = stored(task(), 0)
    clock.now = NOON + 3 * HOUR
    settled(clock)
    RunItem(key(NODE, known.task), known.uuid).delete()  # as it expires
    clock.now = NOON + KEEP_AFTER_LAST_RUN

    assert total(clock) == 0


def test_a_run_that_begins_and_ends_in_its_hour_looks_for_nothing(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_table, "read", lambda *_: pytest.fail("a read more for a run"))
    clock.now = NOON + MINUTE
    known = stored(task(), 0, State.PENDING)

    running = run_table.change(known.evolve(state=State.RUNNING))
    run_table.change(running.evolve(state=State.FINISHED))

    assert total(clock) == 1


def test_few_runs_are_counted_without_keeping_what_hours_come_to(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_totals, "MANY", 3)
    stored(task(), 0)
    stored(task(), 1)
    clock.now = NOON + 3 * HOUR

    assert total(clock) == 2
    assert counted_hours.read(NODE).item is None

    stored(task(), 2)
    assert total(clock) == 3
    assert counted_hours.read(NODE).item

"""What is kept of hours long over: until when it is of use, and who takes an hour out again."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.errors import Conflict
from chalicelib.domain.names import NodeName
from chalicelib.domain.run_states import State
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN
from chalicelib.domain.times import EPOCH
from chalicelib.store import counted_hours, node_table
from chalicelib.store.counted_hours import HOUR, Counted, Known
from tests.builders import NODE, NOON, Clock, at, run, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")

MINUTE = seconds(60)
SECOND = seconds(1)
SETTLED, COUNTED = Counted(at(7200), {"finished": 3}, True), Counted(at(7201), {"missed": 1}, False)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    known = Clock(NOON)
    monkeypatch.setattr(counted_hours, "clock", known)
    return known


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The hours that are taken out."""
    hours: list[Any] = []
    monkeypatch.setattr(counted_hours, "_take_out", lambda *what: hours.append(what))
    return hours


@pytest.mark.parametrize(
    ("passed", "changes", "is_taken"),
    [
        (64 * MINUTE, {}, True),  # an hour, and a minute less than it takes to settle: clocks differ
        (64 * MINUTE - SECOND, {}, False),
        (KEEP_AFTER_LAST_RUN + MINUTE - SECOND, {}, True),
        (KEEP_AFTER_LAST_RUN + MINUTE, {}, False),
        (2 * HOUR, {"state": State.RUNNING}, True),  # a run that is new
        (2 * HOUR, {"state": State.RUNNING, "revision": 1}, False),
        (2 * HOUR, {"state": State.FINISHED, "revision": 1}, True),
    ],
)
def test_an_hour_is_taken_out_that_may_have_been_counted(
    clock: Clock, taken: list[Any], passed: dt.timedelta, changes: dict[str, Any], is_taken: bool
) -> None:
    clock.now = NOON + passed

    counted_hours.changing(run(task(), 1800, **changes))

    assert taken == ([(NODE, NOON)] if is_taken else [])


@pytest.mark.parametrize(("early", "is_noted"), [(SECOND, True), (seconds(0), False), (-SECOND, False)])
def test_hours_of_runs_that_go_before_their_time_are_of_no_use(
    clock: Clock, early: dt.timedelta, is_noted: bool
) -> None:
    counted_hours.changing(run(task(), 1800, purge_at=NOON + KEEP_AFTER_LAST_RUN - early))

    assert counted_hours.read(NODE).early == (NOON + HOUR if is_noted else EPOCH)


def test_that_runs_go_before_their_time_is_noted_once(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[Any] = []
    raise_to = node_table.raise_to
    monkeypatch.setattr(node_table, "raise_to", lambda *what: raised.append(what[2]) or raise_to(*what))
    counted_hours.known(NODE, NOON)

    for start in (0, 3599, -1, 3600):
        counted_hours.changing(run(task(), start, purge_at=at(60)))

    assert raised == [(NOON + hours * HOUR).timestamp() for hours in (1, 2)]
    assert counted_hours.known(NODE, NOON).early == NOON + 2 * HOUR


@pytest.mark.parametrize(
    ("hour", "now", "is_of_use"),
    [
        (NOON, NOON + KEEP_AFTER_LAST_RUN - SECOND, True),
        (NOON, NOON + KEEP_AFTER_LAST_RUN, False),
        (NOON - HOUR, NOON, False),  # runs of then expire early
    ],
)
def test_an_hour_is_of_use_until_runs_of_it_expire(
    hour: dt.datetime, now: dt.datetime, is_of_use: bool
) -> None:
    known = Known({str((hour - EPOCH) // HOUR): SETTLED.packed()}, NOON)

    assert known.is_of_use(hour, now) is is_of_use
    assert known.hours(now) == ({hour: SETTLED} if is_of_use else {})


@pytest.mark.parametrize("counted", [SETTLED, COUNTED])
def test_a_count_is_unpacked_as_it_was_packed(counted: Counted) -> None:
    assert Counted.unpack(counted.packed()) == counted


def test_counts_are_noted_over_what_was_read_and_those_of_no_use_go() -> None:
    now = NOON + KEEP_AFTER_LAST_RUN
    counted_hours.note(NODE, counted_hours.read(NODE), {NOON - HOUR: SETTLED, NOON + HOUR: SETTLED}, NOON)
    first = counted_hours.read(NODE)
    assert first.hours(NOON) == {NOON - HOUR: SETTLED, NOON + HOUR: SETTLED}

    counted_hours.note(NODE, first, {NOON + 2 * HOUR: COUNTED}, now)
    counted_hours.note(NODE, first, {NOON + 3 * HOUR: COUNTED}, now)  # over what is not there any more

    found = counted_hours.read(NODE)
    assert found.hours(NOON) == {NOON + HOUR: SETTLED, NOON + 2 * HOUR: COUNTED}
    counted_hours.note(NODE, found, {NOON + 2 * HOUR: SETTLED}, now)
    assert counted_hours.read(NODE).hours(NOON)[NOON + 2 * HOUR] == SETTLED


@pytest.mark.parametrize(("age", "is_read"), [(0, False), (9.999, False), (10, True), (-0.001, True)])
def test_what_is_known_is_read_again_after_ten_seconds(age: float, is_read: bool) -> None:
    assert counted_hours.known(NODE, NOON).hours(NOON) == {}
    node_table.write(NODE, "counted-hours", {str((NOON - EPOCH) // HOUR): SETTLED.packed()})

    assert bool(counted_hours.known(NODE, at(age)).hours(NOON)) is is_read
    assert counted_hours.known(NodeName("other"), NOON).hours(NOON) == {}


def test_an_hour_is_taken_out_and_the_others_stay(clock: Clock) -> None:
    counted_hours.note(NODE, counted_hours.read(NODE), {NOON: SETTLED, NOON + HOUR: COUNTED}, NOON)
    clock.now = NOON + 2 * HOUR
    assert len(counted_hours.known(NODE, clock.now).hours(clock.now)) == 2

    counted_hours.changing(run(task(), 0, state=State.FINISHED))

    assert counted_hours.known(NODE, clock.now).hours(clock.now) == {NOON + HOUR: COUNTED}
    counted_hours.changing(run(task(), 0, state=State.FINISHED))
    assert counted_hours.read(NODE).hours(clock.now) == {NOON + HOUR: COUNTED}


@pytest.mark.parametrize(("lost", "left"), [(4, {NOON + HOUR: COUNTED}), (5, {})])
def test_where_others_keep_changing_it_all_is_counted_anew(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, lost: int, left: dict[dt.datetime, Counted]
) -> None:
    counted_hours.note(NODE, counted_hours.read(NODE), {NOON: SETTLED, NOON + HOUR: COUNTED}, NOON)
    clock.now = NOON + 2 * HOUR
    counted_hours.known(NODE, clock.now)
    outcomes, move = iter([Conflict("")] * lost), node_table.move

    def overtaken(*what: Any) -> None:
        for error in outcomes:
            raise error
        move(*what)

    monkeypatch.setattr(node_table, "move", overtaken)
    counted_hours.changing(run(task(), 0, state=State.FINISHED))

    assert counted_hours.known(NODE, clock.now).hours(clock.now) == left


def test_hours_are_kept_until_they_are_of_no_use(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[Any] = []
    move = node_table.move
    monkeypatch.setattr(node_table, "move", lambda *what: ends.append(what[4]) or move(*what))
    counted_hours.note(NODE, counted_hours.read(NODE), {NOON: SETTLED}, at(60))
    clock.now = NOON + 2 * HOUR

    counted_hours.changing(run(task(), 0, state=State.FINISHED))

    assert ends == [at(60) + KEEP_AFTER_LAST_RUN, clock.now + KEEP_AFTER_LAST_RUN]

"""Runs stay filed where they are when they are over; each is looked at once, whether it is."""

import datetime as dt

import pytest

from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import INSTANT
from chalicelib.service.execution import overdue, reaper
from chalicelib.settings import forget_settings
from chalicelib.store import due_runs, reap_marks, run_items, run_table, shards
from chalicelib.store.due_runs import Due
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NODE, NOON, at, run, task

pytestmark = pytest.mark.usefixtures("empty_aws", "_one_shard")
LATE = 60
"""Seconds after a start at which a run should be over."""


@pytest.fixture
def _one_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "of", lambda uuid: 0)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that were looked at."""
    found: list[str] = []
    not_over = due_runs.not_over

    def noting(due: list[Due]) -> set[str]:
        found.extend(each.run for each in due)
        return set(not_over(due))

    monkeypatch.setattr(due_runs, "not_over", noting)
    return found


def stored(owner: Task, *runs: Run) -> None:
    commit(Booking(None, owner, runs), NOON)


def later(owner: Task, *runs: Run) -> None:
    """Store runs of a task that is there."""
    commit(Booking(owner, owner, runs), NOON)


def state(one: Run) -> State:
    return run_table.get(NODE, one.task, one.uuid).state


def filed(one: Run) -> str:
    return str(run_table.RunItem.get(f"{NODE}#{one.task}", one.uuid).due)


def look(seconds: float, most: int = 99) -> bool:
    return reaper.reap(0, at(seconds), most)


def test_a_run_that_is_over_is_looked_at_once(read: list[str]) -> None:
    owner = task()
    over, missed = run(owner, state=State.FINISHED), run(owner, 1)
    stored(owner, over, missed)

    look(LATE)
    look(LATE + 60)
    look(LATE + 120)

    assert sorted(read) == sorted([over.uuid, missed.uuid])
    assert (state(over), state(missed)) == (State.FINISHED, State.MISSED)
    assert filed(over).startswith("#dispatch#")


def test_one_that_goes_on_is_filed_for_when_it_should_be_over(read: list[str]) -> None:
    owner = task()
    slow = run(owner, end=at(25), state=State.RUNNING)
    stored(owner, slow)

    look(40)
    assert (state(slow), filed(slow)) == (State.RUNNING, "#give-up#0")
    look(54)
    assert state(slow) is State.RUNNING
    look(56)

    assert state(slow) is State.OVERDUE
    assert read == [slow.uuid]


def test_its_runner_writes_its_result_all_the_same() -> None:
    owner = task()
    slow = run(owner, end=at(25), state=State.RUNNING)
    stored(owner, slow)

    look(40)
    run_table.change(slow.evolve(state=State.FINISHED))

    assert state(slow) is State.FINISHED


def test_one_that_changes_under_our_hands_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = task()
    slow = run(owner, end=at(25), state=State.RUNNING)
    stored(owner, slow)
    as_read = run_table.get(NODE, owner.uuid, slow.uuid)
    run_table.change(as_read.evolve(priority=1))
    with monkeypatch.context() as patch:
        patch.setattr(run_table, "get", lambda *_: as_read)
        look(40)
    assert filed(slow).startswith("#dispatch#")

    look(50)

    assert filed(slow) == "#give-up#0"


def test_one_that_cannot_be_given_up_is_tried_again_and_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = task()
    one, other = run(owner), run(owner, 1)
    stored(owner, one, other)
    give_up = reaper.give_up

    def fails_once(node: str, task: str, uuid: str, now: dt.datetime) -> None:
        if uuid == one.uuid and now == at(LATE):
            raise RuntimeError("an archiver's own mistake")
        give_up(node, task, uuid, now)  # type: ignore[arg-type]

    fails_once.__name__ = "give_up"
    monkeypatch.setattr(reaper, "give_up", fails_once)
    look(LATE)
    assert (state(one), state(other)) == (State.PENDING, State.MISSED)
    look(LATE + 60)

    assert state(one) is State.MISSED


def test_what_is_filed_late_is_found_as_long_as_its_start_is_in_view() -> None:
    owner, hours = task(), 3 * 3600.0
    stored(owner)
    look(LATE)  # and then everything stands still for hours

    look(hours)
    late = run(owner, hours - 1800)
    later(owner, late)
    look(hours + 60)

    assert state(late) is State.MISSED


def test_another_process_goes_on_from_the_mark(read: list[str]) -> None:
    owner, hour = task(), 3600.0
    early, recent, next_one = (run(owner, start, state=State.FINISHED) for start in (0, hour, hour + 120))
    stored(owner, early, recent, next_one)
    look(LATE)
    look(hour + LATE)
    assert reap_marks.read(0) == at(hour + LATE - 30)
    overdue.forget()
    read.clear()

    look(hour + 240)

    assert read == [recent.uuid, next_one.uuid]  # the first of them once more


@pytest.mark.embedded_only
def test_a_process_that_dies_after_each_look_comes_on_all_the_same(read: list[str]) -> None:
    owner = task()
    stored(owner, *(run(owner, 60 * minute, state=State.FINISHED) for minute in range(90)))

    for minute in range(92):
        look(60 * minute)
        overdue.forget()

    assert len(set(read)) == 90
    assert len(read) < 90 * 25


def test_a_clock_that_was_ahead_hides_nothing(read: list[str]) -> None:
    owner = task()
    stored(owner)
    look(86_400)
    missed = run(owner)
    later(owner, missed)

    look(LATE)

    assert state(missed) is State.MISSED


def test_many_of_one_instant_are_all_looked_at(read: list[str]) -> None:
    owner = task()
    stored(owner, *(run(owner, state=State.FINISHED) for _ in range(5)), run(owner, 1))

    assert look(LATE, most=2)
    assert not look(LATE, most=7)

    assert len(read) == 6


def test_who_has_no_time_left_leaves_the_rest() -> None:
    owner = task()
    one, other = run(owner), run(owner, 1)
    stored(owner, one, other)
    turns = iter([True])

    assert reaper.reap(0, at(LATE), has_time=lambda: next(turns, False))
    assert [state(one), state(other)] == [State.MISSED, State.PENDING]
    look(LATE)

    assert state(other) is State.MISSED


def test_on_functions_a_shard_with_many_is_handed_over_by_its_mark(
    read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSCHEDULER_LONGEST_RUN", "840")
    forget_settings()
    owner = task()
    stored(owner, *(run(owner, start, state=State.FINISHED) for start in (0, 200, 400, 600)))

    assert look(900, most=2)
    assert reap_marks.read(0) == at(200) + INSTANT
    monkeypatch.undo()
    forget_settings()


def test_what_an_earlier_version_filed_is_found_behind_the_mark() -> None:
    owner = task()
    stored(owner)
    look(3600)
    look(3660)
    old = run(owner)
    later(owner, old)

    overdue.begin_anew()
    look(3720)

    assert state(old) is State.MISSED
    assert run_items.due_key(run_items.DISPATCH, old.uuid) == "#dispatch#0"

"""Runs that nothing can be in the way of are placed without a transaction: whoever dies, or meets another, in
between."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.execution import runner
from chalicelib.service.scheduling import cancellation, placement, reservation
from chalicelib.service.scheduling.placement import place_next
from chalicelib.store import run_items, run_table, task_table
from chalicelib.store.transactions import booking
from chalicelib.store.transactions.booking import New
from tests.builders import NODE, NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")

EVERY = 3600


@pytest.fixture
def posted() -> Task:
    """A task of 24 runs a day that is there, with those that its posting placed."""
    one = task(schedule=Schedule(start=at(EVERY), repeat=seconds(EVERY)))
    place_next(one, NOON, New())
    return task_table.get(NODE, one.uuid)


def starts(one: Task) -> list[float]:
    return [(run.start - NOON).total_seconds() for run in run_table.in_order(NODE, one.uuid)]


def all_slots(count: int) -> list[float]:
    return [float(EVERY * number) for number in range(1, count + 1)]


def counted(one: Task) -> int:
    return task_table.get(NODE, one.uuid).progress.runs


def once(instead: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
    """Something that is called the first time, and the real thing after that."""
    turns = iter([instead])

    def taking_turns(*given: Any) -> Any:
        return next(turns, real)(*given)

    return taking_turns


def test_whoever_posts_a_task_waits_for_its_first_runs_alone(posted: Task) -> None:
    assert (starts(posted), counted(posted)) == (all_slots(10), 10)
    assert posted.is_due(NOON)


def test_the_planner_places_the_others(posted: Task) -> None:
    placed = place_next(posted, NOON)

    assert (len(placed.runs), counted(posted)) == (14, 24)
    assert starts(posted) == all_slots(24)
    assert not placed.task.is_due(NOON)


def dies_before_counting(one: Task, now: dt.datetime) -> None:
    """A planner that has placed a task's runs and dies."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(booking, "count_singly", die)
        with pytest.raises(KeyboardInterrupt):
            place_next(one, now)


def test_runs_whose_planner_died_before_they_were_counted_are_counted_by_the_next(posted: Task) -> None:
    dies_before_counting(posted, NOON)
    assert (len(starts(posted)), counted(posted)) == (24, 10)

    adopted = place_next(task_table.get(NODE, posted.uuid), at(40))

    assert (len(adopted.runs), counted(posted)) == (14, 24)
    assert starts(posted) == all_slots(24)


def test_runs_that_start_soon_are_sent_by_whoever_counts_them(
    posted: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Run] = []
    late = at(10 * EVERY + 60)
    monkeypatch.setattr(reservation, "send", lambda runs, now: sent.extend(runs))
    dies_before_counting(posted, late)
    assert sent == []

    place_next(task_table.get(NODE, posted.uuid), late)

    assert sent[0].start == at(11 * EVERY)


def test_two_planners_place_and_count_each_run_once(posted: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    real = run_items.to_item

    def overtaken(run: Any) -> Any:
        place_next(posted, NOON)  # the other one is faster
        return real(run)

    monkeypatch.setattr(run_items, "to_item", once(overtaken, real))
    place_next(posted, NOON)

    assert (starts(posted), counted(posted)) == (all_slots(24), 24)


def test_runs_placed_while_their_task_is_cancelled_do_not_stay(
    posted: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = booking.write_singly

    def late(*given: Any) -> None:
        cancellation.cancel_task(posted, at(5))
        written(*given)

    monkeypatch.setattr(booking, "write_singly", once(late, written))
    place_next(posted, NOON)

    assert starts(posted) == []
    assert not task_table.get(NODE, posted.uuid).enabled


def test_one_that_stays_all_the_same_is_not_begun(posted: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    written = booking.write_singly
    monkeypatch.setattr(placement, "_remove", lambda _: None)  # whoever was to remove it died

    def late(*given: Any) -> None:
        cancellation.cancel_task(posted, at(5))
        written(*given)

    monkeypatch.setattr(booking, "write_singly", once(late, written))
    place_next(posted, NOON)
    run = next(run_table.in_order(NODE, posted.uuid))
    whole = run_table.get(NODE, posted.uuid, run.uuid)

    assert runner.begin(task_table.get(NODE, posted.uuid), whole, run.start) is None
    assert run_table.get(NODE, posted.uuid, run.uuid).state is State.CANCELED

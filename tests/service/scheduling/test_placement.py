"""Where runs are placed, and what is stored of it. On moto."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.errors import Blocked, Conflict
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import HORIZON, Task
from chalicelib.service.scheduling import placement
from chalicelib.service.scheduling.placement import place_at, place_next
from chalicelib.service.scheduling.slots import proposals
from chalicelib.store import run_table, task_table
from chalicelib.store.transactions.booking import New, Time
from tests.builders import NODE, NOON, at, exclusive_task, seconds, task

pytestmark = pytest.mark.usefixtures("moto_engine")


RUN = "00000000-0000-4000-8000-000000000001"


def posted(one: Task) -> list[Run]:
    return list(place_next(one.replanned(NOON), NOON, New()).runs)


def test_a_one_off_is_placed_with_its_task_and_never_again() -> None:
    one = task()

    (run,) = posted(one)

    assert run.start == at(2)
    assert task_table.get(NODE, one.uuid).plan_at is None
    assert list(place_next(task_table.get(NODE, one.uuid), at(60)).runs) == []


def test_a_task_that_starts_beyond_the_horizon_waits_for_the_planner() -> None:
    one = task(schedule=Schedule(start=NOON + HORIZON + seconds(60), slip=seconds(10), max_runs=1))

    assert posted(one) == []
    assert task_table.get(NODE, one.uuid).plan_at == at(70)
    assert [run.start for run in place_next(task_table.get(NODE, one.uuid), at(70)).runs] == [
        NOON + HORIZON + seconds(60)
    ]


@pytest.mark.parametrize("slip", [HORIZON - seconds(1), HORIZON, HORIZON * 3])
def test_a_run_that_may_slip_a_day_is_placed_at_once(slip: dt.timedelta) -> None:
    (run,) = posted(exclusive_task(schedule=Schedule(slip=slip, max_runs=1)))
    (other,) = posted(task(schedule=Schedule(slip=slip, max_runs=1)))

    assert run.start == other.start == at(2)


def test_background_runs_are_placed_in_batches_up_to_the_horizon() -> None:
    one = task(schedule=Schedule(start=at(3600), repeat=seconds(3600)))
    placed = all_placed(one)

    assert [run.start for run in placed] == [at(3600 * number) for number in range(1, 25)]
    assert task_table.get(NODE, one.uuid).plan_at == at(3600 + 3600)


def all_placed(one: Task) -> list[Run]:
    """The runs of a new task, up to its horizon."""
    placed = posted(one)
    while (more := place_next(task_table.get(NODE, one.uuid), NOON)).runs:
        placed += more.runs
    return placed


@pytest.mark.parametrize(
    ("schedule", "count"),
    [
        ({"repeat": seconds(1)}, 300),  # five minutes of them: a tick or two may fail to come
        ({"repeat": seconds(10)}, 30),
        ({"repeat": seconds(20)}, 25),
        ({"cron": "* * * * *"}, 25),
        ({"repeat": seconds(3600)}, 24),  # a day, as of every other class
    ],
)
def test_no_more_background_runs_are_stored_than_are_needed_soon(
    schedule: dict[str, Any], count: int
) -> None:
    one = task(schedule=Schedule(start=at(1), **schedule), duration=seconds(0.5))

    assert abs(len(all_placed(one)) - count) <= 1
    planned = task_table.get(NODE, one.uuid).plan_at
    assert planned is not None
    assert place_next(task_table.get(NODE, one.uuid), planned).runs != []


def test_exclusive_runs_are_placed_a_day_ahead_however_many_those_are() -> None:
    one = exclusive_task(schedule=Schedule(start=at(60), repeat=seconds(600)), duration=seconds(5))

    assert len(all_placed(one)) == 144


def test_an_exclusive_run_goes_to_the_first_free_place_within_its_slip() -> None:
    posted(exclusive_task(schedule=Schedule(start=at(100), max_runs=1), duration=seconds(50)))

    (run,) = posted(
        exclusive_task(schedule=Schedule(start=at(90), slip=seconds(300), max_runs=1), duration=seconds(50))
    )

    assert run.start == at(150)


def test_a_run_for_which_there_is_no_time_says_who_has_it() -> None:
    (first,) = posted(exclusive_task(schedule=Schedule(start=at(100), max_runs=1), duration=seconds(50)))
    late = exclusive_task(schedule=Schedule(start=at(120), slip=seconds(10), max_runs=1))

    (run,) = posted(late)

    stored = run_table.get(NODE, late.uuid, run.uuid)
    assert stored.state is State.NONSTART
    assert stored.documents.reason["code"] == "no-time"
    assert stored.documents.reason["blocking-run"] == first.uuid
    assert first.uuid in (stored.errors or "")


def test_a_higher_priority_is_placed_over_a_lower_one_only_where_nothing_is_free() -> None:
    low = {"document": {**exclusive_task().document, "priority": 1}}
    high = {"document": {**exclusive_task().document, "priority": 9}}
    posted(exclusive_task(schedule=Schedule(start=at(100), max_runs=1), duration=seconds(50), **low))

    (over,) = posted(exclusive_task(schedule=Schedule(start=at(110), max_runs=1), **high))
    (beside,) = posted(
        exclusive_task(schedule=Schedule(start=at(110), slip=seconds(100), max_runs=1), **high)
    )

    assert (over.state, over.start) == (State.PENDING, at(110))
    assert beside.start == at(150)


def test_slip_is_spread_at_random_when_asked_for() -> None:
    schedule = Schedule(start=at(100), slip=seconds(3600), sliprand=True, max_runs=1)

    starts = {posted(exclusive_task(schedule=schedule))[0].start for _ in range(8)}

    assert len(starts) > 1
    assert all(at(100) <= start <= at(3700) for start in starts)


def test_a_run_asked_for_in_the_way_of_another_is_refused_by_name() -> None:
    owner = exclusive_task(schedule=Schedule(start=at(100), repeat=seconds(600)), duration=seconds(50))
    (there,) = posted(owner)

    with pytest.raises(Blocked) as refused:
        place_at(task_table.get(NODE, owner.uuid), at(120), NOON)

    assert refused.value.run == there.uuid


def test_a_run_asked_for_twice_at_a_time_is_placed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = exclusive_task(schedule=Schedule(start=at(3600), max_runs=1))
    posted(owner)
    time_for = placement.time_for

    def and_somebody_else_asks(task: Task, run: Run, now: dt.datetime) -> list[Time]:
        monkeypatch.setattr(placement, "time_for", time_for)
        taken = time_for(task, run, now)
        place_at(task, at(120), NOON, RUN)
        return taken

    monkeypatch.setattr(placement, "time_for", and_somebody_else_asks)

    (run,) = place_at(task_table.get(NODE, owner.uuid), at(120), NOON, RUN).runs

    assert run_table.get(NODE, owner.uuid, RUN) == run
    assert task_table.get(NODE, owner.uuid).progress.runs == 2


def test_a_cancelled_task_gets_no_run() -> None:
    owner = task()
    posted(owner)
    task_table.disable(task_table.get(NODE, owner.uuid), NOON)

    with pytest.raises(Conflict, match="cancelled"):
        place_at(task_table.get(NODE, owner.uuid), at(120), NOON)


def test_proposals_read_no_priority_as_nought_and_never_promise_more_than_the_task_has() -> None:
    posted(exclusive_task(schedule=Schedule(start=at(100), max_runs=1), duration=seconds(50)))
    plain = exclusive_task()

    avoided = proposals(plain, at(90), at(300), None, NOON)
    asked_for_more = proposals(plain, at(90), at(300), 5, NOON)

    assert [(one.lower, one.upper) for one in avoided] == [(at(90), at(100)), (at(150), at(300))]
    assert asked_for_more == avoided

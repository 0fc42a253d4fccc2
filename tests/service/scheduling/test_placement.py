"""Where runs are placed, and what is stored of it."""

import contextlib
import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.errors import Blocked, Conflict, Overtaken
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import HORIZON, Task
from chalicelib.domain.times import INSTANT
from chalicelib.service.scheduling import placement
from chalicelib.service.scheduling.placement import place_at, place_next
from chalicelib.service.scheduling.slots import proposals
from chalicelib.store import run_items, run_table, task_table
from chalicelib.store.transactions.booking import New, Time
from tests.builders import NODE, NOON, at, exclusive_task, occupation, run, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")


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
        ({"repeat": seconds(10)}, 50),
        ({"cron": "* * * * *"}, 50),
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


def test_whoever_had_to_wait_places_a_run_of_the_task_as_it_then_is(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = task(schedule=Schedule(start=at(3600), max_runs=1))
    posted(owner)
    read_before = task_table.get(NODE, owner.uuid)
    place_at(read_before, at(60), NOON)
    asked: list[set[str]] = []
    monkeypatch.setattr(
        placement._counting, "of", lambda names: asked.append(names) or contextlib.nullcontext(True)
    )
    monkeypatch.setattr(placement.time, "sleep", None)  # whoever is overtaken would sleep

    placed = place_at(read_before, at(120), NOON)

    assert asked == [{owner.uuid}]
    assert placed.task.progress.runs == 3


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


DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "most"),
    [
        ({}, 90),  # a transaction, with the task and what a run needs beside itself
        ({"scheduling_class": "normal"}, 8),
        ({"scheduling_class": "exclusive", "duration": seconds(3600)}, 8),
        ({"scheduling_class": "exclusive", "duration": seconds(4 * 3600)}, 4),  # of 17 quarters each
        ({"scheduling_class": "exclusive", "duration": DAY}, 1),
        ({"scheduling_class": "exclusive", "schedule": Schedule(slip=DAY)}, 1),
    ],
)
def test_so_many_runs_go_into_a_transaction(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], most: int
) -> None:
    one = task(**changes)

    assert placement._most_together(one) == most
    monkeypatch.setattr(placement.selection, "wants_nonstarters", lambda owner: owner == one)
    assert placement._most_together(one) == 1


@pytest.mark.parametrize(("more", "is_wide"), [(seconds(0), False), (INSTANT, True)])
def test_a_window_of_more_than_four_hours_is_wide(more: dt.timedelta, is_wide: bool) -> None:
    slip = dt.timedelta(hours=4) - seconds(3) + more

    assert placement._is_wide(exclusive_task(schedule=Schedule(slip=slip))) is is_wide


@pytest.mark.parametrize(
    ("sliprand", "starts", "is_wanted"),
    [
        (False, [0, 60], True),
        (False, [0, 61], False),
        (False, [0], False),
        (True, [5, 70], True),
        (True, [5], False),
    ],
)
def test_runs_lie_where_they_are_wanted_or_anywhere_at_random(
    sliprand: bool, starts: list[float], is_wanted: bool
) -> None:
    one = exclusive_task(schedule=Schedule(sliprand=sliprand))
    placed = [*(run(one, start) for start in starts), run(one, 60, state=State.NONSTART)]

    assert placement._as_wanted(one, placed, [at(0), at(60)]) is is_wanted


@pytest.mark.parametrize("is_new", [True, False])
def test_one_tries_twenty_times_and_waits_ever_longer(monkeypatch: pytest.MonkeyPatch, is_new: bool) -> None:
    slept: list[float] = []
    tried: list[Task] = []
    monkeypatch.setattr(placement.time, "sleep", slept.append)
    monkeypatch.setattr(placement.random, "uniform", lambda least, most: (least, most))
    one, current = task(), task()
    monkeypatch.setattr(task_table, "get", lambda *_: current)

    def overtaken(tried_on: Task) -> Any:
        tried.append(tried_on)
        raise Overtaken(f"{len(tried)}")

    with pytest.raises(Overtaken, match=r"^20$"):
        placement.persistently(overtaken, one, New() if is_new else None)

    assert slept == [(0, min(0.05 * number, 0.5)) for number in range(1, 20)]
    assert tried == [one, *([one if is_new else current] * 19)]


def test_one_that_is_let_through_does_not_try_again() -> None:
    one = task()

    assert placement.persistently(lambda tried_on: [tried_on], one) == [one]  # type: ignore[arg-type, return-value, comparison-overlap]


def test_a_run_is_asked_for_in_whole_seconds() -> None:
    owner = task(schedule=Schedule(start=at(3600), max_runs=1))
    posted(owner)

    (found,) = place_at(task_table.get(NODE, owner.uuid), at(120.7), NOON, RUN).runs

    assert (found.uuid, found.start) == (RUN, at(120))


def test_of_what_somebody_placed_that_was_begun_meanwhile_stays() -> None:
    owner = task()
    gone, there = run(owner, 0), run(owner, 5)
    run_items.to_item(there).save()

    placement._remove([gone, there])

    assert list(run_table.in_order(NODE, owner.uuid)) == []


def test_a_wide_window_without_time_says_who_has_it() -> None:
    slip = dt.timedelta(hours=5)
    (there,) = posted(exclusive_task(schedule=Schedule(start=at(60), max_runs=1), duration=seconds(6 * 3600)))
    one = exclusive_task(schedule=Schedule(start=at(120), slip=slip, max_runs=1), duration=seconds(600))

    (found,) = posted(one)

    message = (
        f"No time for it between {at(120)} and the end of its slip."
        f" The time is taken by run {there.uuid} of task {there.task}"
    )
    reason = {"code": "no-time", "message": message, "blocking-run": there.uuid}
    assert (found.state, found.start, found.documents.reason) == (State.NONSTART, at(120), reason)


def test_where_there_is_no_time_the_limits_say_nothing_more() -> None:
    one = exclusive_task()
    refused = run(one, 0, state=State.NONSTART)
    taken = [occupation(0, 60)]

    assert placement._fitted(one, refused, taken, NOON) == (refused, None)
    blocked, wanted = placement._fitted(one, run(one, 30), taken, NOON)
    assert (blocked.state, blocked.start, wanted) == (State.NONSTART, at(30), None)

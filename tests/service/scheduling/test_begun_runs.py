"""The runs of a task that began are counted many at a time, where the task goes on by itself."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.execution import runner
from chalicelib.service.scheduling import begun_runs, cancellation
from chalicelib.service.scheduling.placement import place_next
from chalicelib.store import run_table, task_table
from chalicelib.store.transactions.booking import Booking, New, commit
from tests.builders import NODE, NOON, at, seconds, task
from tests.requests_sent import counted

pytestmark = pytest.mark.usefixtures("empty_aws")

EVERY = 300
HOUR = 3600


def posted(**changes: Any) -> Task:
    """A task of a run every five minutes, with those of its first day."""
    schedule = Schedule(start=at(EVERY), repeat=seconds(EVERY))
    one = task(**{"schedule": schedule, "started_until": NOON, **changes})
    place_next(one.replanned(NOON), NOON, New())
    return planned(one, NOON)


def planned(one: Task, now: dt.datetime) -> Task:
    place_next(current(one), now)
    return current(one)


def current(one: Task) -> Task:
    return task_table.get(NODE, one.uuid)


def runs(one: Task, count: int) -> list[Run]:
    found = list(run_table.in_order(NODE, one.uuid))[:count]
    return [run_table.get(NODE, one.uuid, each.uuid) for each in found]


def begin(one: Task, run: Run) -> Run:
    begun = runner.begin(current(one), run, run.start)
    assert begun is not None
    return begun


def finish(one: Task, run: Run) -> None:
    run_table.change(begin(one, run).evolve(state=State.FINISHED))


def shown(one: Task, seconds: float) -> int:
    return begun_runs.shown(current(one), at(seconds)).runs_started


def stored(one: Task) -> tuple[int, dt.datetime | None]:
    now = current(one)
    return now.runs_started, now.started_until


def test_a_run_that_begins_does_not_write_its_task_and_is_shown_at_once() -> None:
    one = posted()
    first, _ = runs(one, 2)

    with counted() as sent:
        begin(one, first)

    assert "UpdateItem" not in sent
    assert stored(one) == (0, NOON)
    assert shown(one, EVERY) == 1


def test_those_that_began_are_counted_as_the_next_are_placed() -> None:
    one = posted()
    for run in runs(one, 14):
        finish(one, run)

    planned(one, at(2 * HOUR))

    assert stored(one) == (14, at(15 * EVERY))  # the next had not begun then
    assert shown(one, 2 * HOUR) == 14


def test_within_an_hour_nothing_is_counted() -> None:
    one = posted(schedule=Schedule(start=at(EVERY), repeat=seconds(EVERY), max_runs=30))

    assert begun_runs.counted_in_time(one, at(HOUR - 1)) == one


def test_what_never_began_is_not_counted_however_it_ended() -> None:
    one = posted()
    kept, missed, cancelled, under_way = runs(one, 4)
    finish(one, kept)
    run_table.change(missed.evolve(state=State.MISSED))
    begin(one, cancelled)
    cancellation.cancel_run(current(one), cancelled.uuid, cancelled.start)
    begin(one, under_way)

    planned(one, at(5 * EVERY - 1 + HOUR))

    assert (stored(one)[0], shown(one, 5 * EVERY)) == (3, 3)


def test_counting_goes_on_where_one_was_undecided() -> None:
    one = posted()
    first, second, third = runs(one, 3)
    finish(one, first)
    finish(one, third)

    planned(one, at(2 * HOUR))
    assert stored(one) == (1, second.start)
    assert shown(one, 2 * HOUR) == 2
    run_table.change(second.evolve(state=State.MISSED))
    for run in runs(one, 30)[3:]:
        if run.start <= at(2 * HOUR):
            run_table.change(run.evolve(state=State.MISSED))
    planned(one, at(4 * HOUR))

    assert stored(one)[0] == 2


def test_two_planners_count_each_once() -> None:
    one = posted()
    finish(one, runs(one, 1)[0])
    counting = begun_runs._counted(one, at(EVERY + 1))

    task_table.count_together(one, counting)
    with pytest.raises(Exception, match="changed meanwhile"):
        task_table.count_together(one, counting)
    with pytest.raises(Exception, match="Something changed"):
        commit(Booking(one, counting, ()), NOON)

    assert stored(one) == (1, at(EVERY + 1))


def test_the_last_run_that_is_to_be_counts_all() -> None:
    one = posted(schedule=Schedule(start=at(EVERY), repeat=seconds(EVERY), max_runs=3))
    assert one.plan_at is None

    for run in runs(one, 3):
        finish(one, run)

    assert stored(one)[0] == 3


def test_a_cancelled_task_has_counted_all_that_began() -> None:
    one = posted()
    first, second = runs(one, 2)
    finish(one, first)
    begin(one, second)

    cancellation.cancel_task(current(one), second.start + seconds(1))

    assert stored(one)[0] == 2
    assert run_table.get(NODE, one.uuid, second.uuid).state is State.CANCELED


def test_a_run_that_is_deleted_was_counted() -> None:
    one = posted()
    first, _ = runs(one, 2)
    finish(one, first)

    cancellation.delete_run(current(one), first.uuid, at(EVERY + 60))

    assert shown(one, EVERY + 60) == 1


def test_a_task_whose_runs_counted_themselves_changes_over_without_counting_any_twice() -> None:
    one = posted(started_until=None)  # as a release before stored it
    assert stored(one) == (0, NOON + begun_runs.FROM_THEN_ON)
    before, after = runs(one, 2)
    over = task_table.get(NODE, one.uuid).started_until
    assert over is not None
    assert before.start <= over

    for run in (before, after):
        finish(one, run)
    planned(one, at(2 * HOUR))

    assert stored(one)[0] == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"scheduling_class": "normal"},
        {"scheduling_class": "background-multi"},
        {"participants": ("here", "there")},
        {"participants": ("there", "here"), "participant": 1},
        {"schedule": Schedule(max_runs=1)},
    ],
)
def test_others_count_each_run_as_it_begins(changes: dict[str, Any]) -> None:
    one = task(**{"schedule": Schedule(repeat=seconds(EVERY)), **changes})

    assert not one.counts_together
    assert one.is_counted_by_itself(NOON)

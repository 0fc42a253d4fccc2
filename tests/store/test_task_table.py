"""Tasks, written and read back, on moto."""

import datetime as dt

import pytest

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.repeat import Progress, Schedule
from chalicelib.domain.task import HORIZON, KEEP_AFTER_LAST_RUN, Task
from chalicelib.store import shards, task_table
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NODE, NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("moto_engine")


def stored(one: Task) -> Task:
    commit(Booking(None, one, ()), NOON)
    return one


def due_everywhere(now: dt.datetime) -> list[str]:
    return [uuid for shard in shards.every() for _, uuid in task_table.due(shard, now, 10)]


def test_a_task_comes_back_as_it_went_in() -> None:
    one = task(
        schedule=Schedule(at(9), seconds(60), True, seconds(600), "* * * * *", at(9000), 7),
        progress=Progress(2, at(9), at(12)),
        participants=("here", "there"),
        participant=1,
        participant_key="secret",
        post=seconds(1),
        cli=["--duration", "PT2S"],
        diags="fine",
        limit_diags="none",
        runs_started=1,
        plan_at=at(30),
    )

    stored(one)

    assert task_table.get(NODE, one.uuid) == one


def test_a_task_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound, match="no-such"):
        task_table.get(NODE, "no-such")


def test_a_uuid_is_taken_once() -> None:
    one = stored(task())

    with pytest.raises(Conflict):
        commit(Booking(None, one, ()), NOON)


def test_tasks_are_listed_in_the_order_they_were_added() -> None:
    later, sooner = stored(task(added=at(2))), stored(task(added=at(1)))

    assert [one.uuid for one in task_table.every(NODE)] == [sooner.uuid, later.uuid]


def test_the_planner_sees_a_task_once_its_time_has_come() -> None:
    one = stored(task(plan_at=at(60)))

    assert due_everywhere(at(59)) == []
    assert due_everywhere(at(60)) == [one.uuid]


def test_a_task_with_nothing_to_plan_is_with_the_reaper_until_it_may_be_forgotten() -> None:
    one = stored(task(plan_at=None))

    assert due_everywhere(NOON + HORIZON) == []
    assert task_table.get(NODE, one.uuid).plan_at is None
    assert [
        found
        for shard in shards.every()
        for found in task_table.expired(shard, NOON + KEEP_AFTER_LAST_RUN, 10)
    ] == [(NODE, one.uuid)]


def test_a_disabled_task_is_planned_no_more() -> None:
    one = stored(task(plan_at=NOON))

    task_table.disable(one, NOON)

    assert due_everywhere(at(60)) == []
    assert not task_table.get(NODE, one.uuid).enabled


def test_disabling_twice_is_a_conflict_and_changes_nothing() -> None:
    one = stored(task(plan_at=NOON))
    task_table.disable(one, NOON)

    with pytest.raises(Conflict):
        task_table.disable(one, NOON)


def test_a_plan_made_on_what_is_no_longer_true_is_refused() -> None:
    one = stored(task(plan_at=NOON, schedule=Schedule(repeat=seconds(60))))
    commit(Booking(one, one.counting([NOON], NOON), ()), NOON)

    with pytest.raises(Conflict):
        task_table.replan(one.evolve(plan_at=at(1)), NOON)


def test_a_task_is_forgotten_only_as_it_was_read() -> None:
    one = stored(task())
    changed = one.evolve(progress=Progress(1))

    with pytest.raises(Conflict):
        task_table.delete(changed)
    task_table.delete(one)

    with pytest.raises(NotFound):
        task_table.get(NODE, one.uuid)


def test_started_runs_are_counted() -> None:
    one = stored(task())

    task_table.count_started(one)
    task_table.count_started(one)

    assert task_table.get(NODE, one.uuid).runs_started == 2


def test_many_are_read_at_once_without_those_that_are_gone() -> None:
    one, other = stored(task()), stored(task())

    assert set(task_table.get_many(NODE, [one.uuid, "gone", other.uuid, one.uuid])) == {one.uuid, other.uuid}

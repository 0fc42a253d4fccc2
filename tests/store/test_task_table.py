"""Tasks, written and read back."""

import datetime as dt

import pytest

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName
from chalicelib.domain.repeat import Progress, Schedule
from chalicelib.domain.task import HORIZON, KEEP_AFTER_LAST_RUN, Task
from chalicelib.store import changes, shards, task_table
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NODE, NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")


def stored(one: Task) -> Task:
    commit(Booking(None, one, ()), NOON)
    return one


def due_everywhere(now: dt.datetime) -> list[str]:
    return [uuid for shard in shards.every() for _, uuid in task_table.due(shard, now, 10)]


def test_a_task_that_is_not_there_is_not_found() -> None:
    for look in (task_table.get, task_table.glance, task_table.find):
        with pytest.raises(NotFound, match="There is no task no-such"):
            look(NODE, "no-such")


def test_a_uuid_is_taken_once() -> None:
    one = stored(task())

    with pytest.raises(Conflict):
        commit(Booking(None, one, ()), NOON)


def test_tasks_are_listed_in_the_order_they_were_added() -> None:
    later, sooner = stored(task(added=at(2))), stored(task(added=at(1)))

    assert [one.uuid for one in task_table.every(NODE)] == [sooner.uuid, later.uuid]
    assert [one.uuid for one in task_table.every(NODE, (at(1), sooner.uuid), 1)] == [later.uuid]
    assert list(task_table.every(NodeName("another"))) == []


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


def test_tasks_wait_for_the_planner_the_longest_waiting_first_and_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shards, "of", lambda uuid: 1)
    late, early, middle = (stored(task(plan_at=at(second))) for second in (9, 5, 7))

    assert task_table.due(1, at(9), 2) == [(NODE, early.uuid), (NODE, middle.uuid)]
    assert task_table.due(1, at(9), 9)[2:] == [(NODE, late.uuid)]
    assert task_table.due(0, at(9), 9) == task_table.expired(1, at(9), 9) == []


def test_why_a_task_waits_is_stored_until_it_waits_for_something_else() -> None:
    one = stored(task(plan_at=NOON, schedule=Schedule(repeat=seconds(60))))

    leased = task_table.lease(one.evolve(plan_reason="why"), at(120), NOON)
    assert (task_table.get(NODE, one.uuid).plan_at, leased.plan_at) == (at(120), at(120))
    assert task_table.get(NODE, one.uuid).plan_reason == "why"

    task_table.replan(leased.evolve(plan_at=at(30), plan_reason=None), NOON)
    assert task_table.get(NODE, one.uuid) == one.evolve(plan_at=at(30))


def test_a_disabled_task_is_planned_no_more() -> None:
    one = stored(task(plan_at=NOON))

    task_table.disable(one, NOON)

    assert due_everywhere(at(60)) == []
    assert not task_table.get(NODE, one.uuid).enabled


def test_disabling_twice_is_a_conflict_and_changes_nothing() -> None:
    one = stored(task(plan_at=NOON))
    task_table.disable(one, NOON)

    with pytest.raises(Conflict, match=f"Task {one.uuid} changed meanwhile"):
        task_table.disable(one, NOON)


def test_a_plan_made_on_what_is_no_longer_true_is_refused() -> None:
    one = stored(task(plan_at=NOON, schedule=Schedule(repeat=seconds(60))))
    commit(Booking(one, one.counting([NOON], NOON), ()), NOON)

    with pytest.raises(Conflict, match=f"Task {one.uuid} changed meanwhile"):
        task_table.replan(one.evolve(plan_at=at(1)), NOON)


def test_a_task_is_forgotten_only_as_it_was_read() -> None:
    one = stored(task())
    changed = one.evolve(progress=Progress(1))

    with pytest.raises(Conflict, match=f"Task {one.uuid} changed meanwhile"):
        task_table.delete(changed)
    task_table.delete(one)

    with pytest.raises(NotFound):
        task_table.get(NODE, one.uuid)


def test_started_runs_are_counted() -> None:
    one = stored(task())

    task_table.count_started(one)
    task_table.count_started(one)

    assert task_table.get(NODE, one.uuid).runs_started == 2
    with pytest.raises(Conflict, match="Task gone changed meanwhile"):
        task_table.count_started(task(uuid="gone"))


def test_those_that_began_are_counted_from_where_they_were() -> None:
    one = stored(task(started_until=at(5), runs_started=2))
    counted = one.evolve(started_until=at(9), runs_started=6)

    task_table.count_together(one, one.evolve(runs_started=9))  # up to no other instant: nothing is counted
    assert task_table.get(NODE, one.uuid).runs_started == 2
    task_table.count_together(one, counted)

    assert task_table.get(NODE, one.uuid) == counted
    for stale in (one, one.evolve(started_until=None)):
        with pytest.raises(Conflict, match=f"Task {one.uuid} changed meanwhile"):
            task_table.count_together(stale, counted.evolve(started_until=at(20)))
    task_table.count_together(counted, counted.evolve(started_until=None))
    assert task_table.get(NODE, one.uuid).started_until is None


def test_whoever_waits_hears_that_a_task_is_disabled_and_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    one = stored(task())
    heard: list[tuple[Task, str]] = []
    monkeypatch.setattr(changes, "task_changed", lambda *what: heard.append(what))

    off = task_table.disable(one, NOON)
    task_table.delete(off)

    assert heard == [(off, "disabled"), (off, "deleted")]
    assert off == one.evolve(enabled=False)


def test_many_are_read_at_once_without_those_that_are_gone() -> None:
    one, other = stored(task()), stored(task())

    assert set(task_table.get_many(NODE, [one.uuid, "gone", other.uuid, one.uuid])) == {one.uuid, other.uuid}

import datetime as dt
import itertools
from typing import Any

import pytest

from chalicelib.domain.messages import PlanShard
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.task import Task
from chalicelib.infrastructure import queues
from chalicelib.service.coordination import participation, probe, shard_planner
from chalicelib.service.node import heartbeats
from chalicelib.service.peers.peer_client import Deadline
from chalicelib.service.scheduling import placement
from chalicelib.store import node_table, run_table, task_table
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NODE, NOON, at, exclusive_task, seconds

pytestmark = pytest.mark.usefixtures("empty_aws")

NUMBERS = itertools.count()
TWO_A_DAY = Schedule(start=at(60), repeat=seconds(43200))


def stored(shard: int, **changes: Any) -> Task:
    """A task of a shard whose runs are all still to be placed."""
    uuid = f"{shard:08x}-0000-4000-8000-{next(NUMBERS):012x}"
    task = exclusive_task(uuid=uuid, schedule=TWO_A_DAY, **changes).replanned(NOON)
    commit(Booking(None, task, ()), NOON)
    return task


def count(task: Task) -> int:
    return len(list(run_table.in_order(NODE, task.uuid)))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr(queues, "send_many", lambda queue, messages: found.extend(messages))
    return found


def test_the_tick_tells_of_the_shards_that_have_something_due(sent: list[Any]) -> None:
    stored(shard=1)
    stored(shard=3)

    shard_planner.tick(NOON)

    assert [message for message, _ in sent] == [PlanShard(NODE, 1), PlanShard(NODE, 3)]


def test_a_planner_places_what_its_shard_wants_and_no_more() -> None:
    mine, others = stored(shard=1), stored(shard=2)

    planned = shard_planner.plan_shard(1, NOON)

    assert planned == 1
    assert (count(mine), count(others)) == (2, 0)
    assert shard_planner.plan_shard(1, NOON) == 0


def test_a_shard_that_somebody_plans_is_left_to_them() -> None:
    task = stored(shard=1)
    node_table.acquire(NODE, "plan-shard-1", NOON, NOON + shard_planner.SHARD_LEASE)

    assert shard_planner.plan_shard(1, at(1)) == 0
    assert count(task) == 0


def test_a_planner_that_died_is_followed_by_another() -> None:
    task = stored(shard=1)
    node_table.acquire(NODE, "plan-shard-1", NOON, NOON + shard_planner.SHARD_LEASE)

    shard_planner.plan_shard(1, NOON + shard_planner.SHARD_LEASE + dt.timedelta(seconds=1))

    assert count(task) > 0


def test_what_there_is_no_time_for_keeps_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    task = stored(shard=1)
    monkeypatch.setattr(shard_planner, "SECONDS_PER_SHARD", 0.0)

    shard_planner.plan_shard(1, NOON)

    assert count(task) == 0
    assert task_table.due(1, NOON, 10) == [(NODE, task.uuid)]


def test_a_task_that_cannot_be_planned_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    unresponsive, well = stored(shard=1), stored(shard=1)
    place = placement.place_next

    def place_or_break(task: Task, now: dt.datetime) -> Any:
        if task.uuid == unresponsive.uuid:
            raise ZeroDivisionError
        return place(task, now)

    monkeypatch.setattr(placement, "place_next", place_or_break)

    shard_planner.plan_shard(1, NOON)

    assert (count(unresponsive), count(well)) == (0, 2)
    assert task_table.due(1, NOON, 10) == []  # it is looked at again, but later
    assert (NODE, unresponsive.uuid) in task_table.due(1, NOON + 2 * shard_planner.BACK_OFF, 10)


def test_the_tick_counts_shards_and_is_a_sign_of_life(sent: list[Any]) -> None:
    for shard in (0, 0, 2):
        stored(shard=shard)

    assert shard_planner.tick(NOON) == 2
    assert [delay for _, delay in sent] == [seconds(0)] * 2
    assert heartbeats.describe(NODE, NOON)["services"]["scheduler"]["last"] == "2026-11-23T12:00:00+00:00"


def test_a_cancelled_task_loses_the_runs_it_still_has() -> None:
    task = stored(shard=1)
    shard_planner.plan_shard(1, NOON)
    task_table.disable(task_table.get(NODE, task.uuid), NOON)

    shard_planner.plan_task(NODE, task.uuid, NOON)

    assert count(task) == 0


def test_what_takes_waiting_is_given_to_who_asks_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(Deadline, "spent", property(lambda deadline: 4.0))
    monkeypatch.setattr(probe, "delegate", lambda *given: told.append(given))
    one, other = (stored(shard=1, participants=("a", name), participant_key="k") for name in "bc")
    own = stored(shard=1)

    assert shard_planner.plan_shard(1, at(1)) == 3

    ((shard, wanting, now),) = told
    assert shard == 1
    assert sorted(each.uuid for each in wanting) == sorted((one.uuid, other.uuid))
    assert now == at(1 + 4)
    assert count(own) == 2


def test_a_task_that_is_gone_is_not_planned(caplog: pytest.LogCaptureFixture) -> None:
    uuid = exclusive_task().uuid

    with caplog.at_level("INFO"):
        shard_planner.plan_task(NODE, uuid, NOON)

    assert caplog.messages == [f"Task {uuid} is gone"]


@pytest.mark.parametrize("plan_at", [NOON, None])
def test_a_task_that_cannot_be_planned_is_left_alone_for_a_minute_if_it_is_to_be_planned(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, plan_at: dt.datetime | None
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    task = stored(shard=1)
    task_table.replan(task.evolve(plan_at=plan_at), NOON)
    monkeypatch.setattr(participation, "of", broken)

    shard_planner.plan_task(NODE, task.uuid, at(5))

    assert task_table.get(NODE, task.uuid).plan_at == (at(65) if plan_at else None)
    assert f"Task {task.uuid} could not be planned" in caplog.messages
    task_table.delete(task)
    with caplog.at_level("INFO"):
        shard_planner._postpone(NODE, task.uuid, NOON)
    assert f"Task {task.uuid} changed meanwhile" in caplog.messages


def test_a_planner_looks_up_so_many_and_works_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    spent, told = [0.0], []
    monkeypatch.setattr(Deadline, "spent", property(lambda deadline: spent[0]))
    monkeypatch.setattr(Deadline, "left", property(lambda deadline: 2 - spent[0]))

    def plan(node: str, uuid: str, now: dt.datetime, *more: Any) -> None:
        told.append((uuid, now))
        spent[0] += 1

    monkeypatch.setattr(shard_planner, "plan_task", plan)
    tasks = [stored(shard=1) for _ in range(3)]

    assert shard_planner.plan_shard(1, NOON) == 2
    assert [now for _, now in told] == [at(0), at(1)]
    spent[0] = 0.0
    monkeypatch.setattr(shard_planner, "TASKS_PER_SHARD", 1)
    assert shard_planner.plan_shard(1, NOON) == 1
    assert {uuid for uuid, _ in told} <= {task.uuid for task in tasks}

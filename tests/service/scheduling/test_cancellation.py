"""Cancelling a task: what of its runs is forgotten, what is stopped, and what is left for later."""

import logging
from typing import Any

import pytest

from chalicelib.domain.errors import NotFound
from chalicelib.domain.messages import PlanTask
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.infrastructure import queues
from chalicelib.service.scheduling import cancellation
from chalicelib.store import outbox_table, run_items, run_table, task_items, task_table
from tests.builders import NODE, NOON, run, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture
def owner() -> Task:
    one = task(schedule=Schedule(repeat=seconds(60)), duration=seconds(30))
    task_items.to_item(one, NOON).save()
    return one


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is left to the planner's queue."""
    sent: list[Any] = []
    monkeypatch.setattr(queues, "send", lambda queue, message, *more: sent.append((queue, message)))
    return sent


def stored(owner: Task, start: float, **changes: Any) -> Run:
    one = run(owner, start, **changes)
    run_items.to_item(one).save()
    return one


def state(one: Run) -> State | None:
    """How it is stored now; None where it is forgotten."""
    try:
        return run_table.get(NODE, one.task, one.uuid).state
    except NotFound:
        return None


@pytest.mark.parametrize(
    ("start", "was", "then"),
    [
        (1, State.PENDING, None),  # it has not begun
        (0, State.PENDING, State.CANCELED),  # it begins this second
        (-1, State.PENDING, State.CANCELED),
        (-1, State.ON_DECK, State.CANCELED),
        (-1, State.RUNNING, State.CANCELED),
        (1, State.RUNNING, State.CANCELED),  # its tool was started early
        (1, State.NONSTART, None),
        (-1, State.NONSTART, State.NONSTART),  # how it ended is how it stays
        (-1, State.FINISHED, State.FINISHED),
        (-1, State.FAILED, State.FAILED),
        (-1, State.MISSED, State.MISSED),
    ],
)
def test_a_run_under_way_is_stopped_and_one_to_come_is_forgotten(
    owner: Task, start: float, was: State, then: State | None
) -> None:
    one = stored(owner, start, state=was)

    cancellation.cancel_run(owner, one.uuid, NOON)

    assert state(one) is then


def test_a_run_that_was_stopped_says_why(owner: Task) -> None:
    one = stored(owner, -1, state=State.RUNNING)

    cancellation.cancel_run(owner, one.uuid, NOON)

    assert run_table.get(NODE, owner.uuid, one.uuid).documents.reason == cancellation.CANCELED.describe()


@pytest.mark.parametrize(
    ("start", "then"),
    [(-31, State.PENDING), (-30, State.CANCELED), (-1, State.CANCELED), (1, None)],  # runs take 30 seconds
)
def test_a_sweep_reaches_back_to_runs_that_may_not_be_over(
    owner: Task, start: float, then: State | None
) -> None:
    one = stored(owner, start)

    assert cancellation.sweep(owner, NOON) is True

    assert state(one) is then


@pytest.mark.parametrize(("runs", "done", "left"), [(2, True, 0), (3, False, 0), (5, False, 2)])
def test_a_sweep_deals_with_so_many_runs_and_says_whether_there_may_be_more(
    owner: Task, runs: int, done: bool, left: int
) -> None:
    ahead = [stored(owner, 60 * number) for number in range(1, runs + 1)]

    assert cancellation.sweep(owner, NOON, 3) is done

    assert [one for one in ahead if state(one)] == ahead[runs - left :]


def test_runs_that_are_cancelled_already_do_not_count(owner: Task) -> None:
    for second in (-3, -2, -1):
        stored(owner, second, state=State.CANCELED)
    ahead = stored(owner, 60)

    cancellation.sweep(owner, NOON, 1)

    assert state(ahead) is None


def test_a_task_that_is_cancelled_is_disabled_and_says_why(owner: Task, announced: list[Any]) -> None:
    stored(owner, 60)

    cancellation.cancel_task(owner, NOON, "Its time is over")

    after = task_table.get(NODE, owner.uuid)
    assert (after.enabled, after.plan_reason) == (False, "Its time is over")
    assert announced == []


def test_runs_beyond_those_dealt_with_at_once_are_left_to_the_planner(
    owner: Task, announced: list[Any]
) -> None:
    ahead = [stored(owner, 60 * number) for number in (1, 2, 3)]

    cancellation.cancel_task(owner, NOON, at_once=2)

    assert [state(one) for one in ahead] == [None, None, State.PENDING]
    assert announced == [(queues.PLAN, PlanTask(NODE, owner.uuid))]


@pytest.mark.parametrize(
    ("start", "was", "then"),
    [
        (-60, State.FINISHED, None),
        (-60, State.FAILED, None),
        (-1, State.RUNNING, State.CANCELED),
        (-1, State.CLEANUP, State.CLEANUP),  # its tool is over, and being cleared up after
        (60, State.PENDING, None),
    ],
)
def test_deleting_a_run_forgets_it_unless_it_is_under_way(
    owner: Task, start: float, was: State, then: State | None
) -> None:
    one = stored(owner, start, state=was)

    cancellation.delete_run(owner, one.uuid, NOON)

    assert state(one) is then


def test_a_run_that_is_gone_is_cancelled_already(owner: Task) -> None:
    cancellation.cancel_run(owner, "no-such-run", NOON)

    assert list(run_table.in_order(NODE, owner.uuid)) == []


def test_others_are_told_to_cancel_it_too(owner: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(cancellation.outbox, "announce", lambda *what: told.append(what))

    cancellation.cancel_task(owner, NOON, tell=["b.example.org", "c.example.org"])

    ((node, uuids),) = told
    asked = [outbox_table.get(NODE, uuid) for uuid in uuids]
    assert node == NODE
    assert [(each.method, each.host, each.path, each.added) for each in asked] == [
        ("DELETE", host, f"/tasks/{owner.uuid}", NOON) for host in ("b.example.org", "c.example.org")
    ]


def test_a_task_that_somebody_else_cancelled_is_swept_all_the_same(
    owner: Task, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, cancellation.LOG.name)
    ahead = stored(owner, 60)
    task_table.disable(owner, NOON)

    cancellation.cancel_task(owner, NOON)

    assert state(ahead) is None
    line = f"Task {owner.uuid} was cancelled by somebody else"
    assert [record.message for record in caplog.records] == [line]

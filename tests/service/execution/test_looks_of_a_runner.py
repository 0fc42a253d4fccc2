"""What a runner reads, which may be a moment behind on AWS: what that costs, and that it decides nothing."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from bench.capacity_units import counted
from chalicelib.domain.errors import NotFound
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.execution import runner, supervisor
from chalicelib.service.node import heartbeats
from chalicelib.service.scheduling import cancellation
from chalicelib.service.scheduling.placement import place_next
from chalicelib.store import run_table, task_table
from chalicelib.store.transactions.booking import New
from tests.builders import NODE, NOON, at, task
from tests.service.machines import FakeMachine, perform_all

pytestmark = pytest.mark.usefixtures("sqlite_engine")


def placed() -> tuple[Task, Run]:
    one = task(schedule=Schedule(start=at(30), max_runs=1))
    return one, place_next(one.replanned(NOON), NOON, New()).runs[0]


def performed(owner: Task, run: Run) -> Run:
    perform_all(NODE, owner.uuid, run.uuid, FakeMachine(at(29)))
    return run_table.get(NODE, owner.uuid, run.uuid)


def test_a_run_begins_for_half_a_unit_each_of_its_task_itself_and_whether_the_node_is_paused() -> None:
    owner, run = placed()

    with counted() as cost:
        runner._take_at_a_glance(NODE, owner.uuid, run.uuid, FakeMachine(at(29)))

    assert cost.reads == 1.5
    assert run_table.get(NODE, owner.uuid, run.uuid).state is State.RUNNING


def is_not_there(*_: Any) -> Any:
    raise NotFound("not there yet")


def test_what_a_look_does_not_find_yet_is_performed(monkeypatch: pytest.MonkeyPatch) -> None:
    for table in (task_table, run_table):
        owner, run = placed()
        with monkeypatch.context() as patch:
            patch.setattr(table, "glance", is_not_there)
            assert performed(owner, run).state is State.FINISHED


@pytest.mark.parametrize(
    "older",
    [
        lambda run: run.evolve(awaiting=True),
        lambda run: dataclasses.replace(run, state=State.SCHEDULING),
        lambda run: run.evolve(revision=run.revision - 1),
    ],
)
def test_a_run_that_looks_as_it_was_before_is_performed_as_it_is(
    older: Callable[[Run], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, run = placed()
    run = run_table.change(run)
    monkeypatch.setattr(run_table, "glance", lambda *_: older(run))

    assert performed(owner, run).state is State.FINISHED


def test_a_run_that_is_over_and_looks_as_if_it_were_to_come_is_not_performed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner, run = placed()
    over = performed(owner, run)
    monkeypatch.setattr(run_table, "glance", lambda *_: run)

    assert performed(owner, run) == over
    assert task_table.get(NODE, owner.uuid).runs_started == 1


def test_a_run_that_was_cancelled_and_looks_as_if_it_were_to_come_is_not_performed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner, run = placed()
    before = task_table.get(NODE, owner.uuid)
    cancellation.cancel_task(before, NOON)
    monkeypatch.setattr(task_table, "glance", lambda *_: before)
    monkeypatch.setattr(run_table, "glance", lambda *_: run)

    perform_all(NODE, owner.uuid, run.uuid, FakeMachine(at(29)))

    assert run_table.first(NODE, owner.uuid) is None


def test_a_run_at_work_is_looked_at_for_half_a_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    owner, run = placed()
    begun = run_table.change(run.evolve(state=State.RUNNING))

    with counted() as cost:
        held = supervisor._held(owner, begun, at(35))

    assert (held, cost.reads) == (begun, 0.5)


@pytest.mark.parametrize("glance", [is_not_there, lambda *_: placed()[1]])
def test_a_tool_is_not_stopped_because_its_run_looks_as_it_was_before_it_began(
    glance: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, run = placed()
    begun = run_table.change(run.evolve(state=State.RUNNING))
    monkeypatch.setattr(run_table, "glance", glance)

    assert supervisor._held(owner, begun, at(35)) == begun


def test_a_run_that_was_cancelled_is_held_no_more() -> None:
    owner, run = placed()
    begun = run_table.change(run.evolve(state=State.RUNNING))
    run_table.change(begun.evolve(state=State.CANCELED))

    assert supervisor._held(owner, begun, at(35)) is None


@pytest.fixture(autouse=True)
def _nothing_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "_noted", {})

"""Runs on which nobody came to agree: made non-starters, or planned anew."""

import logging
from typing import Any

import pytest

from chalicelib.domain.conflicts import Range
from chalicelib.domain.errors import NotFound
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run, occupation
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.coordination import participation
from chalicelib.service.execution import run_expiry
from chalicelib.store import run_table, task_table, timeline
from chalicelib.store.transactions.booking import Booking, Time, commit
from tests.builders import NODE, NOON, at, exclusive_task, run, seconds

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture
def withdrawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The runs that others were told to forget."""
    told: list[Any] = []
    monkeypatch.setattr(
        participation, "of", lambda task: type("All", (), {"withdraw": lambda _, *what: told.append(what)})()
    )
    return told


def stored(**changes: Any) -> tuple[Task, Run]:
    """A task of two, and a run on which they were to agree."""
    owner = exclusive_task(participants=("a", "b"), **changes)
    one = run(owner, 60, state=State.SCHEDULING if owner.is_lead else State.PENDING, awaiting=True)
    taken = occupation(one, owner)
    assert taken is not None
    guards = timeline.snapshot(NODE, [Range(one.start, one.end)]).guards
    after = owner.counting([one.start], NOON)
    commit(Booking(None, after, [one], [Time(taken, guards)]), NOON)
    return after, one


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"participant": 1}, "not-agreed"),
        ({"schedule": Schedule(repeat=seconds(60))}, "interrupted"),
        ({"enabled": False}, "interrupted"),
    ],
)
def test_a_run_on_which_nobody_agreed_gives_back_its_time_and_says_why(
    withdrawn: list[Any], changes: dict[str, Any], code: str
) -> None:
    owner, one = stored(**changes)

    run_expiry.give_up(owner, one, at(70))

    found = run_table.get(NODE, owner.uuid, one.uuid)
    assert (found.state, found.documents.reason["code"]) == (State.NONSTART, code)
    assert timeline.read_entries(NODE, at(0), at(600)) == []
    assert withdrawn == ([(one, at(70))] if owner.is_lead else [])


def test_the_only_run_of_a_task_is_planned_anew(withdrawn: list[Any]) -> None:
    owner, one = stored(schedule=Schedule(start=at(60), slip=seconds(600), max_runs=1))

    run_expiry.give_up(owner, one, at(70))

    with pytest.raises(NotFound):
        run_table.get(NODE, owner.uuid, one.uuid)
    again = task_table.get(NODE, owner.uuid)
    assert (again.progress.runs, again.plan_at) == (0, at(70))
    assert timeline.read_entries(NODE, at(0), at(600)) == []
    assert withdrawn == [(one, at(70))]


@pytest.mark.parametrize(("late", "state"), [(1260, None), (1261, State.NONSTART)])
def test_the_only_run_of_a_task_is_not_planned_anew_without_end(
    withdrawn: list[Any], late: float, state: State | None
) -> None:
    owner, one = stored(schedule=Schedule(start=at(60), slip=seconds(600), max_runs=1))

    run_expiry.give_up(owner, one, at(late))

    assert [run.state for run in run_table.in_order(NODE, owner.uuid)] == ([state] if state else [])
    assert withdrawn == [(one, at(late))]


def test_one_of_two_runs_is_not_planned_anew(withdrawn: list[Any]) -> None:
    owner, one = stored()
    twice = owner.counted([at(600)])
    commit(Booking(owner, twice, ()), NOON)

    run_expiry.give_up(twice, one, at(70))

    assert run_table.get(NODE, owner.uuid, one.uuid).state is State.NONSTART
    assert task_table.get(NODE, owner.uuid).progress.runs == 2


def test_a_run_of_a_task_that_changed_meanwhile_is_no_run_all_the_same(
    withdrawn: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    owner, one = stored()
    commit(Booking(owner, owner.counted([at(600)]), ()), NOON)

    run_expiry.give_up(owner, one, at(70))

    assert run_table.get(NODE, owner.uuid, one.uuid).state is State.NONSTART
    why = "Something changed while the run was being taken back"
    assert f"Run {one.uuid} cannot be taken back: {why}" in [record.message for record in caplog.records]

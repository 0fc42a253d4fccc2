"""Whose a run is while its tool works: until when, and what is left of it for another runner."""

import datetime as dt
import logging
import types
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.execution import supervisor
from chalicelib.service.execution.supervisor import RUN_LEASE
from chalicelib.service.scheduling import dispatch
from chalicelib.settings import forget_settings
from chalicelib.store import run_table
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NODE, NOON, at, run, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")

STREAMS = {"scheduling_class": "background-multi", "duration": seconds(600)}
HALF = RUN_LEASE / 2


def stored(owner: Task, **changes: Any) -> Run:
    one = run(owner, **{"state": State.RUNNING, "began": True, "dispatched": True, **changes})
    commit(Booking(None, owner, [one]), NOON)
    return one


@pytest.fixture
def lifetime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Have a runner live for so many seconds."""

    def live(count: int) -> None:
        monkeypatch.setenv("PSCHEDULER_LONGEST_RUN", str(count))
        forget_settings()

    yield live
    monkeypatch.undo()
    forget_settings()


def test_a_run_that_streams_is_on_lease_and_others_are_not() -> None:
    assert supervisor.lease(task(**STREAMS), run(task()), NOON) == NOON + RUN_LEASE
    assert supervisor.lease(task(), run(task()), NOON) is None


@pytest.mark.parametrize(
    ("count", "changes", "end"), [(240, STREAMS, at(240)), (0, STREAMS, None), (240, {}, None)]
)
def test_a_runner_that_lives_only_so_long_hands_over_what_streams(
    lifetime: Any, count: int, changes: dict[str, Any], end: dt.datetime | None
) -> None:
    lifetime(count)

    assert supervisor._end_of_life(task(**changes), NOON) == end


@pytest.mark.parametrize(
    ("changes", "is_held"),
    [
        ({}, True),
        ({"state": State.CANCELED}, False),
        ({"leased_until": at(91)}, False),  # another runner has it
        ({"leased_until": None}, False),
    ],
)
def test_a_run_on_lease_is_its_runners_as_it_was_leased(changes: dict[str, Any], is_held: bool) -> None:
    owner = task(**STREAMS)
    known = stored(owner, leased_until=at(90))
    now_stored = run_table.change(known.evolve(**changes)) if changes else known

    assert supervisor._held(owner, known, NOON) == (now_stored if is_held else None)


@pytest.mark.parametrize(("before_its_end", "is_renewed"), [(HALF, False), (HALF - seconds(0.001), True)])
def test_a_lease_is_renewed_when_half_of_it_is_over(before_its_end: dt.timedelta, is_renewed: bool) -> None:
    owner = task(**STREAMS)
    known = stored(owner, leased_until=at(90))
    now = at(90) - before_its_end

    held = supervisor._held(owner, known, now)

    assert held is not None
    assert held.leased_until == (now + RUN_LEASE if is_renewed else at(90))
    assert run_table.get(NODE, owner.uuid, known.uuid) == held


@pytest.mark.parametrize(
    ("state", "is_held"), [(State.RUNNING, True), (State.CANCELED, False), (State.OVERDUE, False)]
)
def test_a_run_that_streams_nothing_is_its_runners_while_it_goes_on(state: State, is_held: bool) -> None:
    owner = task()
    known = stored(owner)
    if state is not State.RUNNING:
        run_table.change(known.evolve(state=state))

    assert supervisor._held(owner, known, NOON) is (known if is_held else None)


@pytest.mark.parametrize("changes", [{}, STREAMS])
def test_a_run_that_is_gone_is_nobodys(changes: dict[str, Any]) -> None:
    owner = task(**changes)

    assert supervisor._held(owner, run(owner, state=State.RUNNING), NOON) is None


@pytest.mark.parametrize(
    ("is_alive", "is_changed", "is_sent"), [(False, False, True), (True, False, False), (False, True, False)]
)
def test_the_rest_of_a_run_is_handed_over_once_its_tool_has_stopped(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    is_alive: bool,
    is_changed: bool,
    is_sent: bool,
) -> None:
    caplog.set_level(logging.INFO, supervisor.LOG.name)
    sent: list[Any] = []
    monkeypatch.setattr(dispatch, "hand_over", lambda *what: sent.append(what))
    owner = task(**STREAMS)
    known = stored(owner, leased_until=at(90))
    if is_changed:
        run_table.change(known.evolve(state=State.CANCELED))
    tool: Any = types.SimpleNamespace(is_alive=lambda: is_alive, came_to=at(60))

    supervisor._hand_over(known, tool)

    assert sent == ([(known, at(60))] if is_sent else [])
    line = f"Run {known.uuid} was cancelled, or taken over"
    assert (line in [record.message for record in caplog.records]) is is_changed
    found = run_table.get(NODE, owner.uuid, known.uuid)
    assert (found.leased_until == at(60)) is is_sent

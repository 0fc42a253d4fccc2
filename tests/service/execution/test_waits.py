"""Runs that only wait: what is done once their message comes, and when it comes again."""

import datetime as dt
import logging
from typing import Any

import pytest

from chalicelib.domain.assignment import LocalResult
from chalicelib.domain.messages import EndWait
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.coordination import collection
from chalicelib.service.execution import results, waits
from chalicelib.service.scheduling import dispatch
from chalicelib.store.transactions.booking import Booking, commit
from plugins import registry
from tests.builders import NODE, NOON, at, run, task
from tests.service.machines import FakeMachine

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is done: runs concluded, merged, or sent once more."""
    steps: list[Any] = []

    def noting(name: str) -> Any:
        return lambda *what: steps.append((name, *what))

    monkeypatch.setattr(dispatch, "send_when_over", noting("send"))
    monkeypatch.setattr(results, "conclude", noting("conclude"))
    monkeypatch.setattr(results, "merge", noting("merge"))
    return steps


def stored(**changes: Any) -> tuple[Task, Run]:
    owner = task(**changes.pop("owner", {}))
    one = run(owner, **{"dispatched": True, **changes})
    commit(Booking(None, owner, [one]), NOON)
    return owner, one


def message(one: Run, until: dt.datetime) -> EndWait:
    return EndWait(NODE, one.task, one.uuid, until, "diags", "lane")


@pytest.mark.parametrize(("now", "until"), [(-5, 2), (1, 3)])
def test_what_idles_is_waited_for_from_its_start_or_from_now(
    done: list[Any], now: float, until: float
) -> None:
    owner, one = stored()

    assert waits.begin(owner, one, at(now))

    assert done == [("send", one, at(until))]


@pytest.mark.parametrize(
    "changes", [{"contexts": {"schema": 1, "contexts": [[]]}}, {"tool": "passthrough"}, {"tool": "sleepbgm"}]
)
def test_what_has_something_to_do_is_not_waited_for(done: list[Any], changes: dict[str, Any]) -> None:
    owner, one = stored(owner={"document": {**task().document, **changes}})

    assert not waits.begin(owner, one, NOON)
    assert done == []


def test_a_tool_that_cannot_say_how_long_it_idles_is_performed(
    done: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    broken = {**task().document, "test": {"type": "idle", "spec": {}}}
    owner, one = stored(owner={"document": broken})

    assert not waits.begin(owner, one, NOON)
    assert [record.message for record in caplog.records] == ["The tool snooze does not say how long it idles"]


@pytest.mark.parametrize(("now", "is_early"), [(7.999, True), (8, False), (11, False)])
def test_a_message_that_comes_much_too_early_is_sent_again(
    done: list[Any], now: float, is_early: bool
) -> None:
    owner, one = stored(state=State.RUNNING)
    machine = FakeMachine(at(now))

    waits.end(message(one, at(10)), machine)

    if is_early:
        ((step, sent, until, diags),) = done
        assert (step, sent.uuid, until, diags) == ("send", one.uuid, at(10), "diags")
        return
    ((step, of, concluded, local, on),) = done
    assert (step, of, concluded.uuid, on) == ("conclude", owner, one.uuid, machine)
    assert local == LocalResult(registry.tools()["snooze"].idle({"duration": "PT2S"})[1])
    assert machine.now() == max(at(now), at(10))


@pytest.mark.parametrize(
    ("now", "is_awaited", "again"),
    [(10, True, 1), (3 + 15, True, 1), (3 + 15.001, True, 10), (10, False, None)],
)
def test_results_of_others_are_waited_for_ever_more_patiently(
    monkeypatch: pytest.MonkeyPatch, done: list[Any], now: float, is_awaited: bool, again: float | None
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(collection, "awaited", lambda *what: asked.append(what) or is_awaited)
    owner, one = stored(state=State.CLEANUP, errors="oh")
    machine = FakeMachine(at(now))

    waits.end(message(one, at(3)), machine)

    ((step, *what),) = done
    ((of, _, moment),) = asked
    assert (of, moment) == (owner, at(now))
    if again is None:
        assert (step, what[0], what[2]) == ("merge", owner, LocalResult(None, "oh", "diags"))
    else:
        assert (step, what[1:]) == ("send", [at(now + again), "diags"])


@pytest.mark.parametrize("state", [State.PENDING, State.FINISHED])
def test_a_run_that_does_not_wait_any_more_is_left_alone(
    done: list[Any], state: State, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    _, one = stored(state=state)
    gone = run(task())

    waits.end(message(one, NOON), FakeMachine(at(1)))
    waits.end(message(gone, NOON), FakeMachine(at(1)))

    assert done == []
    line = f"Nothing to wait for: There is no run {gone.uuid} of task {gone.task}"
    assert line in [record.message for record in caplog.records]

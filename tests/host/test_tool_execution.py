"""What a context reaches of a run, and what it does not."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.assignment import Assignment
from chalicelib.domain.schemas import JSON
from chalicelib.host.tool_execution import perform
from plugins import registry
from plugins.sdk.context import Context
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from tests.builders import NOON, run, task
from tests.service.machines import FakeMachine


def inside(contexts: list[str]) -> Any:
    section = {"contexts": [[{"context": name, "data": {}} for name in contexts]]}
    return task(document={**task().document, "schema": 2, "contexts": section})


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads that are within the context ``room`` now."""
    found: list[int] = []

    @contextlib.contextmanager
    def enter(data: JSON) -> Iterator[None]:
        found.append(threading.get_ident())
        try:
            yield
        finally:
            found.pop()

    room = Context(name="room", description="Remember who is in", data={1: {}}, enter=enter)
    monkeypatch.setattr(registry, "contexts", lambda: {**CONTEXTS, "room": room})
    return found


CONTEXTS = registry.contexts()


def test_the_tool_works_inside_and_its_results_are_taken_outside(
    entered: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def work(job: Job) -> JSON:
        seen["tool"] = (threading.get_ident(), list(entered))
        job.emit({"number": 1})
        return wrapped({})

    def emit(result: JSON) -> None:
        seen["emitted"] = (threading.get_ident(), result)

    snooze = dataclasses.replace(registry.tools()["snooze"], run=work)
    monkeypatch.setattr(registry, "tools", lambda: {"snooze": snooze})
    owner = inside(["room"])

    ended = perform(Assignment.of(owner, run(owner)), FakeMachine(NOON), emit)

    assert ended.succeeded
    thread, within = seen["tool"]
    assert within == [thread]
    assert seen["emitted"] != (thread, {"number": 1})
    assert seen["emitted"][1] == {"number": 1}
    assert entered == []


def test_a_result_that_cannot_be_taken_ends_the_tool(
    entered: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(job: Job) -> JSON:
        job.emit({})
        pytest.fail("it went on")

    def emit(result: JSON) -> None:
        raise PluginFailed("No room")

    snooze = dataclasses.replace(registry.tools()["snooze"], run=work)
    monkeypatch.setattr(registry, "tools", lambda: {"snooze": snooze})
    owner = inside(["room"])

    ended = perform(Assignment.of(owner, run(owner)), FakeMachine(NOON), emit)

    assert ended.result["error"] == "No room"


def test_a_context_that_cannot_be_made_fails_the_run_and_undoes_those_before(entered: list[int]) -> None:
    owner = inside(["room", "changefail"])

    ended = perform(Assignment.of(owner, run(owner)), FakeMachine(NOON), lambda result: None)

    assert "changefail" in str(ended.errors)
    assert entered == []


def test_what_is_private_in_a_spec_is_in_nothing_that_a_failed_tool_says(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spec = {"duration": "PT2S", "_key": "kanarienvogel77"}
    owner = task(document={**task().document, "test": {"type": "idle", "spec": spec}})
    for trouble in (
        PluginFailed("no kanarienvogel77", "kanarienvogel77"),
        ZeroDivisionError("kanarienvogel77"),
    ):

        def broken(job: Job, trouble: Exception = trouble) -> None:
            raise trouble

        tool = dataclasses.replace(registry.tools()["snooze"], run=broken)
        monkeypatch.setattr(registry, "tools", lambda tool=tool: {"snooze": tool})

        found = perform(Assignment.of(owner, run(owner)), FakeMachine(NOON), lambda result: None)

        monkeypatch.undo()
        assert "..." in str(found)
        assert "kanarienvogel77" not in str(found)
    assert "ZeroDivisionError" in caplog.text
    assert "kanarienvogel77" not in caplog.text

"""When a run is sent to its runner, and when its message is too late."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.messages import PerformRun
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run_states import State
from chalicelib.infrastructure import queues
from chalicelib.service.node import agent_bell, node_directory
from chalicelib.service.scheduling import dispatch
from chalicelib.settings import settings
from tests.builders import NODE, at, run, seconds, task


@pytest.mark.parametrize(("start", "is_imminent"), [(0, True), (179.9, True), (180, False), (600, False)])
def test_a_run_within_three_minutes_is_not_left_to_the_tick(start: float, is_imminent: bool) -> None:
    assert dispatch.is_imminent(at(start), at(0)) is is_imminent


def test_a_runner_hears_of_a_run_its_head_start_before() -> None:
    sent, when = dispatch.message(NODE, TaskId("task"), RunId("run"), at(60), "lane")

    assert sent == PerformRun(NODE, TaskId("task"), RunId("run"), start=at(60), lane="lane")
    assert at(60) - when == seconds(settings().head_start)


@pytest.mark.parametrize(
    ("start", "has_passed"),
    [(at(-5), False), (at(-5.1), True), (at(10), False), (None, False)],  # None: one that streams
)
def test_a_message_more_than_five_seconds_late_is_not_looked_at(
    start: dt.datetime | None, has_passed: bool
) -> None:
    late = PerformRun(NODE, TaskId("task"), RunId("run"), start=start)

    assert dispatch.has_passed(late, at(0)) is has_passed


@pytest.mark.parametrize(("said", "kept"), [(50_000, 50_000), (50_001, 50_000)])
def test_what_is_left_of_a_run_waits_for_its_instant_with_what_its_tool_said(
    said: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(queues, "send_at", lambda queue, messages: sent.extend((queue, *messages)))
    over = run(task(), 10, lane="lane")

    dispatch.send_when_over(over, at(70), "x" * said)

    queue, (message, when) = sent
    assert (queue, when) == (queues.RUNS, at(70))
    assert (message.node, message.task, message.run) == (NODE, over.task, over.uuid)
    assert (message.until, message.lane, len(message.diags)) == (at(70), "lane", kept)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What goes out: messages with their queue, and rings of agents' bells."""
    made: list[Any] = []
    monkeypatch.setattr(queues, "send", lambda queue, message: made.append((queue, message)))
    monkeypatch.setattr(queues, "announce_at", lambda queue, some: made.extend((queue, *one) for one in some))
    monkeypatch.setattr(agent_bell, "ring", lambda node, now: made.append((node, now)))
    monkeypatch.setattr(node_directory, "runs_at_agent", lambda node: node == AMS)
    return made


AMS = NodeName("ams.example.org")
HERE, THERE = task(), task(node=AMS)


def test_a_run_that_streams_is_handed_over_with_how_far_it_came(sent: list[Any]) -> None:
    one = run(HERE, 10, lane="lane")

    dispatch.hand_over(one, at(30))

    assert sent == [(queues.RUNS, PerformRun(NODE, one.task, one.uuid, at(30), lane="lane"))]


def test_a_run_that_was_abandoned_is_sent_again_or_its_agent_called(sent: list[Any]) -> None:
    here, there = run(HERE, lane="lane"), run(THERE)

    dispatch.send_again(here, at(5))
    dispatch.send_again(there, at(5))

    assert sent == [(queues.RUNS, PerformRun(NODE, here.task, here.uuid, lane="lane")), (AMS, at(5))]


def test_of_runs_that_were_placed_those_marked_are_sent(sent: list[Any]) -> None:
    marked = run(HERE, 60, dispatched=True, lane="lane")
    others = [run(HERE, 60), run(HERE, 60, dispatched=True, state=State.NONSTART)]

    dispatch.send([marked, *others], at(0))

    assert sent == [(queues.RUNS, *dispatch.message(NODE, marked.task, marked.uuid, at(60), "lane"))]


@pytest.mark.parametrize(("start", "rings"), [(900, True), (901, False)])
def test_an_agent_is_called_for_what_it_may_be_offered_now(
    start: float, rings: bool, sent: list[Any]
) -> None:
    dispatch.send([run(THERE, start, dispatched=True), run(THERE, 5000, dispatched=True)], at(0))

    assert sent == ([(AMS, at(0))] if rings else [])

"""When a run is sent to its runner, and when its message is too late."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.messages import PerformRun
from chalicelib.domain.names import RunId, TaskId
from chalicelib.infrastructure import queues
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

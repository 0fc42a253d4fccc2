"""What others are told of what happened, of each kind."""

from typing import Any

import pytest

from chalicelib.domain.run import Documents
from chalicelib.domain.run_states import State
from chalicelib.domain.series import Point, Series
from chalicelib.store import events
from tests.builders import at, run, task

OWNER = task()
SERIES = Series("rtt", "ping", "here", "b.example.org", "0123", "label")


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"state": State.RUNNING}, {"state": "running"}),
        (
            {"state": State.MISSED, "documents": Documents(reason={"code": "late"})},
            {"state": "missed", "reason": {"code": "late"}},
        ),
    ],
)
def test_of_a_run_its_state_and_time_are_told(changes: dict[str, Any], more: dict[str, Any]) -> None:
    one = run(OWNER, 5, **changes)

    assert events.of_run(one) == {
        "task": OWNER.uuid,
        "run": one.uuid,
        "start-time": "2026-11-23T12:00:05+00:00",
        "end-time": "2026-11-23T12:00:08+00:00",
        **more,
    }


def test_nobody_is_told_of_a_run_that_is_being_agreed_on() -> None:
    assert events.of_run(run(OWNER, state=State.SCHEDULING)) is None


def test_of_a_task_its_test_and_tool_are_told() -> None:
    told = {"task": OWNER.uuid, "state": "added", "test": "idle", "tool": "snooze"}

    assert events.of_task(OWNER, "added") == told


def test_of_a_point_its_series_and_numbers_are_told() -> None:
    point = Point(at(5), "run", "task", State.FINISHED, {"loss.ratio": 0.5}, frozenset({"loss.ratio"}))

    assert events.of_point(SERIES, point) == {
        "series": SERIES.describe(),
        "start-time": "2026-11-23T12:00:05+00:00",
        "state": "finished",
        "values": {"loss.ratio": 0.5},
        "run": "run",
        "task": "task",
        "unreliable": ["loss.ratio"],
    }

"""Who in this process hears of what was written, and what is counted, logged and noted of it."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.alerts import Alert, AlertState
from chalicelib.domain.run import Documents
from chalicelib.domain.run_states import State
from chalicelib.domain.series import Point, Series
from chalicelib.domain.telemetry import LATENESS, RUNS
from chalicelib.domain.times import UTC
from chalicelib.infrastructure import logs, process_counters
from chalicelib.store import changes, events, journal
from tests.builders import NODE, NOON, at, run, task

OWNER = task()
SERIES = Series("rtt", "ping", "here", "b.example.org", "0123", "label")


@pytest.fixture
def heard() -> Iterator[list[str]]:
    names: list[str] = []
    changes.listen(names.append)
    yield names
    changes.forget(names.append)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    lines: list[Any] = []
    monkeypatch.setattr(logs, "change", lambda *what, **fields: lines.append((*what, fields)))
    return lines


@pytest.fixture(autouse=True)
def _kept() -> Iterator[None]:
    """A journal of the test's own, and nothing counted yet."""
    process_counters.forget()
    journal.keep()
    yield
    journal.drop()
    process_counters.forget()


def in_journal() -> list[tuple[str, Any]]:
    known = journal.kept()
    assert known is not None
    return [(event.kind, event.members) for event in known.behind(NODE, f"{known.name}-0", 10).events]


def counted() -> dict[Any, Any]:
    return {
        (sample.metric, *sample.labels.values()): sample.value
        for sample in process_counters.samples()
        if sample.metric in (RUNS, LATENESS)
    }


def test_whoever_listens_hears_of_a_task_until_it_does_not_listen_any_more(heard: list[str]) -> None:
    changes.announce("one")
    changes.forget(heard.append)
    changes.forget(heard.append)
    changes.announce("two")

    assert heard == ["one", changes.ANYTHING]


def test_a_run_that_ended_is_told_counted_and_logged_with_its_reason(
    heard: list[str], logged: list[Any]
) -> None:
    one = run(OWNER, state=State.MISSED, documents=Documents(reason={"code": "late"}))

    changes.run_written(one)

    assert heard == [OWNER.uuid, changes.ANYTHING]
    assert in_journal() == [("run", events.of_run(one))]
    assert counted() == {(RUNS, "missed", "late"): 1}
    assert logged == [("run", one.uuid, "missed", {"task": OWNER.uuid, "node": NODE, "cause": "late"})]


@pytest.mark.parametrize(("ago", "late"), [(60, 60), (-60, 0)])
def test_a_run_that_begins_says_how_late_it_is(ago: float, late: float) -> None:
    since_noon = (dt.datetime.now(UTC) - NOON).total_seconds()
    changes.run_written(run(OWNER, since_noon - ago, state=State.RUNNING))

    found = counted()
    assert found[RUNS, "running", ""] == 1
    assert late <= found[LATENESS,] < late + 30


def test_of_a_run_that_is_being_agreed_on_those_hear_who_wait_for_its_task(
    heard: list[str], logged: list[Any]
) -> None:
    changes.run_written(run(OWNER, state=State.SCHEDULING))

    assert heard == [OWNER.uuid, changes.ANYTHING]
    assert in_journal() == logged == []
    assert counted() == {}


def test_a_task_that_changed_is_told_and_logged(heard: list[str], logged: list[Any]) -> None:
    changes.task_changed(OWNER, "added")

    assert heard == [OWNER.uuid, changes.ANYTHING]
    assert in_journal() == [("task", events.of_task(OWNER, "added"))]
    assert logged == [("task", OWNER.uuid, "added", {"node": NODE, "test": "idle", "tool": "snooze"})]


def test_a_point_is_told_to_who_waits_for_its_task(heard: list[str]) -> None:
    point = Point(NOON, "run", "task", State.FINISHED, {"loss.ratio": 0.5})

    changes.point_left(NODE, SERIES, point)

    assert heard == ["task", changes.ANYTHING]
    assert in_journal() == [("result", events.of_point(SERIES, point))]


def test_an_alert_that_changed_is_told_and_logged(heard: list[str], logged: list[Any]) -> None:
    alert = Alert(NODE, "loss", SERIES, NOON, at(5), AlertState.CRITICAL)

    changes.alert_changed(alert)

    assert heard == [alert.id, changes.ANYTHING]
    assert in_journal() == [("alert", events.of_alert(alert))]
    assert logged == [("alert", alert.id, "critical", {"node": NODE})]

"""Word of what was written by this process, for those of it who wait for it: at once, and in the journal.

What other processes write is heard of where they pass it on: whoever waits looks now and then as well.
"""

import datetime as dt
from collections.abc import Callable

from chalicelib.domain.alerts import Alert
from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.series import Point, Series
from chalicelib.domain.task import Task
from chalicelib.domain.telemetry import LATENESS, RUNS
from chalicelib.domain.times import UTC
from chalicelib.infrastructure import logs, process_counters
from chalicelib.store import events, journal

Listener = Callable[[str], None]
ANYTHING = "*"
"""What a listener is called with whatever happened, besides the task it happened to."""

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Have a function called with the task of every run that is written. It must be quick, and not raise."""
    _listeners.append(listener)


def forget(listener: Listener) -> None:
    """Have it called no more."""
    if listener in _listeners:
        _listeners.remove(listener)


def announce(task: str) -> None:
    """Say that a run of a task was written."""
    for listener in tuple(_listeners):
        listener(task)
        listener(ANYTHING)


def run_written(run: Run) -> None:
    """Say what a run is now."""
    members = events.of_run(run)
    if members is not None:
        journal.note(run.node, "run", members)
        reason = run.documents.reason
        _count(run, str(reason["code"]) if reason else "")
    announce(run.task)


def _count(run: Run, cause: str) -> None:
    process_counters.count(RUNS, state=run.state.value, cause=cause)
    logs.change("run", run.uuid, run.state.value, task=run.task, node=run.node, cause=cause)
    if run.state is State.RUNNING:
        late = (dt.datetime.now(UTC) - run.start).total_seconds()
        process_counters.note(LATENESS, max(0.0, late))


def task_changed(task: Task, state: str) -> None:
    """Say that a task was added, enabled, disabled or deleted."""
    journal.note(task.node, "task", events.of_task(task, state))
    logs.change("task", task.uuid, state, node=task.node, test=task.test, tool=task.tool)
    announce(task.uuid)


def point_left(node: NodeName, series: Series, point: Point) -> None:
    """Say that a series has a new point."""
    journal.note(node, "result", events.of_point(series, point))
    announce(point.task)


def alert_changed(alert: Alert) -> None:
    """Say what an alert is now."""
    journal.note(alert.node, "alert", events.of_alert(alert))
    logs.change("alert", alert.id, str(alert.describe().get("state", "")), node=alert.node)
    announce(alert.id)

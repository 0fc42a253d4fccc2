"""Word of what was written by this process, for those of it who wait for it: at once, and in the journal.

What other processes write nobody hears of here: whoever waits looks now and then as well.
"""

import datetime as dt
from collections.abc import Callable

from chalicelib.domain.alerts import Alert
from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.series import Point, Series
from chalicelib.domain.task import Task
from chalicelib.domain.telemetry import LATENESS, RUNS
from chalicelib.domain.times import UTC, format_timestamp
from chalicelib.infrastructure import logs, telemetry
from chalicelib.store import journal

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
    """Say what a run is now; nobody is told of one that others have not agreed on."""
    if run.state is not State.SCHEDULING:
        reason = run.documents.reason
        members = {
            "task": run.task,
            "run": run.uuid,
            "state": run.state.value,
            "start-time": format_timestamp(run.start),
            "end-time": format_timestamp(run.end),
            **({"reason": reason} if reason else {}),
        }
        journal.note(run.node, "run", members)
        _count(run, str(reason["code"]) if reason else "")
    announce(run.task)


def _count(run: Run, cause: str) -> None:
    telemetry.count(RUNS, state=run.state.value, cause=cause)
    logs.change("run", run.uuid, run.state.value, task=run.task, node=run.node, cause=cause)
    if run.state is State.RUNNING:
        late = (dt.datetime.now(UTC) - run.start).total_seconds()
        telemetry.note(LATENESS, max(0.0, late))


def task_changed(task: Task, state: str) -> None:
    """Say that a task was added, enabled, disabled or deleted."""
    members = {"task": task.uuid, "state": state, "test": task.test, "tool": task.tool}
    journal.note(task.node, "task", members)
    logs.change("task", task.uuid, state, node=task.node, test=task.test, tool=task.tool)
    announce(task.uuid)


def point_left(node: NodeName, series: Series, point: Point) -> None:
    """Say that a series has a new point."""
    members: dict[str, JSON] = {"series": series.describe(), **point.describe()}
    del members["time"]
    journal.note(node, "result", {**members, "start-time": format_timestamp(point.at)})
    announce(point.task)


def alert_changed(alert: Alert) -> None:
    """Say what an alert is now."""
    journal.note(alert.node, "alert", alert.describe())
    logs.change("alert", alert.id, str(alert.describe().get("state", "")), node=alert.node)
    announce(alert.id)

"""What happens at a node, as others are told: one description of each kind, whoever it is read from.

There are two sources: the journal of the one process that serves a node (``journal``), and the streams of the
tables where functions do (``streams``).
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

from chalicelib.domain.alerts import Alert
from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.series import Point, Series
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_timestamp

Members = Mapping[str, JSON]
KINDS = ("task", "run", "result", "alert")
"""In the order in which what came at the same time is told."""


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened at a node; behind ``cursor`` is what happened after it."""

    at: dt.datetime
    kind: str
    members: Members
    cursor: str


@dataclasses.dataclass(frozen=True)
class Told:
    """What happened behind a cursor, in order; behind ``cursor`` is what is not among it."""

    events: Sequence[Event]
    cursor: str


class Forgotten(Exception):
    """What came behind a cursor is not known any more, or not here."""


class Source(Protocol):
    """Where events are read from."""

    @property
    def look_every(self) -> float:
        """Seconds between looks of one who waits, where nobody rings."""

    def begin(self) -> str:
        """A cursor behind which is what happens from now on."""

    def behind(self, node: NodeName, cursor: str, most: int) -> Told:
        """The first events of a node behind a cursor. Raises Forgotten; Invalid for what is no cursor."""


def of_run(run: Run) -> Members | None:
    """What is told of a run that was written; nobody is told of one that others have not agreed on."""
    if run.state is State.SCHEDULING:
        return None
    reason = run.documents.reason
    return {
        "task": run.task,
        "run": run.uuid,
        "state": run.state.value,
        "start-time": format_timestamp(run.start),
        "end-time": format_timestamp(run.end),
        **({"reason": reason} if reason else {}),
    }


def of_task(task: Task, state: str) -> Members:
    """What is told of a task that was added, enabled, disabled or deleted."""
    return {"task": task.uuid, "state": state, "test": task.test, "tool": task.tool}


def of_point(series: Series, point: Point) -> Members:
    """What is told of a point that a series has got."""
    members: dict[str, JSON] = {"series": series.describe(), **point.describe()}
    del members["time"]
    return {**members, "start-time": format_timestamp(point.at)}


def of_alert(alert: Alert) -> Members:
    """What is told of an alert that came into another state."""
    return alert.describe()

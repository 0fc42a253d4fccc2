"""Domain objects for tests: sensible defaults, and only what a test is about spelled out."""

import dataclasses
import datetime as dt
import uuid
from typing import Any

from chalicelib.domain.conflicts import Occupation
from chalicelib.domain.names import NodeName
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import UTC

NODE = NodeName("local")
"""The node that tests are of where they are not of several."""
NOON = dt.datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def at(seconds: float) -> dt.datetime:
    """So many seconds after noon."""
    return NOON + dt.timedelta(seconds=seconds)


def seconds(count: float) -> dt.timedelta:
    return dt.timedelta(seconds=count)


def occupation(start: float, end: float, exclusive: bool = True, priority: int | None = None) -> Occupation:
    return Occupation(at(start), at(end), exclusive, priority, "task", str(uuid.uuid4()))


def task(**changes: Any) -> Task:
    """A one-off idle of two seconds, in the background."""
    defaults: dict[str, Any] = {
        "node": NODE,
        "uuid": str(uuid.uuid4()),
        "document": {
            "schema": 1,
            "test": {"type": "idle", "spec": {"duration": "PT2S"}},
            "tool": "snooze",
            "schedule": {},
        },
        "schedule": Schedule(max_runs=1),
        "participants": ("here",),
        "duration": seconds(3),
        "scheduling_class": "background",
        "added": NOON,
        "hints": {"requester": "192.0.2.1", "server": "192.0.2.2"},
        "cli": [],
    }
    return Task(**{**defaults, **changes})


def exclusive_task(**changes: Any) -> Task:
    document = {
        "schema": 1,
        "test": {"type": "idleex", "spec": {"duration": "PT2S"}},
        "tool": "snooze",
        "schedule": {},
    }
    return task(**{"document": document, "scheduling_class": "exclusive", **changes})


def run(owner: Task, start: float = 0, **changes: Any) -> Run:
    """A pending run of a task, so many seconds after noon."""
    defaults: dict[str, Any] = {
        "node": owner.node,
        "task": owner.uuid,
        "uuid": str(uuid.uuid4()),
        "start": at(start),
        "end": at(start) + owner.duration,
        "state": State.PENDING,
        "added": NOON,
        "priority": owner.priority,
    }
    return Run(**{**defaults, **changes})


@dataclasses.dataclass
class Clock:
    """A clock that is set."""

    now: dt.datetime

    def __call__(self) -> dt.datetime:
        return self.now

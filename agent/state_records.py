"""What an agent keeps, each as it is read: who it is, a run, a result."""

import dataclasses
import datetime as dt
import json
import zlib
from typing import Any

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp, parse_timestamp


@dataclasses.dataclass(frozen=True)
class Identity:
    """Who the agent is: of which node, at which coordinator, and the secret by which that knows it."""

    url: str
    node: str
    hostname: str
    secret: str = dataclasses.field(repr=False)
    authority: str = ""


@dataclasses.dataclass(frozen=True)
class Held:
    """A run the agent knows. ``number`` counts its results so far, the last of them at ``came_to``."""

    task: str
    run: str
    start: dt.datetime
    stage: str
    number: int = 0
    came_to: dt.datetime | None = None
    assignment: JSON = dataclasses.field(default=None, repr=False)
    code: str = ""
    message: str = ""

    def names(self) -> dict[str, JSON]:
        return {"task": self.task, "run": self.run}


@dataclasses.dataclass(frozen=True)
class Result:
    """A local result on its way; ``id`` is its place on disk, None where it is in memory alone."""

    task: str
    run: str
    number: int
    at: dt.datetime
    local: JSON = dataclasses.field(repr=False)
    final: bool
    id: int | None = None

    def body(self, instance: str) -> dict[str, JSON]:
        """The result as it is sent (docs/agent-protocol.md)."""
        return {
            "instance": instance,
            "task": self.task,
            "run": self.run,
            "number": self.number,
            "at": format_timestamp(self.at),
            "local": self.local,
            "final": self.final,
        }


def held(row: Any) -> Held:
    """A run of its columns."""
    task, run, start, stage, number, came_to, assignment, code, message = row
    return Held(
        task=task,
        run=run,
        start=parse_timestamp(start),
        stage=stage,
        number=number,
        came_to=parse_timestamp(came_to) if came_to else None,
        assignment=json.loads(assignment) if assignment else None,
        code=code or "",
        message=message or "",
    )


def result(row: Any) -> Result:
    """A result of its columns."""
    task, run, number, at, local, final, place = row
    document = json.loads(zlib.decompress(local))
    return Result(task, run, number, parse_timestamp(at), document, bool(final), place)

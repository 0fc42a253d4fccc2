"""What the queues carry: what a node tells itself to do, a class for each kind of message.

A message is JSON, its ``kind`` and its members by name. Messages outlive the version that sent them: members
that are not known are left out, those that are missing have their default, and where no kind is said, as
once was usual, it is the first of the queue's kinds whose members are all there. A kind that nobody knows is
an error, so that the message is seen again and ends where its queue puts those that cannot be handled.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from chalicelib.domain.errors import Invalid
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp, parse_timestamp


@dataclasses.dataclass(frozen=True)
class Message:
    """What all messages have: ``node``, of the nodes of the deployment the one that is told."""

    node: NodeName

    @property
    def lane(self) -> str:
        """Behind which others it may have to wait, at most 128 characters; none is a lane too."""
        return ""


@dataclasses.dataclass(frozen=True)
class PlanShard(Message):
    """Plan the tasks of a shard that are due."""

    shard: int


@dataclasses.dataclass(frozen=True)
class WorkOffShard(Message):
    """Do of a shard ``what`` its tick had too much to do of: dispatch, announce, reap, roll-up or look."""

    what: str
    shard: int


@dataclasses.dataclass(frozen=True)
class PlanTask(Message):
    """Plan one task; or, once it is cancelled, remove the runs it still has."""

    task: TaskId


@dataclasses.dataclass(frozen=True)
class RemoveNode(Message):
    """Cancel the tasks of a node that was removed: those behind a place in its listing (when, which)."""

    after: Sequence[str]


@dataclasses.dataclass(frozen=True)
class AttemptOutboxRequest(Message):
    """Make a request to another node, if it is due."""

    outbox_request: str


@dataclasses.dataclass(frozen=True)
class ProbeParticipants(Message):
    """Ask the participants that some tasks of a shard all want whether they are up, and plan these then."""

    shard: int
    tasks: Sequence[TaskId]


@dataclasses.dataclass(frozen=True)
class PlanLeased(Message):
    """Plan a task that other nodes take part in, unless somebody else did since its ``lease`` was taken.

    ``tries`` is how often the run that comes next was in somebody's way.
    """

    task: TaskId
    lease: dt.datetime
    tries: int = 0


@dataclasses.dataclass(frozen=True)
class EndWait(Message):
    """Do what is left of a run that has only waited until an instant; ``diags`` are those of its tool."""

    task: TaskId
    run: RunId
    until: dt.datetime
    diags: str = ""
    lane: str = ""


@dataclasses.dataclass(frozen=True)
class PerformRun(Message):
    """Do a run's whole work; ``since`` how far the runner came that had it before and handed it over.

    ``start`` is when it starts, where it is of no use long after that.
    """

    task: TaskId
    run: RunId
    since: dt.datetime | None = None
    start: dt.datetime | None = None
    lane: str = ""


@dataclasses.dataclass(frozen=True)
class AttemptDelivery(Message):
    """Attempt a delivery of a run's result, if it is due."""

    run: RunId
    number: int
    lane: str = ""


Kinds = tuple[type[Message], ...]
PLANNING: Kinds = (PlanShard, PlanTask, RemoveNode, WorkOffShard)
ASKING: Kinds = (AttemptOutboxRequest, ProbeParticipants, PlanLeased)
PERFORMING: Kinds = (EndWait, PerformRun)
DELIVERING: Kinds = (AttemptDelivery,)

Value = TypeVar("Value")


def to_json(message: Message) -> dict[str, JSON]:
    """A message as it is sent; members that are None are left out."""
    members = {name: _written(value) for name, value in vars(message).items() if value is not None}
    return {"kind": type(message).__name__, **members}


def _written(value: object) -> JSON:
    match value:
        case dt.datetime():
            return format_timestamp(value)
        case list() | tuple():
            return list(value)
        case _:
            return value


def from_json(kinds: Kinds, document: JSON, own: NodeName) -> Message:
    """A message of one of these kinds as it was sent; ``own`` is told where none says who.

    Raises Invalid for what is none.
    """
    if not isinstance(document, dict):
        raise Invalid("must be an object", "")
    told = {"node": own, **document}
    kind = _kind(kinds, told)
    given = {field.name: told[field.name] for field in dataclasses.fields(kind) if field.name in told}
    try:
        return kind(**{name: _read(kind, name, value) for name, value in given.items()})
    except TypeError as error:
        raise Invalid(f"{error}", "") from error


def _kind(kinds: Kinds, document: Mapping[str, JSON]) -> type[Message]:
    if "kind" in document:
        found = [kind for kind in kinds if kind.__name__ == document["kind"]]
    else:
        found = [kind for kind in kinds if _required(kind) <= document.keys()]
    if not found:
        names = ", ".join(kind.__name__ for kind in kinds)
        raise Invalid(f"must be one of {names}, or follow from the members", "/kind")
    return found[0]


def _required(kind: type[Message]) -> set[str]:
    return {field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING}


def _read(kind: type[Message], name: str, value: JSON) -> Any:
    field = next(field for field in dataclasses.fields(kind) if field.name == name)
    if field.type in (dt.datetime, dt.datetime | None):
        return None if value is None else parse_timestamp(str(value))
    return tuple(value) if isinstance(value, list) else value

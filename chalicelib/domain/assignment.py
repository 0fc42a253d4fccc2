"""What a host is given of a run whose tool it is to work, and what it gives back (docs/agent-protocol.md).

Both are documents too: a node's tools may work at its agent, which knows nothing else of the task.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence

from chalicelib.domain.names import RunId, TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.schemas import JSON, Checker, closed, integer
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_duration, format_timestamp, parse_timestamp
from chalicelib.domain.types import TYPES

MOST_PARTICIPANTS = 100
MOST_CONTEXTS = 32

_NAME = {"type": "string", "minLength": 1, "maxLength": 256}
_OBJECT = {"type": "object"}
_CONTEXT = {
    "type": "object",
    "properties": {"context": _NAME, "data": _OBJECT},
    "required": ["context", "data"],
}
_ASSIGNMENT = Checker(
    {
        "type": "object",
        "properties": {
            "task": TYPES["UUID"],
            "run": TYPES["UUID"],
            "test": _NAME,
            "spec": _OBJECT,
            "tool": _NAME,
            "start": TYPES["Timestamp"],
            "end": TYPES["Timestamp"],
            "participant": integer(0, MOST_PARTICIPANTS - 1),
            "participant-data": {"type": "array", "maxItems": MOST_PARTICIPANTS},
            "contexts": {"type": "array", "items": _CONTEXT, "maxItems": MOST_CONTEXTS},
            "streams": {"type": "boolean"},
            "added": TYPES["Timestamp"],
            "since": {"anyOf": [TYPES["Timestamp"], {"type": "null"}]},
        },
        "required": [
            "task",
            "run",
            "test",
            "spec",
            "tool",
            "start",
            "end",
            "participant",
            "streams",
            "added",
        ],
    }
)
_LOCAL = Checker(
    closed(
        {
            "result": {},
            "errors": {"type": ["string", "null"], "maxLength": 100_000},
            "diags": {"type": "string", "maxLength": 1_000_000},
        },
        required=("result",),
    )
)


@dataclasses.dataclass(frozen=True)
class Assignment:
    """A run as the host sees it whose tool works on it.

    ``participant_data`` is that of all participants, ``contexts`` are this one's, outermost first; where
    ``streams`` results come one by one, and those up to ``since`` are stored already.
    """

    task: TaskId
    run: RunId
    test: str
    spec: Mapping[str, JSON]
    tool: str
    start: dt.datetime
    end: dt.datetime
    added: dt.datetime
    participant: int = 0
    participant_data: Sequence[JSON] = ()
    contexts: Sequence[Mapping[str, JSON]] = ()
    streams: bool = False
    since: dt.datetime | None = None

    @property
    def duration(self) -> dt.timedelta:
        return self.end - self.start

    @classmethod
    def of(cls, task: Task, run: Run, since: dt.datetime | None = None) -> "Assignment":
        section = task.document.get("contexts")
        return cls(
            task=task.uuid,
            run=run.uuid,
            test=task.test,
            spec=task.spec,
            tool=task.tool,
            start=run.start,
            end=run.end,
            added=run.added,
            participant=task.participant,
            participant_data=run.documents.participant_data_full or (),
            contexts=section["contexts"][task.participant] if section else (),
            streams=task.is_multi_result,
            since=since,
        )

    def evolve(self, since: dt.datetime | None) -> "Assignment":
        """The same, carried on by somebody else."""
        return dataclasses.replace(self, since=since)

    def to_json(self) -> dict[str, JSON]:
        since = {"since": format_timestamp(self.since)} if self.since else {}
        return {
            "task": self.task,
            "run": self.run,
            "test": self.test,
            "spec": dict(self.spec),
            "tool": self.tool,
            "start": format_timestamp(self.start),
            "end": format_timestamp(self.end),
            "participant": self.participant,
            "participant-data": list(self.participant_data),
            "contexts": [dict(context) for context in self.contexts],
            "streams": self.streams,
            "added": format_timestamp(self.added),
            **since,
        }

    @classmethod
    def from_json(cls, document: JSON) -> "Assignment":
        """Raises Invalid, with the member's pointer. Members it does not know are let through: others say
        more than this version knows of."""
        found = _ASSIGNMENT.fault(document)
        if found:
            raise found
        return cls(
            task=TaskId(document["task"].lower()),
            run=RunId(document["run"].lower()),
            test=document["test"],
            spec=document["spec"],
            tool=document["tool"],
            start=parse_timestamp(document["start"]),
            end=parse_timestamp(document["end"]),
            added=parse_timestamp(document["added"]),
            participant=document["participant"],
            participant_data=document.get("participant-data", ()),
            contexts=document.get("contexts", ()),
            streams=document["streams"],
            since=parse_timestamp(document["since"]) if document.get("since") else None,
        )


@dataclasses.dataclass(frozen=True)
class LocalResult:
    """What one participant's tool came to: a result, be it that the measurement failed, or why there is none.

    ``errors`` is what went wrong with the tool rather than with what it measured.
    """

    result: JSON = None
    errors: str | None = None
    diags: str = ""

    @property
    def succeeded(self) -> bool:
        return self.errors is None

    def entry(self) -> JSON:
        """Its place in ``result-full`` (docs/contract/scheduler.md section 7)."""
        if self.succeeded:
            return self.result
        return {"succeeded": False, "error": self.errors, "diags": self.diags}

    @classmethod
    def too_late(cls, duration: dt.timedelta) -> "LocalResult":
        return cls(errors=f"The tool took longer than the {format_duration(duration)} planned for it")

    def to_json(self) -> dict[str, JSON]:
        return {"result": self.result, "errors": self.errors, "diags": self.diags}

    @classmethod
    def from_json(cls, document: JSON) -> "LocalResult":
        """Raises Invalid, with the member's pointer."""
        found = _LOCAL.fault(document)
        if found:
            raise found
        return cls(document["result"], document.get("errors"), document.get("diags", ""))

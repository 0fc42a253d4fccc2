"""A run: one placement of a task in time, and what came of it."""

import dataclasses
import datetime as dt
from typing import Any

from chalicelib.domain.conflicts import ANYTIME, EXCLUSIVE, Occupation
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run_states import State, require
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN, Task
from chalicelib.domain.times import format_duration, format_timestamp

CODES = {
    "no-time": "no time was free for it, or none that all participants have",
    "conflict": "its time was taken by other runs, again and again",
    "unreachable": "a participant did not answer",
    "refused": "a participant refused it",
    "forgotten": "a participant no longer knew the task",
    "interrupted": "the planner that was to have all participants agree stopped",
    "not-agreed": "its lead never said that all participants agreed",
    "late": "its start had passed before its runner was there",
    "paused": "the node was paused",
    "suspended": "the deployment's operator had suspended the node, or removed it",
    "preempted": "a run of a higher priority took its place",
    "not-started": "no runner had taken it in time",
    "no-result": "its runner never reported",
    "reported-failed": "the results that were put said that it had failed",
    "no-merge": "its results were never merged",
    "limits": "this node's limits refused it",
    "canceled": "somebody cancelled it",
    "agent-unreachable": "the agent that measures for the node had not taken it in time",
    "agent-policy": "the owner of the agent's host does not allow it",
    "agent-clock": "the clock of the agent's host is off by too much",
    "agent-late": "the agent reached it too late to start it",
    "agent-tool": "the tool cannot do this at the agent's host",
}
"""Every code a Reason can have, and what it says."""


MOST_ABANDONED = 3
"""Runners that may vanish with a run before it is given up: whatever ended them would go on so."""


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why a run did not start, or did not end: a code for programs, a sentence, the run in the way."""

    code: str
    message: str
    blocking_run: str | None = None

    def describe(self) -> dict[str, JSON]:
        blocking = {"blocking-run": self.blocking_run} if self.blocking_run else {}
        return {"code": self.code, "message": self.message, **blocking}


@dataclasses.dataclass(frozen=True)
class Documents:
    """The parts of a run that only its readers look into; None where there is none yet.

    ``reason`` is a Reason, described.
    """

    participant_data: JSON = None
    participant_data_full: JSON = None
    result: JSON = None
    result_full: JSON = None
    result_merged: JSON = None
    clock_survey: JSON = None
    limit_diags: str | None = None
    reason: JSON = None
    late: JSON = None
    """What the node's agent reported after the run was over otherwise: {"at", "local"}."""

    def stored(self) -> dict[str, JSON]:
        """Those there are: so the release before reads them where no member is set that it does not know."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @classmethod
    def restored(cls, stored: dict[str, JSON]) -> "Documents":
        """What was stored, by this release or the one after, whose further members are left out."""
        return cls(**{name: value for name, value in stored.items() if name in _MEMBERS})


_MEMBERS = frozenset(field.name for field in dataclasses.fields(Documents))


@dataclasses.dataclass(frozen=True)
class Run:
    """One run, of a node's task.

    ``awaiting`` while its participants are still agreeing on it: it is not started then.
    ``dispatched`` once it was sent to its runner, or is its agent's to take; ``leased_until`` when it is
    looked at, where that is not when one in its state usually is: somebody else may carry on with one that is
    running then; ``purge_at`` when it is to be forgotten, if not at the usual time; ``documents_at`` where
    its documents are when too large for a table; ``revision`` counts its changes: one is written only over
    what it was made from.
    """

    node: NodeName
    task: TaskId
    uuid: RunId
    start: dt.datetime
    end: dt.datetime
    state: State
    added: dt.datetime
    priority: int | None = None
    errors: str | None = None
    documents: Documents = Documents()
    documents_at: str | None = None
    awaiting: bool = False
    dispatched: bool = False
    leased_until: dt.datetime | None = None
    purge_at: dt.datetime | None = None
    revision: int = 0
    abandoned: int = 0
    """Runners in a row that began it and were never heard of again, while it was theirs on lease."""
    holder: str | None = None
    """Where the node's tools are at its agent: the instance of it that has taken the run."""
    received: int = 0
    """The number of the result with which its agent said that it is done; 0 before that."""
    began: bool = False
    """Whether it ever was running."""
    lane: str = ""
    """Whose it is, as a name that says nothing: no requester's runs hold up those of another."""

    @property
    def duration(self) -> dt.timedelta:
        return self.end - self.start

    @property
    def failure(self) -> str | None:
        """Why it has no result, or one that says no more than that it failed; None where nobody said."""
        kept = self.documents
        said = (_said(kept.result_merged, "error"), self.errors, _said(kept.result, "error"))
        return next(filter(None, (*said, _said(kept.reason, "message"))), None)

    def is_forgotten(self, now: dt.datetime) -> bool:
        """Whether it is over and was kept long enough: it counts as gone, be it there for a while yet."""
        return self.state.is_final and (self.purge_at or self.end + KEEP_AFTER_LAST_RUN) <= now

    @property
    def is_being_agreed_on(self) -> bool:
        """Whether its participants are still to agree on it."""
        return self.state is State.SCHEDULING or self.awaiting

    def is_abandoned(self, now: dt.datetime) -> bool:
        """Whether its runner is gone, or has handed it over, while there is still something to measure."""
        return (
            self.state is State.RUNNING
            and self.leased_until is not None
            and self.leased_until <= now < self.end
        )

    @property
    def is_hopeless(self) -> bool:
        """Runners keep vanishing with it, as when its tool ends the process it works in."""
        return self.abandoned >= MOST_ABANDONED

    def evolve(self, **changes: Any) -> "Run":
        """The run with these members changed. Raises BadTransition for a state it may not take."""
        state = changes.get("state", self.state)
        require(self.state, state)
        began = {"began": True} if state is State.RUNNING else {}
        return dataclasses.replace(self, **{**began, **changes})

    def with_documents(self, **changes: JSON) -> "Run":
        return dataclasses.replace(self, documents=dataclasses.replace(self.documents, **changes))

    def describe(self, task: Task) -> dict[str, JSON]:
        """The run as clients see it, without hrefs (docs/contract/api.md)."""
        documents = self.documents
        return {
            "start-time": format_timestamp(self.start),
            "end-time": format_timestamp(self.end),
            "duration": format_duration(self.duration),
            "participant": task.participant,
            "participants": list(task.participants),
            "participant-data": documents.participant_data,
            "participant-data-full": documents.participant_data_full,
            "result": documents.result,
            "result-full": documents.result_full,
            "result-merged": documents.result_merged,
            "state": self.state.value,
            "state-display": self.state.display,
            "errors": self.errors,
            "added": format_timestamp(self.added),
            "priority": self.priority,
            "limit-diags": documents.limit_diags,
            **({"clock-survey": documents.clock_survey} if documents.clock_survey else {}),
            **({"reason": documents.reason} if documents.reason else {}),
            **({"late": documents.late} if documents.late else {}),
        }


def reported_failed(full: JSON) -> Reason:
    """The reason of a run whose results were put as failed: what its participants say went wrong."""
    errors = [_said(each, "error") for each in full or ()]
    said = [f"participant {number}: {error}" for number, error in enumerate(errors) if error]
    message = "Its results were put with succeeded false"
    return Reason("reported-failed", f"{message}: {'; '.join(said)}"[:1000] if said else message)


def _said(document: JSON, member: str) -> str | None:
    """What a document says in a member; None where it is no document, or says nothing."""
    text = document.get(member) if isinstance(document, dict) else None
    return text if isinstance(text, str) else None


def occupation(run: Run, task: Task) -> Occupation | None:
    """The time the run takes up; None for the classes that never conflict."""
    if task.scheduling_class in ANYTIME:
        return None
    exclusive = task.scheduling_class == EXCLUSIVE
    return Occupation(run.start, run.end, exclusive, run.priority, run.task, run.uuid)

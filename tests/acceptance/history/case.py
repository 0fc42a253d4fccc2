"""A history sorted for its judge: what was written of every run, task and outbox request, in order."""

import dataclasses
import datetime as dt
import json
import zlib
from collections import defaultdict
from typing import Any

from tests.acceptance.history.simulation import KEPT, History
from tests.acceptance.history.tables import Change
from tests.acceptance.history.world import BEGINNING

FINAL = {"finished", "failed", "missed", "nonstart", "preempted", "canceled", "overdue"}

_WHOLE = {"runs": "documents", "tasks": "body", "outbox": "method"}
"""What every item has of the tables that are sorted here."""


def instant(text: str) -> float:
    """A time as it is stored, in seconds from the beginning."""
    return (dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z") - BEGINNING).total_seconds()


@dataclasses.dataclass
class Life:
    """One run at one node: what was written of it, by when; ``placed`` is how often it was, and not
    undone, ``gone`` how it was deleted, if it was."""

    node: str
    task: str
    run: str
    written: list[tuple[float, dict[str, Any]]] = dataclasses.field(default_factory=list)
    placed: int = 0
    gone: str | None = None
    gone_at: float = 0

    @property
    def is_kept(self) -> bool:
        """Whether it is there, or came to its end and was forgotten when it was old."""
        old = self.gone_at >= instant(self.last["end"]) + KEPT.total_seconds()
        return self.gone is None or (old and self.state in FINAL)

    @property
    def is_streamed(self) -> bool:
        """Whether it is a result that a tool streamed, kept as a run of no length from the beginning."""
        first = self.written[0][1]
        return bool(first["start"] == first["end"])

    @property
    def was_given_up(self) -> bool:
        """Whether it never came to be agreed on; its agent may have refused it after that."""
        code = (self.documents.get("reason") or {}).get("code", "")
        return self.state == "nonstart" and not code.startswith("agent-")

    @property
    def given_up_at(self) -> float | None:
        """When that was, or when it was undone; None for one that is kept."""
        if not self.is_kept:
            return self.gone_at
        return self.written[-1][0] if self.was_given_up else None

    @property
    def began_at(self) -> float | None:
        """When it began, as its node had it."""
        return next((when for when, state in self.states if state == "running"), None)

    @property
    def name(self) -> str:
        return f"run {self.run[:8]} of {self.task[:8]} at {self.node}"

    @property
    def last(self) -> dict[str, Any]:
        return self.written[-1][1]

    @property
    def state(self) -> str:
        return state(self.last)

    @property
    def start(self) -> float:
        return instant(self.last["start"])

    @property
    def planned_end(self) -> float:
        """Its end as it was placed; it may have been over before."""
        return instant(self.written[0][1]["end"])

    @property
    def states(self) -> list[tuple[float, str]]:
        """Its states by when they were entered."""
        found: list[tuple[float, str]] = []
        for when, item in self.written:
            if not found or found[-1][1] != state(item):
                found.append((when, state(item)))
        return found

    @property
    def has_begun(self) -> bool:
        """Whether its tool worked, as far as was ever known: of an agent's perhaps only when it was over."""
        return any(state(item) == "running" or item.get("received") for _, item in self.written)

    @property
    def documents(self) -> dict[str, Any]:
        return documents(self.last)

    def was_told_by(self, instant: float) -> bool:
        """Whether it had everybody's data by then."""
        written = (item for when, item in self.written if when <= instant)
        return any(documents(item).get("participant_data_full") for item in written)


def state(item: dict[str, Any]) -> str:
    """The state of a run; it is filed as pending while it is running."""
    return "running" if item.get("begun") and item["state"] == "pending" else str(item["state"])


def documents(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(zlib.decompress(item["documents"]))
    return found


class Case:
    """A history, sorted by runs and tasks; ``forgotten`` are the tasks that are no longer there."""

    def __init__(self, history: History):
        self.history = history
        self.lives: dict[tuple[str, str], Life] = {}
        self.tasks: dict[tuple[str, str], dict[str, Any]] = {}
        self.forgotten: set[tuple[str, str]] = set()
        self.outbox_requests: dict[str, dict[str, Any]] = {}
        self.ghosts: list[str] = []
        for change in history.changes:
            self._sort(change)
        self._by_task: dict[tuple[str, str], list[Life]] = defaultdict(list)
        for life in self.lives.values():
            self._by_task[life.node, life.task].append(life)

    def _sort(self, change: Change) -> None:
        item = change.new or change.old
        if item is None:
            return  # what was gone was deleted again
        if (
            change.old is None
            and change.how.partition(" ")[2].startswith("Update ")
            and not {"entry", "counted"} & item.keys()
        ):
            self.ghosts.append(f"{change.how} made half an item of what was gone: {item}")
            return
        kind = change.table.partition("-")[2]
        if _WHOLE.get(kind, kind) not in item:
            return  # half an item, as was said when it was made
        match kind:
            case "runs":
                node, task = item["task"].split("#")
                life = self.lives.setdefault((node, item["run"]), Life(node, task, item["run"]))
                if change.new is None:
                    life.placed -= change.how == "Transact Delete runs"
                    life.gone, life.gone_at = change.how, change.at
                else:
                    life.placed += change.old is None
                    life.written.append((change.at, change.new))
                    life.gone = None
            case "tasks":
                node, task = item["task"].split("#")
                self.tasks[node, task] = item
                (self.forgotten.add if change.new is None else self.forgotten.discard)((node, task))
            case "outbox" if change.new is None:
                self.outbox_requests.pop(item["outbox_request"], None)
            case "outbox":
                self.outbox_requests[item["outbox_request"]] = item

    def streams(self, life: Life) -> bool:
        """Whether it is the run of a tool that streams its results, and none of those."""
        body = json.loads(self.tasks[life.node, life.task]["body"])
        return bool(body["class"] == "background-multi") and not life.is_streamed

    def of(self, node: str, task: str) -> list[Life]:
        return self._by_task[node, task]

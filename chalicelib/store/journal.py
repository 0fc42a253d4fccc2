"""What this process wrote of late, in the order it did: changes of runs and tasks, results, alerts.

It costs no write: it is kept in memory, and only where somebody can be answered from it, which is where one
process serves a node. A cursor of an earlier process, or from before what is kept, says so: whoever has it
knows that it missed something.
"""

import collections
import dataclasses
import datetime as dt
import secrets
import threading
from collections.abc import Mapping

from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import UTC

KEPT = 10_000
"""Events kept: at a run a second, an hour of them."""


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened at a node: ``number`` is its place among all that this process noted."""

    number: int
    at: dt.datetime
    node: NodeName
    kind: str
    members: Mapping[str, JSON]


class Journal:
    """The events of a process; for threads."""

    def __init__(self, kept: int = KEPT):
        self.name = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._events: collections.deque[Event] = collections.deque(maxlen=kept)
        self._number = 0

    @property
    def number(self) -> int:
        """That of the last event."""
        return self._number

    def note(self, node: NodeName, kind: str, members: Mapping[str, JSON]) -> None:
        with self._lock:
            self._number += 1
            self._events.append(Event(self._number, dt.datetime.now(UTC), node, kind, members))

    def has_all_behind(self, number: int) -> bool:
        """Whether nothing behind an event is forgotten, and it is one of this journal."""
        return self._number - len(self._events) <= number <= self._number

    def behind(self, node: NodeName, number: int, most: int) -> list[Event]:
        """The events of a node behind one, in order, the first so many: it costs what came since."""
        with self._lock:
            since = []
            for event in reversed(self._events):
                if event.number <= number:
                    break
                since.append(event)
        return [event for event in reversed(since) if event.node == node][:most]


_kept: list[Journal] = []


def keep() -> None:
    """Keep a journal from now on, if there is none yet."""
    if not _kept:
        _kept.append(Journal())


def drop() -> None:
    """Keep none any more."""
    _kept.clear()


def kept() -> Journal | None:
    """The journal of this process; None where none is kept."""
    return _kept[0] if _kept else None


def note(node: NodeName, kind: str, members: Mapping[str, JSON]) -> None:
    """Note that something happened, where a journal is kept."""
    for journal in _kept:
        journal.note(node, kind, members)

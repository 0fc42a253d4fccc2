"""What this process wrote of late, or another passed on to it: changes of runs and tasks, results, alerts.

It costs no write: it is kept in memory, in the order heard of, and only where somebody can be answered from
it, which is where one process serves a node. A cursor of an earlier process, or from before what is kept,
says so: whoever has it knows that it missed something.
"""

import collections
import dataclasses
import datetime as dt
import secrets
import threading
from collections.abc import Callable

from chalicelib.domain import numerals
from chalicelib.domain.errors import Invalid
from chalicelib.domain.names import NodeName
from chalicelib.domain.times import UTC
from chalicelib.store.events import Event, Forgotten, Members, Told

KEPT = 10_000
"""Events kept: at a run a second, an hour of them."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """An event of a node: ``number`` is its place among all that this process noted."""

    number: int
    at: dt.datetime
    node: NodeName
    kind: str
    members: Members


class Journal:
    """The events of a process; for threads."""

    look_every = 0.5
    """Whoever waits is rung; what another process wrote is not in here."""

    def __init__(self, kept: int = KEPT):
        self.name = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._entries: collections.deque[Entry] = collections.deque(maxlen=kept)
        self._number = 0

    def note(self, node: NodeName, kind: str, members: Members) -> None:
        with self._lock:
            self._number += 1
            self._entries.append(Entry(self._number, dt.datetime.now(UTC), node, kind, members))

    def begin(self) -> str:
        return self._cursor(self._number)

    def behind(self, node: NodeName, cursor: str, most: int) -> Told:
        """It costs what came since."""
        number = self._numbered(cursor)
        with self._lock:
            last = self._number
            if not last - len(self._entries) <= number <= last:
                raise Forgotten
            since = []
            for entry in reversed(self._entries):
                if entry.number <= number:
                    break
                since.append(entry)
        found = [entry for entry in reversed(since) if entry.node == node][:most]
        end = found[-1].number if len(found) == most else last
        return Told([self._event(entry) for entry in found], self._cursor(end))

    def _event(self, entry: Entry) -> Event:
        return Event(entry.at, entry.kind, entry.members, self._cursor(entry.number))

    def _cursor(self, number: int) -> str:
        return f"{self.name}-{number}"

    def _numbered(self, cursor: str) -> int:
        name, _, number = cursor.partition("-")
        position = numerals.whole(number, 15)
        if position is None:
            raise Invalid("since: must be the cursor of an earlier answer")
        if name != self.name:
            raise Forgotten
        return position


Listener = Callable[[NodeName, str, Members], None]

_kept: list[Journal] = []
_listeners: list[Listener] = []


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


def pass_on(listener: Listener) -> None:
    """Have a function told what happens: of a process that keeps no journal, for one that does."""
    _listeners.append(listener)


def note(node: NodeName, kind: str, members: Members) -> None:
    """Note that something happened, where a journal is kept."""
    for journal in _kept:
        journal.note(node, kind, members)
    for listener in _listeners:
        listener(node, kind, members)

"""Waiting for messages: threads of this process are woken at once, what other processes send is looked for.

Looking costs a PRAGMA that reads one counter in shared memory, twenty times a second for all threads that
wait, however many they are.
"""

import threading
import time
from collections import defaultdict

from local.engine.database import Database

LOOK = 0.05
"""Seconds between two looks at what other processes wrote."""


class Bell:
    """Rung by queue when a message has come."""

    def __init__(self, database: Database):
        self._database = database
        database.on_fork.append(self._forget)
        self._forget()

    def _forget(self) -> None:
        self._changed = threading.Condition()
        self._rings: defaultdict[str, int] = defaultdict(int)
        self._everyone = 0
        self._looked = 0.0
        self._version: int | None = None

    def rings(self, queue: str) -> tuple[int, int]:
        """How often it rang so far: to be asked before looking for messages."""
        return self._rings[queue], self._everyone

    def ring(self, queue: str) -> None:
        with self._changed:
            self._rings[queue] += 1
            self._changed.notify_all()

    def ring_all(self) -> None:
        with self._changed:
            self._everyone += 1
            self._changed.notify_all()

    def wait(self, queue: str, before: tuple[int, int], seconds: float) -> None:
        """Until it rings once more than ``before``, or for so long."""
        until = time.monotonic() + seconds
        while True:
            self._look()
            with self._changed:
                left = until - time.monotonic()
                if self.rings(queue) != before or left <= 0:
                    return
                self._changed.wait(min(left, LOOK))

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        version = self._database.version()
        # The counter moves for every other connection, this process's own included: one look too many.
        if version != self._version:
            self._version = version
            self.ring_all()

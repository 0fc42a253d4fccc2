"""Waiting for messages: threads of this process are woken at once, what other processes send is looked for.

Looking costs a PRAGMA that reads one counter in shared memory, twenty times a second for all threads that
wait, however many they are. The counter moves with what this process itself writes, too; then there is seldom
anything to be found, and whoever waits is woken a few times a second at most.
"""

import threading
import time
from collections import defaultdict

from local.engine.database import Database

LOOK = 0.05
"""Seconds between two looks at what other processes wrote."""
APART = 0.25
"""Seconds between two times that all who wait are woken, while this process writes as well."""


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
        self._looked = self._woke = 0.0
        self._version: int | None = None
        self._commits = 0

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
        version, commits = self._database.version(), self._database.commits
        is_new = version != self._version
        if is_new and (commits == self._commits or now - self._woke >= APART):
            self._version, self._commits, self._woke = version, commits, now
            self.ring_all()

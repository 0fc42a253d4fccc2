"""Whether the file is still where it was opened.

A file that is removed or replaced goes on for who has it open, and is gone with them: what is written to it
would be answered as stored, and be lost when the node stops. A write-ahead log that is removed is lost if the
process is killed.
"""

import os
import pathlib
import time

from local.engine.engine_errors import lost

EVERY = 1.0
"""Seconds between looks: a thread gives its turn to compute away at each."""


class Presence:
    """The file at a path and its log, as they were when first looked at."""

    def __init__(self, path: pathlib.Path):
        self._path = path
        self.forget()

    def forget(self) -> None:
        """Take what is there next for the right ones: nothing is open."""
        self._known: dict[str, tuple[int, int]] = {}
        self._looked = 0.0

    def require_soon(self) -> None:
        """As ``require``, unless there was a look a moment ago."""
        if time.monotonic() - self._looked >= EVERY:
            self.require()

    def require(self) -> None:
        """Raise ServiceError where the file or its log was removed or replaced."""
        for name in (str(self._path), f"{self._path}-wal"):
            found = _identity(name)
            if name not in self._known:
                if found is not None:
                    self._known[name] = found
            elif self._known[name] != found:
                raise lost(name)
        self._looked = time.monotonic()


def _identity(name: str) -> tuple[int, int] | None:
    try:
        found = os.stat(name)
    except OSError:
        return None
    return found.st_dev, found.st_ino

"""Where lines go: everything to a file in the state folder, what an operator should see to the terminal."""

import contextlib
import logging
import os
import pathlib
import sys
import threading
import time
from collections.abc import Callable

from chalicelib.infrastructure import logs as lines

MOST_ALIKE = 20
"""Warnings of one kind that are written in a period; of the others their number is."""
PERIOD = 10.0
"""Seconds."""
_MOST_KINDS = 1000


class Throttle(logging.Filter):
    """Lets so many warnings of a kind through in a period: what a stranger can cause fills no disk.

    A kind is one line of the program, whatever the values in it. The first one let through in a new period
    says how many were not.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        super().__init__()
        self._clock, self._lock = clock, threading.Lock()
        self._kinds: dict[tuple[str, int, str], list[float]] = {}  # since when, how many

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        left_out = self._left_out((record.pathname, record.lineno, str(record.msg)[:200]))
        if left_out:
            record.msg = f"({int(left_out)} more of these were left out) {record.msg}"
        return left_out is not None

    def _left_out(self, kind: tuple[str, int, str]) -> float | None:
        """How many were left out before this one; None where this one is."""
        now = self._clock()
        with self._lock:
            if len(self._kinds) >= _MOST_KINDS:
                self._kinds.clear()
            known = self._kinds.setdefault(kind, [now, 0])
            since, count = known
            if now - since >= PERIOD:
                known[:] = [now, 1]
                return max(0.0, count - MOST_ALIKE)
            known[1] += 1
            return 0.0 if count < MOST_ALIKE else None


class _OneLine(logging.Formatter):
    """A record in a line, with the exception's last line instead of its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage().splitlines()[0] if record.getMessage() else ""
        if record.exc_info and record.exc_info[0] is not None:
            lines = str(record.exc_info[1]).splitlines()
            text += f" {record.exc_info[0].__name__}: {lines[0] if lines else ''}"
        return text


def set_up(file: pathlib.Path) -> None:
    """Log to ``file``; warnings of our own also to the terminal, a line each."""
    file.parent.mkdir(parents=True, exist_ok=True)
    everything = logging.FileHandler(file)
    everything.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s %(context)s%(message)s")
    )
    everything.addFilter(Throttle())
    everything.addFilter(lines.Context())
    logging.basicConfig(level=logging.INFO, handlers=[everything], force=True)
    if os.environ.get("PSCHEDULER_LOG") == "json":
        lines.structure(logging.getLogger())
    logging.captureWarnings(True)
    logging.raiseExceptions = (
        False  # a full disk fails the log as well, and a traceback a line says nothing more
    )
    for noisy in ("botocore", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.WARNING)
    terminal.addFilter(Throttle())
    terminal.setFormatter(_OneLine())
    logging.getLogger("local").addHandler(terminal)


def take_over(log: logging.Logger) -> None:
    """Let an app's own logger, which Chalice points at the terminal, write to the file."""
    log.handlers.clear()
    log.propagate = True


def say(line: str) -> None:
    """A line to the operator, at once: what their terminal has no characters for, as escapes. Nothing ends
    because nobody reads it, or because it goes to a file on a full disk."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    with contextlib.suppress(OSError):
        print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)

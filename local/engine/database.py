"""The file: connections to it, reading and writing.

SQLite's own locks order the writers of all processes; ``writer.py`` those of one.

Connections are kept in a pool, not by thread: a node has hundreds of threads, of which a few read at a
time. They do not survive a fork: SQLite's locks belong to a process, so a child leaves its parent's
connections alone, not even closing them, and opens its own.
"""

import contextlib
import os
import pathlib
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator

from local.engine import schema
from local.engine.engine_errors import EngineError, storage_errors
from local.engine.presence import Presence
from local.engine.writer import Writer

BUSY_SECONDS = 30.0
"""How long a writer waits for those of other processes."""
_KEPT = 64
"""Idle connections for reading that are kept open, for as many threads as read at a time: opening one costs
more than most reads."""
_LOG_LIMIT = 32 << 20
"""Bytes the write-ahead log is cut back to after a checkpoint."""
_LOG_PAGES = 4000
"""Pages of the log after which it is copied into the file."""
_SPARE_PAGES = 2048
"""Free pages that are kept for what comes next: 8 MB."""
_GIVEN_BACK = 2048
"""Pages given back at a time: 0.05 s."""
SYNCHRONOUS = ("FULL", "NORMAL", "OFF", "EXTRA")

_OPEN: "weakref.WeakSet[Database]" = weakref.WeakSet()
_INHERITED: list[sqlite3.Connection] = []
"""Connections of the process this one was forked from: kept, so that nothing closes them."""


class Database:
    """One file. Raises EngineError when it cannot be used."""

    def __init__(self, path: pathlib.Path, synchronous: str = "FULL", busy_seconds: float = BUSY_SECONDS):
        if synchronous not in SYNCHRONOUS:
            raise ValueError(f"synchronous is one of {', '.join(SYNCHRONOUS)}")
        self.path = path
        self.synchronous = synchronous
        self.busy_seconds = busy_seconds
        self.on_fork: list[Callable[[], None]] = []
        self._presence = Presence(path)
        self._forget()
        self._write_ahead(self._checked())
        _OPEN.add(self)

    def _forget(self) -> None:
        self._writer = Writer(self._connect, self._presence.require_soon, self.synchronous, self.busy_seconds)
        # Taken from and put back without a lock: with a hundred threads, one that loses its turn while it
        # holds a lock has them all wait.
        self._idle: list[sqlite3.Connection] = []
        self._watching = threading.Lock()
        self._watcher: sqlite3.Connection | None = None

    def _checked(self) -> sqlite3.Connection:
        """A connection to a file that can be used."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            schema.require_whole(self.path)
            link = self._connect()
        except (OSError, sqlite3.OperationalError) as error:
            raise EngineError(f"{self.path} cannot be opened ({error})") from error
        except sqlite3.DatabaseError as error:
            raise schema.damaged(self.path, error) from error
        try:
            _patiently(lambda: schema.prepare(link, self.path), self.busy_seconds)
        except sqlite3.OperationalError as error:
            link.close()
            raise EngineError(f"{self.path} cannot be used ({error})") from error
        except sqlite3.DatabaseError as error:
            link.close()
            raise schema.damaged(self.path, error) from error
        except EngineError:
            link.close()
            raise
        return link

    def _connect(self) -> sqlite3.Connection:
        self._presence.require()  # SQLite would make another
        link = sqlite3.connect(
            self.path,
            timeout=self.busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            link.execute(f"PRAGMA synchronous={self.synchronous}")
            link.execute(f"PRAGMA journal_size_limit={_LOG_LIMIT}")
            link.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
        except sqlite3.Error:
            link.close()
            raise
        return link

    def _write_ahead(self, link: sqlite3.Connection) -> None:
        try:
            link.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            link.close()
            raise EngineError(f"{self.path} cannot be used ({error})") from error
        self._presence.require()  # it is there by now
        self._writer.use(link)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with; each statement sees what was committed before it."""
        with storage_errors(self.path):
            link = self._take()
            try:
                yield link
            finally:
                self._put_back(link)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection whose statements all see the same state."""
        with self.reading() as link:
            link.execute("BEGIN")
            try:
                yield link
            finally:
                link.execute("COMMIT")

    @contextlib.contextmanager
    def writing(self, lasting: bool = True) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction, on disk once the block is left; undone when it raises.

        What need not be ``lasting`` outlives the process, but is not waited for until a power cut could
        do it no harm; the file is consistent all the same.
        """
        with storage_errors(self.path):
            yield from self._writer.written(lasting)

    def shrink(self) -> bool:
        """Give some of the space of what was deleted back, where that is much of the file; whether it was."""
        with storage_errors(self.path), self._writer.alone() as link:
            free = link.execute("PRAGMA freelist_count").fetchone()[0]
            pages = link.execute("PRAGMA page_count").fetchone()[0]
            much: bool = free > max(_SPARE_PAGES, pages // 4)
            if much:
                # execute() would take one step of it, and each gives one page back.
                link.executescript(f"PRAGMA incremental_vacuum({_GIVEN_BACK})")
            return much

    @property
    def commits(self) -> int:
        """How often this process has written."""
        return self._writer.commits

    def version(self) -> int:
        """A number that changes when another process has written."""
        with storage_errors(self.path), self._watching:
            if self._watcher is None:
                self._watcher = self._connect()
            found: int = self._watcher.execute("PRAGMA data_version").fetchone()[0]
            return found

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _put_back(self, link: sqlite3.Connection) -> None:
        if len(self._idle) < _KEPT:
            self._idle.append(link)
        else:
            link.close()

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._writer.close()
        while self._idle:
            self._idle.pop().close()
        with self._watching:
            if self._watcher is not None:
                self._watcher.close()
            self._watcher = None
        self._presence.forget()

    def after_fork(self) -> None:
        """In the child: leave the parent's connections and locks alone."""
        left = (*self._idle, self._writer.link, self._watcher)
        _INHERITED.extend(link for link in left if link is not None)
        self._forget()
        for forget in self.on_fork:
            forget()


def _patiently(work: Callable[[], None], seconds: float) -> None:
    """Again while others make the same file: turning a new one to WAL does not wait for its turn."""
    until = time.monotonic() + seconds
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _forked() -> None:
    for database in list(_OPEN):
        database.after_fork()


os.register_at_fork(after_in_child=_forked)

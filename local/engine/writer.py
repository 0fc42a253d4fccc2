"""Writing: one connection, which the threads of a process use in turn, and whose commits they share.

Waiting for the disk is most of what a write costs. So whoever has written while others wait leaves the
transaction open for the next, and the last of them commits for all. Each has a savepoint of its own in it,
and is answered once what it wrote, or failed because of, is on disk; what goes wrong with the commit goes
wrong for all of them.

Statements are few on purpose: a thread gives its turn to compute away at each, and among many that compute
waits for the next one while it holds the connection.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator

LONGEST_OPEN = 1.0
"""Seconds after which somebody who has written commits, should whoever was to have gone without."""
LOOK = 0.0005
"""Seconds between looks whether another process has written. SQLite's own waiting grows to a tenth of a
second, and one that hardly pauses between its writes is seldom found between two."""
MOST_TOGETHER = 64
"""Writes of different threads that one commit may be for."""


class _Commit:
    """One commit for several writers: over, once it is on disk or has failed for all of them."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.writers = 0
        self.error: BaseException | None = None


class Writer:
    """The connection that writes; ``connect`` opens it when it is first used. It waits for those of other
    processes for so many seconds. ``require`` raises where what is committed would be lost."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        require: Callable[[], None],
        synchronous: str,
        patience: float,
    ):
        self._connect, self._require = connect, require
        self._synchronous, self._patience = synchronous, patience
        self._turn = threading.Lock()
        self._queueing = threading.Lock()
        self._queued = 0
        self._commit: _Commit | None = None
        self._waits_for_disk = True
        self._level: str | None = None
        self.link: sqlite3.Connection | None = None
        self.commits = 0
        """How many there were so far."""

    def use(self, link: sqlite3.Connection) -> None:
        """Write by a connection that is open already."""
        link.execute("PRAGMA busy_timeout=0")
        self.link, self._level = link, None

    def _opened(self) -> sqlite3.Connection:
        link = self.link
        if link is None:
            link = self._connect()
            self.use(link)
        return link

    def close(self) -> None:
        """Commit what is left and close the connection; the next use opens another."""
        with self.alone() as link:
            link.close()
            self.link = None

    def written(self, lasting: bool) -> Iterator[sqlite3.Connection]:
        """The connection inside a transaction: see ``Database.writing``."""
        self._queue()
        commit = None
        try:
            try:
                commit = self._joined(lasting)
                yield from self._savepoint(commit)
            finally:
                self._leave()
        finally:
            # Who fails, fails because of what others wrote: who reads afterwards has to find that.
            if commit is not None:
                self._await(commit)

    def _queue(self) -> None:
        with self._queueing:
            self._queued += 1
        try:
            self._turn.acquire()
        finally:
            with self._queueing:
                self._queued -= 1

    def _joined(self, lasting: bool) -> _Commit:
        """The commit under way, or a new one that waits for the disk if the first of its writers has to."""
        if self._commit is None:
            link = self._opened()
            level = self._synchronous if lasting or self._synchronous == "OFF" else "NORMAL"
            if level != self._level:
                link.execute(f"PRAGMA synchronous={level}")
                self._level = level
            self._begin(link)
            self._commit = _Commit()
            self._waits_for_disk = lasting
        self._commit.writers += 1
        return self._commit

    def _begin(self, link: sqlite3.Connection) -> None:
        until = time.monotonic() + self._patience
        while not _has_begun(link, time.monotonic() >= until):
            time.sleep(LOOK)

    def _savepoint(self, commit: _Commit) -> Iterator[sqlite3.Connection]:
        link = self._opened()
        if commit.writers == 1:
            yield from self._first(commit, link)
            return
        link.execute("SAVEPOINT one")
        try:
            yield link
            link.execute("RELEASE one")
        except BaseException as error:
            if link.in_transaction:
                link.execute("ROLLBACK TO one")
                link.execute("RELEASE one")
            else:  # SQLite has undone everything itself, that of the others too
                commit.error = error
            raise

    def _first(self, commit: _Commit, link: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        """The first to write needs no savepoint: what is undone with it is its own."""
        try:
            yield link
        except BaseException:
            self._commit = None
            commit.over.set()
            if link.in_transaction:
                link.execute("ROLLBACK")
            raise

    def _leave(self) -> None:
        """End one's turn: commit, unless somebody waits who may join."""
        try:
            commit = self._commit
            if commit is not None and (not self._queued or commit.error or self._is_full(commit)):
                self._finish(commit)
        finally:
            self._turn.release()

    def _is_full(self, commit: _Commit) -> bool:
        # What does not wait for the disk is not joined by what has to.
        return commit.writers >= MOST_TOGETHER or not self._waits_for_disk

    def _finish(self, commit: _Commit) -> None:
        """Commit for all who have written, with the turn held; what goes wrong is each one's error."""
        self._commit, link = None, self._opened()
        try:
            if commit.error is None:
                self._require()
                link.execute("COMMIT")
                self.commits += 1
        except BaseException as error:
            commit.error = error
            if link.in_transaction:  # SQLite may have undone it itself
                link.execute("ROLLBACK")
        finally:
            commit.over.set()

    def _await(self, commit: _Commit) -> None:
        """Wait until what was written is on disk. Raises what went wrong with it."""
        while not commit.over.wait(LONGEST_OPEN):
            with self.alone():  # whoever was to commit has gone without
                pass
        if commit.error is not None:
            raise commit.error

    @contextlib.contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """The connection outside a transaction, with nothing left to commit."""
        with self._turn:
            if self._commit is not None:
                self._finish(self._commit)
            link = self._opened()
            link.execute(f"PRAGMA busy_timeout={int(self._patience * 1000)}")
            try:
                yield link
            finally:
                if self.link is not None:
                    link.execute("PRAGMA busy_timeout=0")


def _has_begun(link: sqlite3.Connection, is_last: bool) -> bool:
    """Begin to write, unless another process does; where it is the last try, that is raised."""
    try:
        link.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if is_last or "is locked" not in str(error):
            raise
        return False
    return True

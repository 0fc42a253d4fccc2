"""The file an agent keeps its state in: an SQLite database that only its owner may read, in a folder that one
process at a time may use. What a method has returned from is on disk, and what was deleted is overwritten.
"""

import contextlib
import fcntl
import os
import pathlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from typing import IO, Any

from chalicelib.domain.errors import PSchedulerError, StorageFull

FILE = "agent.sqlite"
FORMAT = 1

TABLES = """
CREATE TABLE IF NOT EXISTS identity (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, task TEXT NOT NULL, start TEXT NOT NULL, finish TEXT NOT NULL, stage TEXT NOT NULL,
    assignment TEXT, number INTEGER NOT NULL DEFAULT 0, came_to TEXT, code TEXT, message TEXT
);
CREATE INDEX IF NOT EXISTS runs_by_start ON runs (stage, start);
CREATE TABLE IF NOT EXISTS results (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, task TEXT NOT NULL, number INTEGER NOT NULL,
    at TEXT NOT NULL, final INTEGER NOT NULL, local BLOB NOT NULL
);
"""


class CannotUse(PSchedulerError):
    """The state cannot be used; the message says why and what to do."""


@contextlib.contextmanager
def locked(folder: pathlib.Path) -> Iterator[IO[str]]:
    """Hold a state folder; the lock goes with the process, however it ends. Raises CannotUse."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "lock").open("a")
    except OSError as error:
        raise CannotUse(
            f"The folder {folder} cannot be used ({error.strerror}): choose another with --state"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotUse(f"Another agent is using {folder}: choose another folder with --state") from error
        yield lock


def is_locked(folder: pathlib.Path) -> bool:
    """Whether an agent is running on a state folder."""
    try:
        with (folder / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except OSError:
        return True


class StateFile:
    """The open file. Safe for threads; raises StorageFull where there is no room on the disk."""

    def __init__(self, folder: pathlib.Path):
        """Open the state of a folder, made where there is none. Raises CannotUse."""
        path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            os.chmod(path, 0o600)  # its -wal and -shm get the same
            self._database = _opened(path)
        except (OSError, sqlite3.Error) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise CannotUse(f"The state in {folder} cannot be used: {why}") from error
        self._lock = threading.RLock()

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _row(self, sql: str, *values: object) -> Any:
        found = self._rows(sql, *values)
        return found[0] if found else None

    def _rows(self, sql: str, *values: object) -> list[Any]:
        with self._lock, _full_as_such():
            return self._database.execute(sql, values).fetchall()

    def _write(self, sql: str, *values: object) -> int:
        with self._changing() as database:
            return database.execute(sql, values).rowcount

    def _write_many(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        with self._changing() as database:
            database.executemany(sql, rows)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is on disk in the end, or nothing."""
        with self._lock, _full_as_such():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise

    def _forget_for_good(self) -> None:
        """Overwrite what was deleted in the log of writes, too; later, where there is no room."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _opened(path: pathlib.Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA secure_delete = ON")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, FORMAT):
        raise sqlite3.DatabaseError(f"it was made by another version of the agent (format {version})")
    if version == 0:
        database.executescript(TABLES)
        database.execute(f"PRAGMA user_version = {FORMAT}")
    return database


@contextlib.contextmanager
def _full_as_such() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StorageFull(f"The state cannot be written: {error}") from error

"""What an agent keeps on disk: who it is, the runs it has taken, and results that nobody acknowledged yet.

One SQLite file that only its owner may read, in a folder that one process at a time may use. What a method
has returned from is on disk. An assignment, which may hold private members, is kept no longer than its run,
and overwritten when it goes.

    offered ──acknowledged──> taken ──begin──> started ──conclude──> over ──acknowledged──> (forgotten)
       │        (or taken as it is offered)
       └──> refused ──told──> (forgotten)
            (or refused as it is offered)
"""

import contextlib
import dataclasses
import datetime as dt
import fcntl
import json
import os
import pathlib
import sqlite3
import threading
import uuid
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, Any

from chalicelib.domain.assignment import Assignment
from chalicelib.domain.errors import PSchedulerError, StorageFull
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp, parse_timestamp

FILE = "agent.sqlite"
FORMAT = 1
OFFERED, TAKEN, STARTED, OVER, REFUSED = "offered", "taken", "started", "over", "refused"

_TABLES = """
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


@dataclasses.dataclass(frozen=True)
class Identity:
    """Who the agent is: of which node, at which coordinator, and the secret by which that knows it."""

    url: str
    node: str
    hostname: str
    secret: str = dataclasses.field(repr=False)
    authority: str = ""


@dataclasses.dataclass(frozen=True)
class Held:
    """A run the agent knows. ``number`` counts its results so far, the last of them at ``came_to``."""

    task: str
    run: str
    start: dt.datetime
    stage: str
    number: int = 0
    came_to: dt.datetime | None = None
    assignment: JSON = dataclasses.field(default=None, repr=False)
    code: str = ""
    message: str = ""

    def names(self) -> dict[str, JSON]:
        return {"task": self.task, "run": self.run}


@dataclasses.dataclass(frozen=True)
class Result:
    """A local result on its way; ``id`` is its place on disk, None where it is in memory alone."""

    task: str
    run: str
    number: int
    at: dt.datetime
    local: JSON = dataclasses.field(repr=False)
    final: bool
    id: int | None = None

    def body(self, instance: str) -> dict[str, JSON]:
        """The result as it is sent (docs/agent-protocol.md)."""
        return {
            "instance": instance,
            "task": self.task,
            "run": self.run,
            "number": self.number,
            "at": format_timestamp(self.at),
            "local": self.local,
            "final": self.final,
        }


@contextlib.contextmanager
def locked(folder: pathlib.Path) -> Iterator[IO[str]]:
    """Hold a state folder; the lock goes with the process, however it ends. Raises CannotUse."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "lock").open("a")
    except OSError as error:
        raise CannotUse(
            f"The folder {folder} cannot be used ({error.strerror}): name another by --state"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotUse(f"Another agent is using {folder}: name another folder by --state") from error
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


class State:
    """The file of one agent. Safe for threads; raises StorageFull where there is no room on the disk."""

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

    # --- Who the agent is

    @property
    def instance(self) -> str:
        """What names this state: a UUID made with it."""
        found = self._value("instance")
        if found is None:
            self._write("INSERT OR IGNORE INTO identity VALUES ('instance', ?)", str(uuid.uuid4()))
            found = self._value("instance")
        return str(found)

    def identity(self) -> Identity | None:
        """None where the agent has not joined."""
        text = self._value("identity")
        return None if text is None else Identity(**json.loads(text))

    def enroll(self, identity: Identity) -> None:
        """Be somebody, or the same with another secret."""
        text = json.dumps(dataclasses.asdict(identity))
        self._write("INSERT OR REPLACE INTO identity VALUES ('identity', ?)", text)
        self._forget_for_good()

    def forget_all(self) -> None:
        """Be nobody, with nothing to do and nothing to tell; another instance from now on."""
        with self._changing() as database:
            for table in ("identity", "runs", "results"):
                database.execute(f"DELETE FROM {table}")  # noqa: S608 - the names are these three
        self._forget_for_good()

    # --- Runs

    def offer(self, assignment: Assignment, document: JSON, stage: str = OFFERED) -> None:
        """Keep a run that is offered, to be claimed, or taken already; one that is known stays as it is."""
        self._write(
            "INSERT OR IGNORE INTO runs (run, task, start, finish, stage, assignment)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            assignment.run,
            assignment.task,
            format_timestamp(assignment.start),
            format_timestamp(assignment.end),
            stage,
            json.dumps(document),
        )

    def decline(self, assignment: Assignment, code: str, message: str) -> None:
        """Keep a run that is offered and will not be done, and why; one that is known stays as it is.

        One write: a run that was noted as offered first might be claimed after a crash.
        """
        self._write(
            "INSERT OR IGNORE INTO runs (run, task, start, finish, stage, code, message)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            assignment.run,
            assignment.task,
            format_timestamp(assignment.start),
            format_timestamp(assignment.end),
            REFUSED,
            code,
            message,
        )

    def take(self, runs: Sequence[str]) -> None:
        """Note runs as claimed: the coordinator acknowledged it."""
        self._write_many(
            "UPDATE runs SET stage = ? WHERE run = ? AND stage = ?", [(TAKEN, run, OFFERED) for run in runs]
        )

    def refuse(self, run: str, code: str, message: str) -> None:
        """Note a run that will not be done, and why; what it was to do is forgotten."""
        self._write(
            "UPDATE runs SET stage = ?, assignment = NULL, code = ?, message = ? WHERE run = ?",
            REFUSED,
            code,
            message,
            run,
        )
        self._forget_for_good()

    def begin(self, run: str) -> bool:
        """Note that a run is started now, for good; False for one that is not there to be started."""
        started = self._write("UPDATE runs SET stage = ? WHERE run = ? AND stage = ?", STARTED, run, TAKEN)
        return started == 1

    def came_to(self, result: Result) -> None:
        """Note how far the results of a run have come, where one was sent without being kept."""
        at = format_timestamp(result.at)
        self._write("UPDATE runs SET number = ?, came_to = ? WHERE run = ?", result.number, at, result.run)

    def forget(self, run: str) -> None:
        """Know no more of a run; its results stay."""
        self._write("DELETE FROM runs WHERE run = ?", run)
        self._forget_for_good()

    def held(self, *stages: str) -> list[Held]:
        """The runs in some stages, the next to start first."""
        marks = ", ".join("?" for _ in stages)
        return self._runs(f"WHERE stage IN ({marks}) ORDER BY start LIMIT 1000", *stages)

    def count(self) -> int:
        """How many runs are offered, taken or started."""
        row = self._row("SELECT count(*) FROM runs WHERE stage IN (?, ?, ?)", OFFERED, TAKEN, STARTED)
        return int(row[0])

    def beside(self, run: str, start: dt.datetime, end: dt.datetime) -> int:
        """How many of them, besides one, go on at some time between two instants."""
        row = self._row(
            "SELECT count(*) FROM runs WHERE stage IN (?, ?, ?) AND run != ? AND start < ? AND finish > ?",
            *(OFFERED, TAKEN, STARTED, run, format_timestamp(end), format_timestamp(start)),
        )
        return int(row[0])

    def due(self, until: dt.datetime) -> list[Held]:
        """The runs taken that start up to a moment."""
        return self._runs("WHERE stage = ? AND start <= ? ORDER BY start", TAKEN, format_timestamp(until))

    def next_start(self) -> dt.datetime | None:
        """When the next run that was taken starts."""
        row = self._row("SELECT min(start) FROM runs WHERE stage = ?", TAKEN)
        return parse_timestamp(row[0]) if row and row[0] else None

    def known(self, run: str) -> Held | None:
        found = self._runs("WHERE run = ?", run)
        return found[0] if found else None

    def _runs(self, where: str, *values: object) -> list[Held]:
        columns = "task, run, start, stage, number, came_to, assignment, code, message"
        return [_held(row) for row in self._rows(f"SELECT {columns} FROM runs {where}", *values)]  # noqa: S608

    # --- Results

    def add(self, result: Result) -> None:
        """Keep a result to be sent; after the last one what the run was to do is forgotten."""
        local = zlib.compress(json.dumps(result.local).encode(), 3)
        at = format_timestamp(result.at)
        with self._changing() as database:
            database.execute(
                "INSERT INTO results (run, task, number, at, final, local) VALUES (?, ?, ?, ?, ?, ?)",
                (result.run, result.task, result.number, at, result.final, local),
            )
            if result.final:
                database.execute(
                    "UPDATE runs SET stage = ?, assignment = NULL, number = ? WHERE run = ?",
                    (OVER, result.number, result.run),
                )
            else:
                database.execute(
                    "UPDATE runs SET number = ?, came_to = ? WHERE run = ?", (result.number, at, result.run)
                )
        if result.final:
            self._forget_for_good()

    def next_result(self, after: int = 0) -> Result | None:
        """The first result to be sent of those behind a place."""
        row = self._row(
            "SELECT task, run, number, at, local, final, id FROM results WHERE id > ? ORDER BY id LIMIT 1",
            after,
        )
        return None if row is None else _result(row)

    def sent(self, result: Result) -> None:
        """Forget a result that was acknowledged, and with the last of a run the run."""
        with self._changing() as database:
            database.execute("DELETE FROM results WHERE id = ?", (result.id,))
            if result.final:
                database.execute("DELETE FROM runs WHERE run = ? AND stage = ?", (result.run, OVER))

    def waiting(self) -> int:
        """How many results are not acknowledged."""
        row = self._row("SELECT count(*) FROM results")
        return int(row[0]) if row else 0

    # --- SQLite

    def _value(self, name: str) -> str | None:
        row = self._row("SELECT value FROM identity WHERE name = ?", name)
        return None if row is None else str(row[0])

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
        database.executescript(_TABLES)
        database.execute(f"PRAGMA user_version = {FORMAT}")
    return database


@contextlib.contextmanager
def _full_as_such() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StorageFull(f"The state cannot be written: {error}") from error


def _held(row: Any) -> Held:
    task, run, start, stage, number, came_to, assignment, code, message = row
    return Held(
        task=task,
        run=run,
        start=parse_timestamp(start),
        stage=stage,
        number=number,
        came_to=parse_timestamp(came_to) if came_to else None,
        assignment=json.loads(assignment) if assignment else None,
        code=code or "",
        message=message or "",
    )


def _result(row: Any) -> Result:
    task, run, number, at, local, final, place = row
    document = json.loads(zlib.decompress(local))
    return Result(task, run, number, parse_timestamp(at), document, bool(final), place)

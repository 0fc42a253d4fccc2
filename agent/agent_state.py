"""What an agent keeps on disk: who it is, the runs it has taken, and results that nobody acknowledged yet.

What a method has returned from is on disk (``state_file.py``). An assignment, which may hold private members,
is kept no longer than its run, and overwritten when it goes.

    offered ──acknowledged──> taken ──begin──> started ──conclude──> over ──acknowledged──> (forgotten)
       │        (or taken as it is offered)
       └──> refused ──told──> (forgotten)
            (or refused as it is offered)
"""

import dataclasses
import datetime as dt
import json
import uuid
import zlib
from collections.abc import Sequence

from agent import state_records
from agent.state_file import StateFile
from agent.state_records import Held, Identity, Result
from chalicelib.domain.assignment import Assignment
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp, parse_timestamp

OFFERED, TAKEN, STARTED, OVER, REFUSED = "offered", "taken", "started", "over", "refused"


class State(StateFile):
    """What one agent keeps. Safe for threads; raises StorageFull where there is no room on the disk."""

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

    def _value(self, name: str) -> str | None:
        row = self._row("SELECT value FROM identity WHERE name = ?", name)
        return None if row is None else str(row[0])

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
        return [state_records.held(row) for row in self._rows(f"SELECT {columns} FROM runs {where}", *values)]  # noqa: S608

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
        return None if row is None else state_records.result(row)

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

"""The schema of the file, and what is checked of a file before it is used.

A DynamoDB table has a table of its own besides, made with it: see dynamodb/rows.py.
"""

import pathlib
import sqlite3

from local.engine.engine_errors import DamagedFile, ForeignFile, NewerFile
from local.engine.sqs import fairness

APPLICATION = 0x45_4E_47_31
"""SQLite's application_id of the engine's files."""
VERSION = 1
CHECKED_SIZE = 64 << 20
"""Bytes up to which a file is read through when opened: 0.1 s."""

_SCHEMA = (
    """CREATE TABLE dynamodb_tables(
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, definition TEXT NOT NULL,
        created REAL NOT NULL, ttl TEXT)""",
    """CREATE TABLE dynamodb_tokens(
        token TEXT PRIMARY KEY, digest TEXT NOT NULL, used REAL NOT NULL, answer TEXT NOT NULL)
        WITHOUT ROWID""",
    "CREATE INDEX dynamodb_tokens_used ON dynamodb_tokens(used)",
    """CREATE TABLE sqs_queues(
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, attributes TEXT NOT NULL,
        tags TEXT NOT NULL, created REAL NOT NULL, modified REAL NOT NULL, purged REAL)""",
    """CREATE TABLE sqs_messages(
        id INTEGER PRIMARY KEY AUTOINCREMENT, queue INTEGER NOT NULL, visible REAL NOT NULL,
        uuid TEXT NOT NULL, sent REAL NOT NULL, received INTEGER NOT NULL, first REAL, receipt TEXT,
        extras TEXT NOT NULL, body TEXT NOT NULL)""",
    "CREATE INDEX sqs_messages_visible ON sqs_messages(queue, visible, received)",
    fairness.INDEX,
    "CREATE INDEX sqs_messages_sent ON sqs_messages(queue, sent)",
    """CREATE TABLE s3_buckets(
        name TEXT PRIMARY KEY, created REAL NOT NULL, lifecycle TEXT) WITHOUT ROWID""",
    """CREATE TABLE s3_objects(
        id INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, key BLOB NOT NULL, size INTEGER NOT NULL,
        etag TEXT NOT NULL, modified REAL NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL,
        UNIQUE(bucket, key))""",
    "CREATE INDEX s3_objects_modified ON s3_objects(bucket, modified)",
)


def require_whole(path: pathlib.Path) -> None:
    """Raise DamagedFile for an empty file whose log is not: SQLite would throw that away. Opens nothing."""
    log = path.with_name(path.name + "-wal")
    is_empty = path.exists() and path.stat().st_size == 0
    if is_empty and log.exists() and log.stat().st_size:
        raise DamagedFile(f"{path} is empty, but its log {log.name} is not: put back a copy of both")


def damaged(path: pathlib.Path, trouble: sqlite3.Error) -> DamagedFile:
    return DamagedFile(f"{path} is damaged ({trouble}): put back a copy, or choose another")


def prepare(link: sqlite3.Connection, path: pathlib.Path) -> None:
    """Check that a file is the engine's, and make its tables when it is new.

    Raises DamagedFile, ForeignFile or NewerFile, having changed nothing.
    """
    if _is_new(link, path):
        _make(link)
    elif path.stat().st_size <= CHECKED_SIZE:
        _read_through(link, path)


def _is_new(link: sqlite3.Connection, path: pathlib.Path) -> bool:
    application = link.execute("PRAGMA application_id").fetchone()[0]
    version = link.execute("PRAGMA user_version").fetchone()[0]
    if application == 0 and not link.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return True
    if application != APPLICATION:
        raise ForeignFile(f"{path} is the database of another program: choose another file")
    if version > VERSION:
        raise NewerFile(
            f"{path} was made by a later version (its schema is {version}, this one knows {VERSION}):"
            " use that version, or choose another file"
        )
    return False


def _read_through(link: sqlite3.Connection, path: pathlib.Path) -> None:
    found = link.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise DamagedFile(
            f"{path} is damaged ({' '.join(found.split())}): put back a copy, or choose another"
        )


def _make(link: sqlite3.Connection) -> None:
    link.execute("PRAGMA auto_vacuum=INCREMENTAL")  # before anything else is in it
    link.execute("PRAGMA journal_mode=WAL")
    link.execute("BEGIN IMMEDIATE")
    try:
        if link.execute("PRAGMA application_id").fetchone()[0] == 0:  # no other process was faster
            for statement in _SCHEMA:
                link.execute(statement)
            link.execute(f"PRAGMA application_id={APPLICATION}")
            link.execute(f"PRAGMA user_version={VERSION}")
        link.execute("COMMIT")
    except BaseException:
        link.execute("ROLLBACK")
        raise

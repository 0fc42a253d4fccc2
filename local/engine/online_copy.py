"""A consistent copy of the file, made while others write."""

import os
import pathlib
import sqlite3

from local.engine.database import Database
from local.engine.engine_errors import EngineError, ServiceError

_PAGES = 2048
"""Pages copied at a time; between the steps others get to write."""


def copy(source: pathlib.Path, target: pathlib.Path) -> int:
    """Copy the state in a file, as it is at one instant, to a new one. How many bytes that has.

    The copy is complete and on disk, under its name, or there is none. Raises EngineError, also when
    there is something under that name already.
    """
    if not source.is_file():
        raise EngineError(f"There is no file {source}")
    if target.exists():
        raise EngineError(f"{target} is there already: choose another name")
    database = Database(source)
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with database.reading() as link:
            _write(link, unfinished)
        os.link(unfinished, target)  # unlike a rename, it never replaces what came there meanwhile
    except FileExistsError as error:
        raise EngineError(f"{target} is there already: choose another name") from error
    except (OSError, sqlite3.Error) as error:
        raise EngineError(f"{target} cannot be written ({error})") from error
    except ServiceError as error:  # of either file: they are read and written together
        raise EngineError(f"{source} cannot be copied to {target} ({error.__cause__})") from error
    finally:
        unfinished.unlink(missing_ok=True)
        database.close()
    _sync(target.parent)
    return target.stat().st_size


def _write(link: sqlite3.Connection, to: pathlib.Path) -> None:
    copied = sqlite3.connect(to, isolation_level=None)
    try:
        # One read transaction holds the instant: without it, every write in between begins the copy anew.
        link.execute("BEGIN")
        link.execute("SELECT count(*) FROM sqlite_master").fetchone()
        link.backup(copied, pages=_PAGES)
        link.execute("COMMIT")
        copied.execute("PRAGMA journal_mode=DELETE")  # all in one file; opening it turns to WAL again
    finally:
        copied.close()
    with to.open("rb+") as content:
        os.fsync(content.fileno())


def _sync(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

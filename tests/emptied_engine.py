"""The embedded engine with the node's tables, queues and bucket, emptied for each test instead of made again.

Making them takes 20 ms of processor time; deleting what a test left, from a file that stays open, half a ms.
Where a test made, changed or removed tables, queues or buckets, the next one has a new file.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chalicelib.settings import settings
from local.engine import Engine
from local.engine.sqs.fairness import Turns

_DEFINING = ("dynamodb_tables", "sqs_queues", "s3_buckets")
"""What says which tables, queues and buckets there are; the others hold what is in those."""


class EmptiedEngines:
    """In a folder an engine for each set of names, and of what is made."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._made = 0
        self._kept: dict[Any, _Kept] = {}

    @contextmanager
    def everything(self, create: Callable[[], None]) -> Iterator[None]:
        """An engine that holds what ``create`` makes, and nothing else; it is seldom called."""
        held = (settings().prefix, settings().bucket, create)
        kept = self._kept.get(held)
        if kept is None or not kept.empty():
            kept = self._kept[held] = self._new(create)
        with _asked(kept.engine):
            yield

    def _new(self, create: Callable[[], None]) -> "_Kept":
        self._made += 1
        # What is tested there is not that it survives a power cut.
        engine = Engine(self._folder / f"{self._made}.sqlite", synchronous="OFF")
        with _asked(engine):
            create()
        return _Kept(engine)

    def close(self) -> None:
        for kept in self._kept.values():
            kept.engine.close()


class _Kept:
    """An engine, and what was made in it."""

    def __init__(self, engine: Engine):
        self.engine = engine
        with engine.database.reading() as link:
            tables = link.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
            self._definitions = _definitions(link)
        self._filled = [name for (name,) in tables if name not in (*_DEFINING, "sqlite_sequence")]

    def empty(self) -> bool:
        """Have it as it was made; False, and closed, where that takes more than deleting what is in it."""
        engine = self.engine
        with engine.database.writing() as link:
            is_as_made = _definitions(link) == self._definitions
            for name in self._filled if is_as_made else ():
                link.execute(f'DELETE FROM "{name}"')
        if not is_as_made:
            engine.close()
            return False
        engine.known.clear()
        engine.known_queues.clear()
        engine.turns, engine.swept = Turns(), engine.clock()
        return True


@contextmanager
def _asked(engine: Engine) -> Iterator[None]:
    """Unlike ``with engine``, which closes it."""
    engine.install()
    try:
        yield
    finally:
        engine.uninstall()


def _definitions(link: sqlite3.Connection) -> list[Any]:
    schema: list[Any] = link.execute("PRAGMA schema_version").fetchall()
    return schema + [link.execute(f"SELECT * FROM {name}").fetchall() for name in _DEFINING]

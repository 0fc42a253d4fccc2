"""Storing what a benchmark needs much of: the items that transactions write, thousands of them in one of the
embedded engine's own."""

import contextlib
from collections.abc import Iterator
from typing import Any

from chalicelib.store.models.base import Table
from chalicelib.store.models.task_models import PostingItem
from local.engine import Engine
from local.engine.dynamodb import key_bytes, rows, table_operations, values

TOGETHER = 10_000
"""Items of one transaction of the engine."""


class Batch:
    """Items on their way to their tables, where there must not be one of the same key."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[tuple[str, dict[str, Any]]] = []

    def put(self, item: Table) -> None:
        """Store an item, now or with those that come."""
        self.put_raw(type(item), _raw(item))

    def put_raw(self, table: type[Table], item: dict[str, Any]) -> None:
        """The same of one in DynamoDB's terms."""
        self._waiting.append((table._get_connection().table_name, item))
        if len(self._waiting) == TOGETHER:
            self.send()

    def send(self) -> None:
        """Store what is waiting."""
        with self._engine.database.writing() as link:
            for name, given in self._waiting:
                table, item = table_operations.lookup(self._engine, name), values.checked_item(given)
                key = key_bytes.of_item(table, item)
                rows.store(link, table, rows.prepared(table, item, key, f"{key} is too large"), None)
        self._waiting.clear()


@contextlib.contextmanager
def storing(engine: Engine) -> Iterator[Batch]:
    """A batch whose items are all stored in the end."""
    batch = Batch(engine)
    yield batch
    batch.send()


def _raw(item: Table) -> dict[str, Any]:
    if isinstance(item, PostingItem):  # a task has a dozen, and PynamoDB's way takes longer than the write
        return {"term": {"S": item.term}, "place": {"S": item.place}}
    found: dict[str, Any] = item.serialize()
    return found

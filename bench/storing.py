"""Storing what a benchmark needs much of: the items that transactions write, in batches."""

import contextlib
from collections.abc import Iterator
from typing import Any

from chalicelib.store.models import PostingItem, Table, connection

MOST = 25
"""Items of one request."""


class Batch:
    """Items on their way to their tables."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._count = 0

    def put(self, item: Table) -> None:
        """Store an item, now or with those that come."""
        self.put_raw(type(item), _raw(item))

    def put_raw(self, table: type[Table], item: dict[str, Any]) -> None:
        """The same of one in DynamoDB's terms."""
        name: str = table._get_connection().table_name
        self._waiting.setdefault(name, []).append({"PutRequest": {"Item": item}})
        self._count += 1
        if self._count == MOST:
            self.send()

    def send(self) -> None:
        """Store what is waiting."""
        if self._waiting:
            answer = connection().client.batch_write_item(RequestItems=self._waiting)
            if answer.get("UnprocessedItems"):
                raise RuntimeError("not everything was stored")
        self._waiting, self._count = {}, 0


@contextlib.contextmanager
def storing() -> Iterator[Batch]:
    """A batch whose items are all stored in the end."""
    batch = Batch()
    yield batch
    batch.send()


def _raw(item: Table) -> dict[str, Any]:
    if isinstance(item, PostingItem):  # a task has a dozen, and PynamoDB's way takes longer than the write
        return {"term": {"S": item.term}, "place": {"S": item.place}}
    found: dict[str, Any] = item.serialize()
    return found

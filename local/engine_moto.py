"""moto, the AWS emulator in the process, made safe for threads, and cheap where it takes most of its time.

moto's DynamoDB is not atomic: of transactions racing on one item, several win. One lock around the
place where it handles a request repairs that; every use of moto here goes through this module.
Before a transaction moto copies each table named in it, once for every item of its: most of a transaction's
time. Here the items it names are kept instead, and put back where it fails. Of each attribute in an answer it
asks for all types that there are, under names that it might have; it has one, under its own. And a request
goes a shorter way (``moto_requests.py``).
"""

import contextlib
import copy
import functools
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import moto
import moto.dynamodb.models as moto_models
from moto.core.exceptions import JsonRESTError
from moto.core.serialize import ResponseSerializer
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from local import moto_requests

_LOCK = threading.RLock()
_ready = False


def prepare() -> None:
    """Let moto handle one DynamoDB request at a time, and cheaply, from now on. Done once is enough."""
    global _ready  # noqa: PLW0603
    if not _ready:
        _ready = True
        DynamoHandler.call_action = _one_at_a_time(DynamoHandler.call_action)  # type: ignore[method-assign]
        DynamoDBBackend.transact_write_items = _undone_by_item(  # type: ignore[method-assign]
            DynamoDBBackend.transact_write_items
        )
        ResponseSerializer.get_value = _attributes_as_they_are(  # type: ignore[method-assign]
            ResponseSerializer.get_value
        )
        vars(moto_models)["copy"] = types.SimpleNamespace(deepcopy=_copied)
        moto_requests.shorten()


def mocked() -> Any:
    """A context manager (with ``start()`` and ``stop()``) inside which all of AWS is moto.

    Clients must be made inside it, and no endpoint may be set in the environment.
    """
    prepare()
    return moto.mock_aws()


def _one_at_a_time(handle: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(handle)
    def handled(self: DynamoHandler) -> Any:
        with _LOCK:
            return handle(self)

    return handled


def _attributes_as_they_are(pick: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(pick)
    def picked(self: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
        of = getattr(shape, "parent", None)
        if of is not None and of.name == "AttributeValue" and type(value) is dict:
            return value.get(key)
        return pick(self, value, key, shape)

    return picked


def _copied(whole: Any) -> Any:
    """What moto is to have for a copy: of a table it wants one only to put it back, which is done here."""
    return whole if isinstance(whole, Table) else copy.deepcopy(whole)


def _undone_by_item(write: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(write)
    def written(self: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        with contextlib.ExitStack() as undo:
            for table, keys in _written(self, transact_items):
                undo.callback(_put_back, table, keys, copy.deepcopy(table.get_item(*keys)))
                if table.stream_shard is not None:
                    undo.callback(_cut, table.stream_shard.items, len(table.stream_shard.items))
            write(self, transact_items)
            undo.pop_all()

    return written


def _written(
    backend: DynamoDBBackend, transact_items: Iterable[dict[str, Any]]
) -> Iterator[tuple[Table, Any]]:
    """The tables and keys of what a transaction writes; moto itself refuses it where they are wrong."""
    for part in transact_items:
        for operation in part.values():
            with contextlib.suppress(JsonRESTError, KeyError, TypeError):
                table = backend.get_table(operation["TableName"])
                yield table, backend.get_keys_value(table, operation.get("Key") or operation["Item"])


def _put_back(table: Table, keys: Any, before: Any) -> None:
    hashed, ranged = keys
    where: Any = table.items if ranged is None else table.items[hashed]
    key = hashed if ranged is None else ranged
    if before is None:
        where.pop(key, None)
    else:
        where[key] = before


def _cut(records: list[Any], length: int) -> None:
    del records[length:]

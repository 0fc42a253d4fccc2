"""How often each hash key of each table and index is written and read: where DynamoDB has limits of its own.

Writes are counted where the embedded engine takes their units, reads where they are asked for. A local index
shares the partition of its table's key, so it counts as that.
"""

import contextlib
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple
from unittest import mock

import botocore.client

from local.engine.dynamodb import consumed_capacity, transactions

READS = ("GetItem", "BatchGetItem", "TransactGetItems", "Query")
_VALUE = re.compile(r"= (:\w+)")


class Place(NamedTuple):
    """A hash key, and where it is one; ``within`` is its index, empty for the table."""

    table: str
    within: str
    key: str


class HotKeys:
    """Units by place, and calls of AWS by what was under way, with the processor time they took here."""

    def __init__(self) -> None:
        self.writes: Counter[Place] = Counter()
        self.reads: Counter[Place] = Counter()
        self.calls: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.spent_here = 0.0
        self.phase = ""

    def clear(self) -> None:
        for each in (self.writes, self.reads, self.calls):
            each.clear()

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count all that this process asks for meanwhile."""
        written, performed = consumed_capacity.written, transactions._performed
        called = botocore.client.BaseClient._make_api_call
        within = threading.local()

        def counting_written(table: Any, new: Any, old: Any) -> Any:
            units = written(table, new, old)
            self._write(table, units, new, old, 2 if getattr(within, "transaction", False) else 1)
            return units

        def counting_performed(link: Any, writes: Any) -> Any:
            within.transaction = True
            try:
                return performed(link, writes)
            finally:
                within.transaction = False

        def counting_called(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            self.calls[self.phase][operation] += 1
            if operation in READS:
                arguments = {**arguments, "ReturnConsumedCapacity": "INDEXES"}
            began = time.process_time()
            try:
                answer = called(client, operation, arguments)
            finally:
                self.spent_here += time.process_time() - began
            if operation in READS:
                self._read(operation, arguments, answer)
            return answer

        with (
            mock.patch.object(consumed_capacity, "written", counting_written),
            mock.patch.object(transactions, "_performed", counting_performed),
            mock.patch.object(botocore.client.BaseClient, "_make_api_call", counting_called),
        ):
            yield

    def _write(self, table: Any, units: Any, new: Any, old: Any, factor: int) -> None:
        items = [each.item for each in (old, new) if each is not None]
        if not items:
            return
        name = _short(table.name)
        own = Place(name, "", _text(items[0][table.hash]))
        self.writes[own] += units.table * factor
        for index, taken in units.indexes.items():
            found = table.by_name[index]
            keys = {_text(item[found.hash]) for item in items if found.hash in item}
            for key in keys if found.is_global else ():
                self.writes[Place(name, index, key)] += taken * factor / len(keys)
            self.writes[own] += 0 if found.is_global else taken * factor

    def _read(self, operation: str, arguments: dict[str, Any], answer: dict[str, Any]) -> None:
        consumed = answer.get("ConsumedCapacity", [])
        for each in consumed if isinstance(consumed, list) else [consumed]:
            places = list(_asked(operation, arguments, each["TableName"]))
            for place in places:
                self.reads[place] += each["CapacityUnits"] / len(places)


def _asked(operation: str, arguments: dict[str, Any], table: str) -> Iterator[Place]:
    short = _short(table)
    if operation == "Query":
        value = _VALUE.search(arguments["KeyConditionExpression"])
        assert value is not None
        key = _text(arguments["ExpressionAttributeValues"][value[1]])
        index = arguments.get("IndexName", "")
        yield Place(short, index if _is_global(short, index) else "", key)
    elif operation == "GetItem":
        yield Place(short, "", _text(arguments["Key"][_hash_of(short)]))
    elif operation == "BatchGetItem":
        for each in arguments["RequestItems"][table]["Keys"]:
            yield Place(short, "", _text(each[_hash_of(short)]))
    else:
        gets = [each["Get"] for each in arguments["TransactItems"]]
        for one in gets:
            if one["TableName"] == table:
                yield Place(short, "", _text(one["Key"][_hash_of(short)]))


def _short(table: str) -> str:
    return table.rsplit("-", 1)[-1]


def _text(value: dict[str, Any]) -> str:
    return str(next(iter(value.values())))


def _definition(table: str) -> dict[str, Any]:
    from chalicelib.store.models.all_tables import TABLES

    return next(each for each in TABLES if each.short_name == table).definition()


def _hash_of(table: str) -> str:
    if table not in _HASHES:
        _HASHES[table] = _definition(table)["KeySchema"][0]["AttributeName"]
    return _HASHES[table]


def _is_global(table: str, index: str) -> bool:
    if table not in _GLOBAL:
        found = _definition(table).get("GlobalSecondaryIndexes") or []
        _GLOBAL[table] = {each["IndexName"] for each in found}
    return index in _GLOBAL[table]


_HASHES: dict[str, str] = {}
_GLOBAL: dict[str, set[str]] = {}

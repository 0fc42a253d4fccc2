"""BatchGetItem and BatchWriteItem: many items in one request, each for itself."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from local.engine.dynamodb import consumed_capacity, items, key_bytes, paths, rows, table_operations
from local.engine.dynamodb.consumed_capacity import Units
from local.engine.dynamodb.definitions import Table
from local.engine.dynamodb.items import Write
from local.engine.dynamodb.key_bytes import Key
from local.engine.dynamodb.scope import Scope
from local.engine.dynamodb.values import Item
from local.engine.engine_errors import invalid

if TYPE_CHECKING:
    from local.engine.engine import Engine

MOST_READ, MOST_WRITTEN = 100, 25
LARGEST = 16 << 20
"""Bytes a batch may read or write."""
_DUPLICATES = "Provided list of item keys contains duplicates"
Taken = dict[str, tuple[Table, Units]]


def get(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return table_operations.current(engine, lambda: _get(engine, params))


def _get(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    wanted: Mapping[str, Any] = params["RequestItems"]
    _require_number(sum(len(one["Keys"]) for one in wanted.values()), MOST_READ, "BatchGetItem")
    prepared = [_prepared(engine, name, one) for name, one in wanted.items()]
    found: dict[str, list[Any]] = {name: [] for name in wanted}
    left: dict[str, Any] = {}
    taken: Taken = {}
    size = 0
    with engine.database.snapshot() as link:
        for name, table, shown, asked in prepared:
            units = Units()
            consistent = wanted[name].get("ConsistentRead", False)
            known: dict[Key, tuple[Item, int]] = {}
            for number, (given, key) in enumerate(asked):
                if size > LARGEST:
                    left.setdefault(name, {**wanted[name], "Keys": []})["Keys"].append(given)
                    continue
                if number % rows.MOST_TOGETHER == 0:
                    together = asked[number : number + rows.MOST_TOGETHER]
                    known = rows.read_all(link, table, [key for _, key in together])
                row = known.get(key)
                units.table += consumed_capacity.read(row[1] if row else 0, consistent)
                if row is not None:
                    size += row[1]
                    found[name].append(row[0] if shown is None else paths.project(row[0], shown))
            taken[name] = (table, units)
    answer: dict[str, Any] = {"Responses": found, "UnprocessedKeys": left}
    consumed_capacity.add_all_to(answer, params, taken, None)
    return answer


def _require_number(number: int, most: int, what: str) -> None:
    if number > most:
        raise invalid(f"Too many items requested for the {what} call")
    if not number:
        raise invalid(
            "1 validation error detected: Value at 'requestItems' failed to satisfy constraint:"
            " Member must have length greater than or equal to 1"
        )


def _prepared(engine: "Engine", name: str, one: Mapping[str, Any]) -> tuple[str, Table, Any, list[Any]]:
    table = table_operations.lookup(engine, name)
    shown = items.projection(one, Scope(one))
    asked = [(given, key_bytes.given(table, given)[1]) for given in one["Keys"]]
    if len({key for _, key in asked}) < len(asked):
        raise invalid(_DUPLICATES)
    return name, table, shown, asked


def write(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return table_operations.current(engine, lambda: _write(engine, params))


def _write(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    wanted: Mapping[str, Any] = params["RequestItems"]
    _require_number(sum(len(requests) for requests in wanted.values()), MOST_WRITTEN, "BatchWriteItem")
    writes = [_one(engine, name, request) for name, requests in wanted.items() for request in requests]
    _require_different(writes)
    with engine.database.writing() as link:
        before = items.before(link, writes)
        done = [items.decided(one, before.get((one.table.id, one.key))) for one in writes]
        items.apply(link, writes, done)
    engine.sweep()
    answer: dict[str, Any] = {"UnprocessedItems": {}}
    if consumed_capacity.is_asked(params):
        taken: Taken = {}
        for one, result in zip(writes, done, strict=True):
            taken.setdefault(one.table.name, (one.table, Units()))[1].add(items.units(one, result))
        consumed_capacity.add_all_to(answer, params, taken, None)
    return answer


def _one(engine: "Engine", name: str, request: Mapping[str, Any]) -> Write:
    given = {what: inside for what, inside in request.items() if inside is not None}
    if given.keys() == {"PutRequest"}:
        return items.prepare(engine, "put", {"TableName": name, "Item": given["PutRequest"]["Item"]})
    if given.keys() == {"DeleteRequest"}:
        return items.prepare(engine, "delete", {"TableName": name, "Key": given["DeleteRequest"]["Key"]})
    raise invalid(
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported"
        " datatypes: a write request is a PutRequest or a DeleteRequest"
    )


def _require_different(writes: Iterable[Write]) -> None:
    seen = [(one.table.id, one.key) for one in writes]
    if len(set(seen)) < len(seen):
        raise invalid(_DUPLICATES)

"""Keys: what is valid as one, and its bytes, which sort in DynamoDB's order."""

from collections.abc import Mapping
from typing import Any

from local.engine.dynamodb import numeric, values
from local.engine.dynamodb.definitions import Index, Table
from local.engine.dynamodb.values import Item, Value, kind_of
from local.engine.engine_errors import invalid

Key = tuple[bytes, bytes]
"""Hash and range of a table's item; no bytes where the table has no range."""

LONGEST_HASH, LONGEST_RANGE = 2048, 1024
_BAD = "One or more parameter values were invalid: "
_EMPTY = "One or more parameter values are not valid. "


def encoded(value: Value) -> bytes:
    """A value of a key's type as bytes."""
    ((kind, content),) = value.items()
    if kind == "S":
        return bytes(content, "utf-8")
    return numeric.sortable(content) if kind == "N" else bytes(content)


def of_item(table: Table, item: Item) -> Key:
    """The key of an item to be stored. Raises ValidationException."""
    for name in table.keys:
        value = item.get(name)
        if value is None:
            raise invalid(f"{_BAD}Missing the key {name} in the item")
        if kind_of(value) != table.types[name]:
            raise invalid(
                f"{_BAD}Type mismatch for key {name} expected: {table.types[name]} actual: {kind_of(value)}"
            )
    return _encoded(table, item)


def given(table: Table, key: Mapping[str, Any]) -> tuple[Item, Key]:
    """A key as it was asked for, checked and as bytes. Raises ValidationException."""
    checked = values.checked_item(key)
    is_key = len(checked) == len(table.keys)
    for name in table.keys:
        is_key = is_key and name in checked and kind_of(checked[name]) == table.types[name]
    if not is_key:
        raise invalid("The provided key element does not match the schema")
    return checked, _encoded(table, checked)


def _encoded(table: Table, item: Item) -> Key:
    hash_part = _part(table.hash, item[table.hash])
    if len(hash_part) > LONGEST_HASH:
        raise invalid(f"{_BAD}Size of hashkey has exceeded the maximum size limit of2048 bytes")
    if table.range is None:
        return hash_part, b""
    range_part = _part(table.range, item[table.range])
    if len(range_part) > LONGEST_RANGE:
        raise invalid(f"{_BAD}Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
    return hash_part, range_part


def _part(name: str, value: Value) -> bytes:
    found = encoded(value)
    if not found:
        what = "string" if "S" in value else "binary"
        raise invalid(
            f"{_EMPTY}The AttributeValue for a key attribute cannot contain an empty {what} value."
            f" Key: {name}"
        )
    return found


def of_index(table: Table, index: Index, item: Item) -> tuple[bytes | None, bytes | None]:
    """An item's place in an index; nothing where it has none. Raises ValidationException for a wrong type.

    A local index is found by the table's hash.
    """
    hash_part = _index_part(table, index, index.hash, item) if index.is_global else b""
    range_part = b"" if index.range is None else _index_part(table, index, index.range, item)
    if hash_part is None or range_part is None:
        return None, None
    return hash_part, range_part


def _index_part(table: Table, index: Index, name: str, item: Item) -> bytes | None:
    value = item.get(name)
    if value is None:
        return None
    if kind_of(value) != table.types[name]:
        raise invalid(
            f"{_BAD}Type mismatch for Index Key {name} Expected: {table.types[name]} Actual: {kind_of(value)}"
            f" IndexName: {index.name}"
        )
    found = encoded(value)
    if not found and name not in table.keys:
        what = "string" if "S" in value else "binary"
        raise invalid(
            f"{_EMPTY}A value specified for a secondary index key is not supported. The AttributeValue for a"
            f" key attribute cannot contain an empty {what} value. IndexName: {index.name}, IndexKey: {name}"
        )
    if len(found) > (LONGEST_HASH if name == index.hash else LONGEST_RANGE):
        raise invalid(f"{_BAD}Size of the index key {name} has exceeded its limit. IndexName: {index.name}")
    return found

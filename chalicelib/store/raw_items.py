"""Reading items as they come, a member decoded when it is asked for.

PynamoDB makes an object of every attribute of every item, which takes it longer than the engine takes to
find them; a list reads thousands and asks for a few. What is written goes through the models.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)

from chalicelib.store.models.base import Table
from chalicelib.store.models.connection import connection
from chalicelib.store.models.instants import moment

AT_ONCE = 100
"""Keys of one BatchGetItem."""


def _number(text: str) -> float:
    return int(text) if text.removeprefix("-").isdecimal() else float(json.loads(text))


_DECODERS: dict[type, Callable[[dict[str, Any]], Any]] = {
    UnicodeAttribute: lambda value: value["S"],
    JSONAttribute: lambda value: json.loads(value["S"]),
    UTCDateTimeAttribute: lambda value: moment(value["S"]),
    NumberAttribute: lambda value: _number(value["N"]),
    BooleanAttribute: lambda value: value["BOOL"],
    BinaryAttribute: lambda value: value["B"],
}


class RawItem:
    """An item of a table or an index: its attributes as the model has them, None for those it has not."""

    __slots__ = ("_decoders", "_item")

    def __init__(self, item: Mapping[str, Any], decoders: Mapping[str, Callable[[Any], Any]]):
        self._item = item
        self._decoders = decoders

    @property
    def members(self) -> Mapping[str, Any]:
        """All of it, as DynamoDB gives it."""
        return self._item

    def text(self, name: str) -> str:
        """An attribute that is there, as it is stored."""
        found: str = self._item[name]["S"]
        return found

    def __getattr__(self, name: str) -> Any:
        value = self._item.get(name)
        return None if value is None else self._decoders[name](value)


def read(table: type[Table], item: Mapping[str, Any]) -> RawItem:
    """An item of a table that came some other way."""
    return RawItem(item, _decoders(table))


@functools.cache
def _decoders(table: type[Table]) -> dict[str, Callable[[Any], Any]]:
    return {name: _DECODERS[type(attribute)] for name, attribute in table.get_attributes().items()}


def get(table: type[Table], key: Mapping[str, str], consistent: bool = True) -> RawItem | None:
    """One item by its key of strings, strongly consistent unless it may be a moment behind; None where there
    is none."""
    found = connection().client.get_item(TableName=_name(table), Key=_wire(key), ConsistentRead=consistent)
    return RawItem(found["Item"], _decoders(table)) if "Item" in found else None


def batch_get(
    table: type[Table],
    keys: Sequence[Mapping[str, str]],
    consistent: bool = False,
    read: Sequence[str] | None = None,
) -> list[RawItem]:
    """Items by their keys, no two the same; in any order, those that are not there left out. Of ``read``
    alone, if given."""
    name, decoders, found = _name(table), _decoders(table), []
    left = [_wire(key) for key in keys]
    how: dict[str, Any] = {"ConsistentRead": consistent, **(_projection(read) if read else {})}
    while left:
        asked = {name: {"Keys": left[:AT_ONCE], **how}}
        answer = connection().client.batch_get_item(RequestItems=asked)
        found += [RawItem(item, decoders) for item in answer["Responses"].get(name, [])]
        left = [*answer.get("UnprocessedKeys", {}).get(name, {}).get("Keys", []), *left[AT_ONCE:]]
    return found


def _projection(names: Sequence[str]) -> dict[str, Any]:
    return {
        "ExpressionAttributeNames": {f"#r{number}": name for number, name in enumerate(names)},
        "ProjectionExpression": ", ".join(f"#r{number}" for number in range(len(names))),
    }


@dataclasses.dataclass(frozen=True)
class Stretch:
    """A part of a table or an index: what a hash key is, and the bounds of the range key, both included."""

    hash_key: tuple[str, str]
    range_key: str = ""
    lower: str | None = None
    upper: str | None = None
    index: str | None = None
    consistent: bool = False
    backwards: bool = False

    def asked(self) -> dict[str, Any]:
        """The arguments of a Query."""
        name, value = self.hash_key
        names, values, terms = {"#0": name}, {":0": {"S": value}}, ["#0 = :0"]
        bounds = {":1": self.lower, ":2": self.upper}
        given = {bound: {"S": text} for bound, text in bounds.items() if text is not None}
        if given:
            names["#1"] = self.range_key
            values |= given
            terms.append(_WITHIN[tuple(given)])
        return {
            "KeyConditionExpression": " AND ".join(terms),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not self.backwards,
            "ConsistentRead": self.consistent,
            **({"IndexName": self.index} if self.index else {}),
        }


_WITHIN = {
    (":1",): "#1 >= :1",
    (":2",): "#1 <= :2",
    (":1", ":2"): "#1 BETWEEN :1 AND :2",
}


def query(
    table: type[Table],
    stretch: Stretch,
    page_size: int | None = None,
    growing: int = 1,
    read: Sequence[str] | None = None,
    having: tuple[str, str] | None = None,
) -> Iterator[RawItem]:
    """The items of a stretch in order, read page by page as they are asked for; of ``read`` alone, if given.
    With ``having``, those whose attribute is a text: others are paid for, too, but not sent.

    Each page may have ``growing`` times as many as the one before, up to what DynamoDB gives at once.
    """
    decoders = _decoders(table)
    asked = {"TableName": _name(table), **stretch.asked()}
    if read is not None:
        projection = _projection(read)
        asked["ExpressionAttributeNames"] |= projection.pop("ExpressionAttributeNames")
        asked |= projection
    if having is not None:
        asked["FilterExpression"] = "#f = :f"
        asked["ExpressionAttributeNames"]["#f"] = having[0]
        asked["ExpressionAttributeValues"][":f"] = {"S": having[1]}
    while True:
        answer = connection().client.query(**asked, **({"Limit": page_size} if page_size else {}))
        for item in answer["Items"]:
            yield RawItem(item, decoders)
        if "LastEvaluatedKey" not in answer:
            return
        asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        page_size = page_size and page_size * growing


def _name(table: type[Table]) -> str:
    name: str = table._get_connection().table_name
    return name


def _wire(key: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in key.items()}

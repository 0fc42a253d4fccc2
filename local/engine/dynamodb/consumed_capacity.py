"""Capacity units, as DynamoDB counts them: what a benchmark here counts is what AWS would bill.

A read of up to 4 KB is one unit, half of one where it may be behind; a write of up to 1 KB is one unit, in
the table and in each index it changes. Transactions take twice as many.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from local.engine.dynamodb.definitions import Index, Table
from local.engine.dynamodb.rows import Stored, Written
from local.engine.dynamodb.values import Item, equal


@dataclasses.dataclass
class Units:
    """What one request took of one table."""

    table: float = 0.0
    indexes: dict[str, float] = dataclasses.field(default_factory=dict)

    def add(self, other: "Units") -> None:
        self.table += other.table
        for name, units in other.indexes.items():
            self.indexes[name] = self.indexes.get(name, 0.0) + units

    def times(self, factor: float) -> "Units":
        return Units(self.table * factor, {name: units * factor for name, units in self.indexes.items()})

    @property
    def total(self) -> float:
        return self.table + sum(self.indexes.values())


def read(size: int, consistent: bool) -> float:
    """Units of a read of so many bytes; nothing found counts as one block."""
    return max(1, -(-size // 4096)) * (1.0 if consistent else 0.5)


def write(size: int) -> float:
    """Units of a write of so many bytes."""
    return float(max(1, -(-size // 1024)))


def written(table: Table, new: Written | None, old: Stored | None) -> Units:
    """Units of putting one item in place of another; None is no item."""
    size = max(new.size if new else 0, old.size if old else 0)
    units = Units(write(size))
    for index in table.indexes:
        taken = _index_units(table, index, new, old)
        if taken:
            units.indexes[index.name] = taken
    return units


def _index_units(table: Table, index: Index, new: Written | None, old: Stored | None) -> float:
    at = 3 * index.slot
    before = old.places[at : at + 3] if old and old.places[at + 1] is not None else None
    after = new.places[at : at + 3] if new and new.places[at + 1] is not None else None
    if before is None or after is None:
        return sum(write(place[2]) for place in (before, after) if place is not None)
    if before[:2] != after[:2]:
        return write(before[2]) + write(after[2])  # it moves: taken out here, put in there
    assert old is not None
    assert new is not None
    if before[2] == after[2] and _same(old.item, new.item, table.projected(index)):
        return 0.0
    return write(max(before[2], after[2]))


def _same(one: Item, other: Item, names: Iterable[str] | None) -> bool:
    for name in one.keys() | other.keys() if names is None else names:
        left, right = one.get(name), other.get(name)
        if left is not right and (left is None or right is None or not equal(left, right)):
            return False
    return True


def described(table: Table, units: Units, wanted: str | None, side: str | None = None) -> dict[str, Any]:
    """ConsumedCapacity as it is answered; ``side`` is "Read" or "Write" where a transaction says which."""
    answer: dict[str, Any] = {"TableName": table.name, **_counted(units.total, side)}
    if wanted == "INDEXES":
        answer["Table"] = _counted(units.table, side)
        for kind, is_global in (("GlobalSecondaryIndexes", True), ("LocalSecondaryIndexes", False)):
            found = {
                name: _counted(taken, side)
                for name, taken in units.indexes.items()
                if table.by_name[name].is_global == is_global
            }
            if found:
                answer[kind] = found
    return answer


def _counted(units: float, side: str | None) -> dict[str, float]:
    return {"CapacityUnits": units, **({f"{side}CapacityUnits": units} if side else {})}


def is_asked(params: Mapping[str, Any]) -> bool:
    """Whether a request wants to know what it took."""
    return bool(params.get("ReturnConsumedCapacity", "NONE") != "NONE")


def add_to(answer: dict[str, Any], params: Mapping[str, Any], table: Table, units: Units) -> None:
    """Put ConsumedCapacity in the answer of a request of one table, where it was asked for."""
    if is_asked(params):
        answer["ConsumedCapacity"] = described(table, units, params["ReturnConsumedCapacity"])


def add_all_to(
    answer: dict[str, Any],
    params: Mapping[str, Any],
    taken: Mapping[str, tuple[Table, Units]],
    side: str | None,
) -> None:
    """The same for a request of many tables."""
    if is_asked(params):
        wanted = params["ReturnConsumedCapacity"]
        answer["ConsumedCapacity"] = [
            described(table, units, wanted, side) for table, units in taken.values()
        ]

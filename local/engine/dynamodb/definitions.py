"""Tables as they are defined: their keys, their indexes, and what CreateTable allows."""

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from local.engine.engine_errors import invalid

_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}\Z")
_BAD = "One or more parameter values were invalid: "


@dataclasses.dataclass(frozen=True)
class Index:
    """A secondary index; ``slot`` numbers it within its table."""

    name: str
    is_global: bool
    hash: str
    range: str | None
    projection: str
    included: tuple[str, ...]
    slot: int


@dataclasses.dataclass(frozen=True)
class Table:
    """A table; ``id`` is that of its rows, and is never used for another."""

    id: int
    name: str
    hash: str
    range: str | None
    types: Mapping[str, str]
    indexes: tuple[Index, ...]
    definition: Mapping[str, Any]
    created: float
    ttl: str | None

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        return (self.hash,) if self.range is None else (self.hash, self.range)

    @functools.cached_property
    def by_name(self) -> Mapping[str, Index]:
        return {index.name: index for index in self.indexes}

    def projected(self, index: Index) -> frozenset[str] | None:
        """The attributes an index holds; None for all."""
        return self._projections[index.slot]

    @functools.cached_property
    def _projections(self) -> tuple[frozenset[str] | None, ...]:
        return tuple(
            None if index.projection == "ALL" else frozenset((*self.keys, *_keys(index), *(index.included)))
            for index in self.indexes
        )

    @functools.cached_property
    def core(self) -> frozenset[str] | None:
        """The attributes kept apart from the others, as indexes hold them; None where it makes no difference.

        What an index reads is then small, however large the items.
        """
        partial = [names for names in self._projections if names is not None]
        return frozenset().union(*partial) if partial else None


def _keys(index: Index) -> tuple[str, ...]:
    return (index.hash,) if index.range is None else (index.hash, index.range)


def table(row: tuple[int, str, Mapping[str, Any], float, str | None]) -> Table:
    """A table from what is stored of it."""
    number, name, definition, created, ttl = row
    types = {one["AttributeName"]: one["AttributeType"] for one in definition["AttributeDefinitions"]}
    hash_name, range_name = key_names(definition["KeySchema"])
    indexes = tuple(_index(one, kind, slot) for slot, (one, kind) in enumerate(all_indexes(definition)))
    return Table(number, name, hash_name, range_name, types, indexes, definition, created, ttl)


def all_indexes(definition: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """The indexes of a definition, each with whether it is a global one."""
    for one in definition.get("GlobalSecondaryIndexes") or ():
        yield one, True
    for one in definition.get("LocalSecondaryIndexes") or ():
        yield one, False


def _index(given: Mapping[str, Any], is_global: bool, slot: int) -> Index:
    hash_name, range_name = key_names(given["KeySchema"])
    projection = given.get("Projection") or {}
    included = tuple(projection.get("NonKeyAttributes") or ())
    kind = projection.get("ProjectionType", "ALL")
    return Index(given["IndexName"], is_global, hash_name, range_name, kind, included, slot)


def key_names(schema: Sequence[Mapping[str, str]]) -> tuple[str, str | None]:
    """Hash and range attribute of a key schema. Raises ValidationException."""
    kinds = [part["KeyType"] for part in schema]
    if kinds not in (["HASH"], ["HASH", "RANGE"]):
        raise invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    names = [part["AttributeName"] for part in schema]
    if len(set(names)) != len(names):
        raise invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    return names[0], names[1] if len(names) == 2 else None


def require_valid(given: Mapping[str, Any]) -> None:
    """Raise ValidationException for arguments of CreateTable that describe no table."""
    require_name(given["TableName"])
    types = {one["AttributeName"]: one["AttributeType"] for one in given["AttributeDefinitions"]}
    if any(kind not in {"S", "N", "B"} for kind in types.values()):
        raise invalid(f"{_BAD}Attribute types of keys are S, N and B")
    used = set(filter(None, key_names(given["KeySchema"])))
    seen: set[str] = set()
    for one, is_global in all_indexes(given):
        used |= _require_index(one, is_global, given, seen)
    _require_attributes(used, types)
    _require_billing(given)
    if (given.get("StreamSpecification") or {}).get("StreamEnabled"):
        raise invalid(f"{_BAD}The embedded engine has no streams")


def require_name(name: str) -> None:
    if not _NAME.match(name):
        raise invalid(
            f"Invalid table/index name {name!r}: must be 3 to 255 of the characters a-z, A-Z, 0-9, _, - and ."
        )


def _require_index(
    one: Mapping[str, Any], is_global: bool, given: Mapping[str, Any], seen: set[str]
) -> set[str]:
    require_name(one["IndexName"])
    if one["IndexName"] in seen:
        raise invalid(f"{_BAD}Duplicate index name: {one['IndexName']}")
    seen.add(one["IndexName"])
    hash_name, range_name = key_names(one["KeySchema"])
    table_hash, table_range = key_names(given["KeySchema"])
    if not is_global and (hash_name != table_hash or range_name is None or table_range is None):
        raise invalid(
            f"{_BAD}Index KeySchema of a local index has the table's hash key and a range key of its own:"
            f" {one['IndexName']}"
        )
    projection = one.get("Projection") or {}
    if projection.get("ProjectionType") not in {"ALL", "KEYS_ONLY", "INCLUDE"}:
        raise invalid(f"{_BAD}Unknown ProjectionType: {projection.get('ProjectionType')}")
    if (projection["ProjectionType"] == "INCLUDE") != bool(projection.get("NonKeyAttributes")):
        raise invalid(f"{_BAD}NonKeyAttributes belong to ProjectionType INCLUDE, and it needs some")
    return set(filter(None, (hash_name, range_name)))


def _require_attributes(used: set[str], types: Mapping[str, str]) -> None:
    if used - types.keys():
        raise invalid(
            f"{_BAD}Some index key attributes are not defined in AttributeDefinitions."
            f" Keys: {sorted(used)}, AttributeDefinitions: {sorted(types)}"
        )
    if types.keys() - used:
        raise invalid(
            f"{_BAD}Some AttributeDefinitions are not used."
            f" AttributeDefinitions: {sorted(types)}, keys used: {sorted(used)}"
        )


def _require_billing(given: Mapping[str, Any]) -> None:
    on_demand = given.get("BillingMode", "PROVISIONED") == "PAY_PER_REQUEST"
    if on_demand and given.get("ProvisionedThroughput"):
        raise invalid(
            f"{_BAD}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is"
            " PAY_PER_REQUEST"
        )
    if not on_demand and not given.get("ProvisionedThroughput"):
        raise invalid(
            f"{_BAD}ReadCapacityUnits and WriteCapacityUnits must both be specified when"
            " BillingMode is PROVISIONED"
        )

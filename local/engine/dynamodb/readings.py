"""Queries and scans as they are asked for: checked, and ready to be read."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from local.engine.dynamodb import (
    conditions,
    items,
    key_bytes,
    key_conditions,
    syntax,
    table_operations,
    values,
)
from local.engine.dynamodb.definitions import Index, Table
from local.engine.dynamodb.key_conditions import Stretch
from local.engine.dynamodb.scope import Scope
from local.engine.dynamodb.syntax import Parsed, Path
from local.engine.dynamodb.values import Item
from local.engine.engine_errors import invalid

if TYPE_CHECKING:
    from local.engine.engine import Engine

_SELECTS = {"ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "COUNT", "SPECIFIC_ATTRIBUTES"}
_BAD = "One or more parameter values were invalid: "


@dataclasses.dataclass(frozen=True)
class Reading:
    """A query or scan, checked."""

    table: Table
    index: Index | None
    scope: Scope
    stretch: Stretch | None
    filter: Parsed | None
    wanted: list[Path] | None
    start: Item | None
    limit: int | None
    forward: bool
    counts: bool
    whole: bool
    """Whether items are read whole: what an index does not hold is wanted as well."""
    consistent: bool
    segment: tuple[int, int] | None = None


def prepared(engine: "Engine", params: Mapping[str, Any], is_query: bool) -> Reading:
    """A query, or else a scan. Raises ValidationException or ResourceNotFoundException."""
    table = table_operations.lookup(engine, params["TableName"])
    index = _index(table, params)
    scope = Scope(params)
    found, key_text = None, params.get("KeyConditionExpression")
    parsed_key = None
    if is_query:
        if key_text is None:
            raise invalid(
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the"
                " request."
            )
        hash_key, range_key = _typed(table, index)
        found, parsed_key = key_conditions.stretch(key_text, scope, hash_key, range_key)
    filter_text = params.get("FilterExpression")
    parsed = None if filter_text is None else syntax.condition(filter_text, "FilterExpression")
    wanted = items.projection(params, scope, parsed_key, parsed)
    if parsed is not None:
        conditions.require_sense(parsed, scope)
        if is_query:
            _require_no_keys(table, index, parsed, scope)
    limit = params.get("Limit")
    if limit is not None and limit < 1:
        raise invalid(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint:"
            " Member must have value greater than or equal to 1"
        )
    return Reading(
        table=table,
        index=index,
        scope=scope,
        stretch=found,
        filter=parsed,
        wanted=wanted,
        start=_start(table, index, params.get("ExclusiveStartKey"), found),
        limit=limit,
        forward=params.get("ScanIndexForward", True),
        consistent=_consistent(index, params),
        segment=_segment(params),
        **_selected(table, index, params, wanted),
    )


def _index(table: Table, params: Mapping[str, Any]) -> Index | None:
    name = params.get("IndexName")
    if name is None:
        return None
    if name not in table.by_name:
        raise invalid(f"The table does not have the specified index: {name}")
    return table.by_name[name]


def _typed(table: Table, index: Index | None) -> tuple[tuple[str, str], tuple[str, str] | None]:
    of = index or table
    return (of.hash, table.types[of.hash]), None if of.range is None else (of.range, table.types[of.range])


def _consistent(index: Index | None, params: Mapping[str, Any]) -> bool:
    wanted = bool(params.get("ConsistentRead", False))
    if wanted and index is not None and index.is_global:
        raise invalid("Consistent reads are not supported on global secondary indexes")
    return wanted


def _require_no_keys(table: Table, index: Index | None, parsed: Parsed, scope: Scope) -> None:
    of = index or table
    for path in parsed.paths:
        if scope.path(path)[0] in (of.hash, of.range):
            raise invalid(
                "Filter Expression can only contain non-primary key attributes:"
                f" Primary key attribute: {scope.path(path)[0]}"
            )


def _selected(
    table: Table, index: Index | None, params: Mapping[str, Any], wanted: list[Path] | None
) -> dict[str, bool]:
    select = params.get("Select")
    if select is not None and select not in _SELECTS:
        raise invalid(f"Select is one of {', '.join(sorted(_SELECTS))}")
    if wanted is not None and select not in {None, "SPECIFIC_ATTRIBUTES"}:
        raise invalid(f"Cannot specify the ProjectionExpression when choosing to get {select}")
    if wanted is None and select == "SPECIFIC_ATTRIBUTES":
        raise invalid("Must specify the ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
    held = None if index is None else table.projected(index)
    more = select == "ALL_ATTRIBUTES" or (
        wanted is not None and held is not None and any(path[0] not in held for path in wanted)
    )
    if index is None and select == "ALL_PROJECTED_ATTRIBUTES":
        raise invalid(f"{_BAD}ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
    if index is not None and index.is_global and held is not None and more:
        what = (
            "Select type ALL_ATTRIBUTES is not supported for global secondary index"
            f" {index.name} because its projection type is not ALL"
            if wanted is None
            else f"Global secondary index {index.name} does not project {wanted}"
        )
        raise invalid(_BAD + what)
    return {"counts": select == "COUNT", "whole": held is None or more}


def _segment(params: Mapping[str, Any]) -> tuple[int, int] | None:
    number, total = params.get("Segment"), params.get("TotalSegments")
    if number is None and total is None:
        return None
    if number is None or total is None or not 1 <= total <= 1_000_000 or not 0 <= number < total:
        raise invalid("Segment and TotalSegments go together, and Segment is less than TotalSegments")
    return number, total


def _start(table: Table, index: Index | None, given: Any, found: Stretch | None) -> Item | None:
    """The key to go on behind; whether there is such an item makes no difference."""
    if not given:
        return None
    start = values.checked_item(given)
    wanted = set(table.keys) if index is None else {*table.keys, index.hash, *filter(None, (index.range,))}
    if start.keys() != wanted or any(values.kind_of(start[name]) != table.types[name] for name in wanted):
        raise invalid("The provided starting key is invalid")
    hash_name = index.hash if index else table.hash
    if found is not None and key_bytes.encoded(start[hash_name]) != found.hash:
        raise invalid("The provided starting key is outside query boundaries based on provided conditions")
    return start

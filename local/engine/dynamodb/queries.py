"""Query and Scan: a page of items in the order of their keys."""

import contextlib
import dataclasses
import sqlite3
import zlib
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from local.engine.dynamodb import (
    capacity,
    conditions,
    items,
    key_conditions,
    keys,
    paths,
    rows,
    syntax,
    tables,
    values,
)
from local.engine.dynamodb.capacity import Units
from local.engine.dynamodb.definitions import Index, Table
from local.engine.dynamodb.key_conditions import Stretch
from local.engine.dynamodb.scope import Scope
from local.engine.dynamodb.syntax import Parsed, Path
from local.engine.dynamodb.values import Item
from local.engine.errors import invalid

if TYPE_CHECKING:
    from local.engine.engine import Engine

PAGE = 1 << 20
"""Bytes of items looked at for one page."""
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


@dataclasses.dataclass
class Page:
    """What came of it."""

    found: list[Item] = dataclasses.field(default_factory=list)
    count: int = 0
    scanned: int = 0
    size: int = 0
    last: Item | None = None
    fetched: float = 0.0
    """Units of reading items of the table for a local index that does not hold all that is wanted."""


def query(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return tables.current(engine, lambda: _read(engine, params, is_query=True))


def scan(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return tables.current(engine, lambda: _read(engine, params, is_query=False))


def _read(engine: "Engine", params: dict[str, Any], is_query: bool) -> dict[str, Any]:
    reading = _prepared(engine, params, is_query)
    with engine.database.reading() as link:
        page = _counted(link, reading) or _page(link, reading)
    answer: dict[str, Any] = {"Count": page.count, "ScannedCount": page.scanned}
    if not reading.counts:
        answer["Items"] = page.found
    if page.last is not None:
        answer["LastEvaluatedKey"] = page.last
    units = capacity.read(page.size, reading.consistent)
    taken = Units(page.fetched, {reading.index.name: units}) if reading.index else Units(units)
    capacity.add_to(answer, params, reading.table, taken)
    return answer


def _prepared(engine: "Engine", params: Mapping[str, Any], is_query: bool) -> Reading:
    table = tables.lookup(engine, params["TableName"])
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
    wanted = items.projection(params, parsed_key, parsed)
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
    if found is not None and keys.encoded(start[hash_name]) != found.hash:
        raise invalid("The provided starting key is outside query boundaries based on provided conditions")
    return start


def _order(reading: Reading) -> tuple[str, ...]:
    """The columns that put rows in order, the hash of the stretch first."""
    index = reading.index
    if index is None:
        return ("h", "r")
    if index.is_global:
        return (f"h{index.slot}", f"r{index.slot}", "h", "r")
    return ("h", f"r{index.slot}", "r")


def _terms(reading: Reading) -> tuple[str, list[Any]]:
    """The WHERE clause of a page and what to bind."""
    columns = _order(reading)
    terms, bound = key_conditions.where(reading.stretch, columns[0], columns[1])
    if reading.index is not None:
        terms.append(f"r{reading.index.slot} IS NOT NULL")
    if reading.start is not None:
        behind = columns[1:] if reading.stretch else columns
        terms.append(
            f"({', '.join(behind)}) {'>' if reading.forward else '<'} ({', '.join('?' * len(behind))})"
        )
        places = _place(reading, reading.start)
        bound += places[1:] if reading.stretch else places
    return (f" WHERE {' AND '.join(terms)}" if terms else ""), bound


def _place(reading: Reading, key: Item) -> list[bytes]:
    table, index = reading.table, reading.index
    own = [keys.encoded(key[name]) for name in table.keys]
    own += [b""] * (2 - len(own))
    if index is None:
        return own
    range_part = b"" if index.range is None else keys.encoded(key[index.range])
    if index.is_global:
        return [keys.encoded(key[index.hash]), range_part, *own]
    return [own[0], range_part, own[1]]


def _counted(link: sqlite3.Connection, reading: Reading) -> Page | None:
    """The answer of a count that fits one page, read from SQLite's index alone; None where it does not."""
    if not reading.counts or reading.filter is not None or reading.limit is not None or reading.segment:
        return None
    clause, bound = _terms(reading)
    size_column = "size" if reading.index is None else f"z{reading.index.slot}"
    count, size = link.execute(
        f"SELECT count(*), coalesce(sum({size_column}), 0) FROM t{reading.table.id}{clause}", bound
    ).fetchone()
    return Page(count=count, scanned=count, size=size) if size <= PAGE else None


def _page(link: sqlite3.Connection, reading: Reading) -> Page:
    with contextlib.closing(_rows(link, reading)) as found:  # an open cursor would hold its snapshot
        return _filled(reading, found)


def _filled(reading: Reading, found: Iterator[tuple[Item, int, int | None]]) -> Page:
    page, tested = Page(), reading.filter
    last: Item = {}
    for item, size, whole_size in found:
        if page.scanned and page.size + size > PAGE:
            page.last = _key(reading, last)
            break
        last = item
        page.size += size
        page.scanned += 1
        if whole_size is not None:
            page.fetched += capacity.read(whole_size, reading.consistent)
        if tested is None or conditions.holds(tested.tree, item, reading.scope):
            page.count += 1
            if not reading.counts:
                page.found.append(_shown(reading, item))
        if page.scanned == reading.limit:
            page.last = _key(reading, item)
            break
    return page


def _rows(link: sqlite3.Connection, reading: Reading) -> Generator[tuple[Item, int, int | None], None, None]:
    """Items in order, each with its bytes, and those of the table's where that is read as well."""
    table, index = reading.table, reading.index
    held = None if index is None else table.projected(index)
    size_column = "size" if index is None else f"z{index.slot}"
    rest = "rest" if reading.whole or index is None or held is None else "NULL"
    clause, bound = _terms(reading)
    direction = "" if reading.forward else " DESC"
    order = ", ".join(column + direction for column in _order(reading))
    limit = "" if reading.limit is None or reading.segment else f" LIMIT {int(reading.limit)}"
    found = link.execute(
        f"SELECT core, {rest}, {size_column}, size, h FROM t{table.id}{clause} ORDER BY {order}{limit}", bound
    )
    for core, others, size, whole_size, hash_part in found:
        if reading.segment and zlib.crc32(hash_part) % reading.segment[1] != reading.segment[0]:
            continue
        item = rows.loaded(core, others)
        if held is None:
            yield item, size, None
        elif reading.whole:
            yield item, size, whole_size
        else:
            yield {name: value for name, value in item.items() if name in held}, size, None


def _shown(reading: Reading, item: Item) -> Item:
    return item if reading.wanted is None else paths.project(item, reading.wanted)


def _key(reading: Reading, item: Item) -> Item:
    index = reading.index
    names = dict.fromkeys(reading.table.keys)
    if index is not None:
        names |= dict.fromkeys(filter(None, (index.hash, index.range)))
    return {name: item[name] for name in names}

"""Query and Scan: a page of items in the order of their keys."""

import contextlib
import dataclasses
import sqlite3
import zlib
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from local.engine.dynamodb import (
    clauses,
    conditions,
    consumed_capacity,
    item_json,
    paths,
    readings,
    table_operations,
)
from local.engine.dynamodb.consumed_capacity import Units
from local.engine.dynamodb.prefilter import Prefilter
from local.engine.dynamodb.readings import Reading
from local.engine.dynamodb.values import Item

if TYPE_CHECKING:
    from local.engine.engine import Engine

PAGE = 1 << 20
"""Bytes of items looked at for one page."""
_SUMMED = 1 << 13
"""Rows of a count that SQLite adds up by itself; of more, it is looked at each where the page ends."""


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
    return table_operations.current(engine, lambda: _read(engine, params, is_query=True))


def scan(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return table_operations.current(engine, lambda: _read(engine, params, is_query=False))


def _read(engine: "Engine", params: dict[str, Any], is_query: bool) -> dict[str, Any]:
    reading = readings.prepared(engine, params, is_query)
    at_once = engine.database.snapshot if reading.filter is not None else engine.database.reading
    told = clauses.told_by_sqlite(reading)
    with at_once() as link:
        page = _counted(link, reading, told) or _page(link, reading, told)
    answer: dict[str, Any] = {"Count": page.count, "ScannedCount": page.scanned}
    if not reading.counts:
        answer["Items"] = page.found
    if page.last is not None:
        answer["LastEvaluatedKey"] = page.last
    units = consumed_capacity.read(page.size, reading.consistent)
    taken = Units(page.fetched, {reading.index.name: units}) if reading.index else Units(units)
    consumed_capacity.add_to(answer, params, reading.table, taken)
    return answer


def _counted(link: sqlite3.Connection, reading: Reading, told: Prefilter | None) -> Page | None:
    """A page of a count, which SQLite makes by itself; None where items have to be looked at."""
    if not reading.counts or reading.limit is not None or reading.segment:
        return None
    if reading.filter is not None and (told is None or not told.is_all):
        return None
    clause, bound = clauses.where(reading)
    size_column = clauses.size_column(reading)
    holds, tested = (told.expression, told.bound) if told else ("1", ())
    places = f"FROM t{reading.table.id}{clause} ORDER BY {clauses.ordered(reading)}"
    scanned, size, count = link.execute(
        f"SELECT count(*), coalesce(sum(size), 0), coalesce(sum(holds), 0) FROM"
        f" (SELECT {size_column} AS size, {holds} AS holds {places} LIMIT {_SUMMED})",
        (*tested, *bound),
    ).fetchone()
    if scanned < _SUMMED and size <= PAGE:
        return Page(count=count, scanned=scanned, size=size)
    statement = f"SELECT {size_column}, {holds}, id {places}"
    return _counted_in_part(link, reading, statement, (*tested, *bound))


def _counted_in_part(
    link: sqlite3.Connection, reading: Reading, statement: str, bound: tuple[Any, ...]
) -> Page:
    """What fits one page of a count, and the key to go on behind."""
    page, last = Page(), None
    with contextlib.closing(link.execute(statement, bound)) as found:
        for size, holds, row in found:
            if page.scanned and page.size + size > PAGE:
                page.last = _key_of(link, reading, last)
                break
            last = row
            page.size += size
            page.scanned += 1
            page.count += holds
    return page


def _key_of(link: sqlite3.Connection, reading: Reading, row: int | None) -> Item:
    found = link.execute(f"SELECT core, rest FROM t{reading.table.id} WHERE id=?", (row,)).fetchone()
    return _key(reading, item_json.loaded(*found))


def _summed(link: sqlite3.Connection, reading: Reading) -> tuple[int, int] | None:
    """How many rows there are to look at, and their bytes, where that is all of them and fits one page."""
    if reading.limit is not None or reading.segment or _reads_both(reading):
        return None
    clause, bound = clauses.where(reading)
    scanned, size = link.execute(
        "SELECT count(*), coalesce(sum(size), 0) FROM"
        f" (SELECT {clauses.size_column(reading)} AS size FROM t{reading.table.id}{clause} LIMIT {_SUMMED})",
        bound,
    ).fetchone()
    return (scanned, size) if scanned < _SUMMED and size <= PAGE else None


def _reads_both(reading: Reading) -> bool:
    """Whether items of the table are read besides those of a local index that does not hold all."""
    return reading.index is not None and reading.whole and reading.table.projected(reading.index) is not None


def _page(link: sqlite3.Connection, reading: Reading, told: Prefilter | None) -> Page:
    whole = _summed(link, reading) if told else None
    if whole is not None:  # one page: where SQLite can tell that the filter does not hold, nothing is read
        with contextlib.closing(_rows(link, reading, told, only_told=True)) as found:
            page = _filled(link, reading, found)
        page.scanned, page.size = whole
        return page
    with contextlib.closing(_rows(link, reading, told)) as found:  # an open cursor would hold its snapshot
        return _filled(link, reading, found)


class _Row(NamedTuple):
    """A row looked at: its item, None where SQLite could tell that the filter does not hold; the bytes that
    are read of it, and those of the table's item where that is read as well."""

    id: int
    item: Item | None
    size: int
    whole_size: int | None


def _filled(link: sqlite3.Connection, reading: Reading, found: Iterator[_Row]) -> Page:
    page, tested = Page(), reading.filter
    last = None
    for row in found:
        if page.scanned and page.size + row.size > PAGE:
            page.last = _key_of(link, reading, last)
            break
        last, item = row.id, row.item
        page.size += row.size
        page.scanned += 1
        if row.whole_size is not None:
            page.fetched += consumed_capacity.read(row.whole_size, reading.consistent)
        if item is not None and (tested is None or conditions.holds(tested.tree, item, reading.scope)):
            page.count += 1
            if not reading.counts:
                page.found.append(_shown(reading, item))
        if page.scanned == reading.limit:
            page.last = _key_of(link, reading, row.id) if item is None else _key(reading, item)
            break
    return page


def _rows(
    link: sqlite3.Connection, reading: Reading, told: Prefilter | None, only_told: bool = False
) -> Generator[_Row, None, None]:
    """Rows in order; with ``only_told`` those alone of which SQLite can tell that the filter may hold."""
    table, index = reading.table, reading.index
    held = None if index is None else table.projected(index)
    rest = "rest" if reading.whole or index is None or held is None else "NULL"
    clause, bound = clauses.where(reading)
    core = "core"
    if told and only_told:
        clause, bound = (
            f"{clause}{' AND ' if clause else ' WHERE '}({told.expression})",
            [*bound, *told.bound],
        )
    elif told:
        core, bound = f"CASE WHEN {told.expression} THEN core END", [*told.bound, *bound]
    limit = "" if reading.limit is None or reading.segment else f" LIMIT {int(reading.limit)}"
    found = link.execute(
        f"SELECT {core}, {rest}, {clauses.size_column(reading)}, size, h, id FROM t{table.id}{clause}"
        f" ORDER BY {clauses.ordered(reading)}{limit}",
        bound,
    )
    is_both = _reads_both(reading)
    for kept, others, size, whole_size, hash_part, number in found:
        if reading.segment and zlib.crc32(hash_part) % reading.segment[1] != reading.segment[0]:
            continue
        item = None if kept is None else item_json.loaded(kept, others)
        if item is not None and held is not None and not reading.whole:
            item = {name: value for name, value in item.items() if name in held}
        yield _Row(number, item, size, whole_size if is_both else None)


def _shown(reading: Reading, item: Item) -> Item:
    return item if reading.wanted is None else paths.project(item, reading.wanted)


def _key(reading: Reading, item: Item) -> Item:
    index = reading.index
    names = dict.fromkeys(reading.table.keys)
    if index is not None:
        names |= dict.fromkeys(filter(None, (index.hash, index.range)))
    return {name: item[name] for name in names}

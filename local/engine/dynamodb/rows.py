"""Items as rows of SQLite. Every DynamoDB table is a table of its own:

    h, r      hash and range as bytes that sort as the keys do
    size      of the item, in DynamoDB's bytes
    x         epoch second after which it may be dropped, where the table has a time to live
    hN rN zN  of index N: hash (not of a local one) and range as bytes, and the size of what it holds
    core      JSON of the attributes that indexes hold
    rest      JSON of the others

SQLite keeps an index of each (hN, rN, h, r, zN), partial as DynamoDB's are sparse: an item is in it while it
has both attributes. So an index is never behind, and counting reads nothing but it.
"""

import dataclasses
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from local.engine.dynamodb import item_json, key_bytes, values
from local.engine.dynamodb.definitions import Index, Table
from local.engine.dynamodb.key_bytes import Key
from local.engine.dynamodb.values import Item
from local.engine.engine_errors import invalid

LARGEST = 400 * 1024
"""Bytes an item may have."""
MOST_COUNTED = 1000
"""Items of a table that are counted one by one."""
MOST_TOGETHER = 25
"""Rows that one statement is for: each statement is a turn to compute given away, and waited for again."""


@dataclasses.dataclass(frozen=True)
class Stored:
    """A row: the item, its size, and by index the place and size it has there."""

    id: int
    item: Item
    size: int
    places: tuple[Any, ...]


def create(link: sqlite3.Connection, table: Table) -> None:
    """Make the table of rows, and its indexes."""
    places = "".join(f", h{n.slot} BLOB, r{n.slot} BLOB, z{n.slot} INTEGER" for n in table.indexes)
    link.execute(
        f"CREATE TABLE t{table.id}(id INTEGER PRIMARY KEY, h BLOB NOT NULL, r BLOB NOT NULL,"
        f" size INTEGER NOT NULL, x INTEGER{places}, core TEXT NOT NULL, rest TEXT, UNIQUE(h, r))"
    )
    link.execute(f"CREATE INDEX t{table.id}x ON t{table.id}(x) WHERE x IS NOT NULL")
    for index in table.indexes:
        link.execute(
            f"CREATE INDEX t{table.id}i{index.slot} ON t{table.id}"
            f"({hash_column(index)}, r{index.slot}, {'h, r' if index.is_global else 'r'}, z{index.slot})"
            f" WHERE r{index.slot} IS NOT NULL"
        )


def drop(link: sqlite3.Connection, table: Table) -> None:
    link.execute(f"DROP TABLE t{table.id}")


def measured(link: sqlite3.Connection, table: Table) -> tuple[int, int]:
    """How many items there are, and their bytes: of many about as many as there may be, judged by the first.

    DynamoDB counts every six hours; to count all here would take as long as to read all.
    """
    first, size, last = link.execute(
        "SELECT count(*), coalesce(sum(size), 0), max(id)"
        f" FROM (SELECT id, size FROM t{table.id} ORDER BY id LIMIT {MOST_COUNTED})"
    ).fetchone()
    if first < MOST_COUNTED:
        return first, size
    greatest = link.execute(f"SELECT max(id) FROM t{table.id}").fetchone()[0]
    count = first + greatest - last
    return count, size * count // first


def hash_column(index: Index) -> str:
    """The column an index finds its hash in: a local one has the table's."""
    return f"h{index.slot}" if index.is_global else "h"


def get(link: sqlite3.Connection, table: Table, key: Key) -> Stored | None:
    """The row of an item."""
    row = link.execute(_statements(table).select, key).fetchone()
    return None if row is None else _stored(row)


def _stored(row: tuple[Any, ...]) -> Stored:
    return Stored(row[0], item_json.loaded(row[1], row[2]), row[3], tuple(row[4:]))


def get_all(link: sqlite3.Connection, table: Table, wanted: Sequence[Key]) -> dict[Key, Stored]:
    """The rows of several items, of those that are there."""
    found = _found(link, table, wanted, _statements(table).whole)
    return {key: _stored(row) for key, row in found}


def read_all(link: sqlite3.Connection, table: Table, wanted: Sequence[Key]) -> dict[Key, tuple[Item, int]]:
    """Several items and their sizes, of those that are there."""
    found = _found(link, table, wanted, "core, rest, size")
    return {key: (item_json.loaded(row[0], row[1]), row[2]) for key, row in found}


def _found(
    link: sqlite3.Connection, table: Table, wanted: Sequence[Key], columns: str
) -> Iterator[tuple[Key, tuple[Any, ...]]]:
    for first in range(0, len(wanted), MOST_TOGETHER):
        some = wanted[first : first + MOST_TOGETHER]
        # SQLite looks an index up for each of a list that is joined, and not for each of a list that is IN.
        given = ", ".join(["(?, ?)"] * len(some))
        statement = (
            f"SELECT h, r, {columns} FROM (VALUES {given}) AS k"
            f" CROSS JOIN t{table.id} ON h=k.column1 AND r=k.column2"
        )
        for row in link.execute(statement, [part for key in some for part in key]).fetchall():
            yield (row[0], row[1]), row[2:]


@dataclasses.dataclass(frozen=True)
class _Statements:
    whole: str
    select: str
    read: str
    insert: str
    columns: tuple[str, ...]


def _statements(table: Table) -> _Statements:
    known: _Statements | None = table.__dict__.get("statements")
    if known is None:
        known = table.__dict__["statements"] = _made(table)
    return known


def _made(table: Table) -> _Statements:
    places = tuple(f"{letter}{n.slot}" for n in table.indexes for letter in "hrz")
    columns = ("size", "x", *places, "core", "rest")
    whole = ", ".join(("id", "core", "rest", "size", *places))
    return _Statements(
        whole=whole,
        select=f"SELECT {whole} FROM t{table.id} WHERE h=? AND r=?",
        read=f"SELECT core, rest, size FROM t{table.id} WHERE h=? AND r=?",
        insert=f"INSERT INTO t{table.id}(h, r, {', '.join(columns)})",
        columns=columns,
    )


def read(link: sqlite3.Connection, table: Table, key: Key) -> tuple[Item, int] | None:
    """An item and its size."""
    row = link.execute(_statements(table).read, key).fetchone()
    return None if row is None else (item_json.loaded(row[0], row[1]), row[2])


@dataclasses.dataclass(frozen=True)
class Written:
    """An item made ready to be stored; raises ValidationException in the making."""

    key: Key
    item: Item
    size: int
    expires: int | None
    places: tuple[Any, ...]


def prepared(table: Table, item: Item, key: Key, too_large: str) -> Written:
    """An item as it is to be stored. Raises ValidationException."""
    sizes = values.sizes(item)
    size = sum(sizes.values())
    if size > LARGEST:
        raise invalid(too_large)
    places: list[Any] = []
    for index in table.indexes:
        where = key_bytes.of_index(table, index, item)
        if where[1] is None:
            places += (None, None, None)
            continue
        held = table.projected(index)
        taken = size if held is None else sum(sizes[name] for name in held if name in sizes)
        places += (where[0], where[1], taken)
    return Written(key, item, size, expiry(table.ttl, item), tuple(places))


def expiry(ttl: str | None, item: Item) -> int | None:
    """The epoch second after which an item may be dropped."""
    found = item.get(ttl) if ttl is not None else None
    if found is None or "N" not in found:
        return None
    second = int(float(found["N"]))
    return second if 0 < second < 1 << 53 else None


def add(link: sqlite3.Connection, table: Table, new: Sequence[Written]) -> None:
    """Write items where there are none yet."""
    statements = _statements(table)
    row = f"(?, ?{', ?' * len(statements.columns)})"
    for first in range(0, len(new), MOST_TOGETHER):
        some = new[first : first + MOST_TOGETHER]
        link.execute(
            f"{statements.insert} VALUES {', '.join([row] * len(some))}",
            [value for one in some for value in (*one.key, *_values(table, one))],
        )


def _values(table: Table, new: Written) -> tuple[Any, ...]:
    return (new.size, new.expires, *new.places, *_dumped(table, new.item))


def store(link: sqlite3.Connection, table: Table, new: Written, old: Stored | None) -> None:
    """Write an item in place of the one there was."""
    if old is None:
        add(link, table, [new])
        return
    values_of, statements = _values(table, new), _statements(table)
    # A column that is named is written in the index too, so those that stay are left out.
    same = {
        name
        for name, was, is_now in zip(statements.columns[2:], old.places, new.places, strict=False)
        if was == is_now
    }
    changed = [
        (name, value) for name, value in zip(statements.columns, values_of, strict=True) if name not in same
    ]
    link.execute(
        f"UPDATE t{table.id} SET {', '.join(f'{name}=?' for name, _ in changed)} WHERE id=?",
        (*(value for _, value in changed), old.id),
    )


def delete(link: sqlite3.Connection, table: Table, old: Stored) -> None:
    link.execute(f"DELETE FROM t{table.id} WHERE id=?", (old.id,))


def _dumped(table: Table, item: Item) -> tuple[str, str | None]:
    if table.core is None:
        return item_json.dumped(item), None
    rest = {name: value for name, value in item.items() if name not in table.core}
    core = item if not rest else {name: value for name, value in item.items() if name in table.core}
    return item_json.dumped(core), item_json.dumped(rest) if rest else None

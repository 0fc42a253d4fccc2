"""The SQL of a reading: which rows, in which order, and what SQLite can tell of the filter by itself."""

from typing import Any

from local.engine.dynamodb import key_bytes, key_conditions, prefilter
from local.engine.dynamodb.prefilter import Prefilter
from local.engine.dynamodb.readings import Reading
from local.engine.dynamodb.values import Item


def _order(reading: Reading) -> tuple[str, ...]:
    """The columns that put rows in order, the hash of the stretch first."""
    index = reading.index
    if index is None:
        return ("h", "r")
    if index.is_global:
        return (f"h{index.slot}", f"r{index.slot}", "h", "r")
    return ("h", f"r{index.slot}", "r")


def ordered(reading: Reading) -> str:
    """The ORDER BY clause."""
    direction = "" if reading.forward else " DESC"
    return ", ".join(column + direction for column in _order(reading))


def where(reading: Reading) -> tuple[str, list[Any]]:
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
    own = [key_bytes.encoded(key[name]) for name in table.keys]
    own += [b""] * (2 - len(own))
    if index is None:
        return own
    range_part = b"" if index.range is None else key_bytes.encoded(key[index.range])
    if index.is_global:
        return [key_bytes.encoded(key[index.hash]), range_part, *own]
    return [own[0], range_part, own[1]]


def told_by_sqlite(reading: Reading) -> Prefilter | None:
    """What SQLite can tell of the filter there is."""
    if reading.filter is None:
        return None
    held = None if reading.index is None or reading.whole else reading.table.projected(reading.index)
    return prefilter.of(reading.table, reading.filter, reading.scope, held)


def size_column(reading: Reading) -> str:
    """The column that says how many bytes of a row are read."""
    return "size" if reading.index is None else f"z{reading.index.slot}"

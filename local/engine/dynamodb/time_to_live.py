"""Time to live: which attribute says it, and dropping what is past it."""

import sqlite3
from typing import TYPE_CHECKING, Any

from local.engine.dynamodb import item_json, rows, table_operations
from local.engine.dynamodb.definitions import Table
from local.engine.engine_errors import invalid

if TYPE_CHECKING:
    from local.engine.engine import Engine

_OLDEST = 5 * 365 * 86400
"""Seconds: what expired longer ago is taken for a mistake, and kept, as AWS does."""


def update(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    table = table_operations.lookup(engine, params["TableName"])
    wanted = params["TimeToLiveSpecification"]
    name, enabled = wanted["AttributeName"], wanted["Enabled"]
    if enabled == (table.ttl is not None):
        raise invalid(f"TimeToLive is already {'enabled' if enabled else 'disabled'}")
    if not enabled and name != table.ttl:
        raise invalid(
            f"TimeToLive is active on a different AttributeName: current AttributeName is {table.ttl}"
        )
    with engine.database.writing() as link:
        ttl = name if enabled else None
        link.execute("UPDATE dynamodb_tables SET ttl=? WHERE id=?", (ttl, table.id))
        _fill(link, table, ttl)
    engine.known.clear()
    return {"TimeToLiveSpecification": {"AttributeName": name, "Enabled": enabled}}


def _fill(link: sqlite3.Connection, table: Table, ttl: str | None) -> None:
    """Note when the items there are expire."""
    link.execute(f"UPDATE t{table.id} SET x=NULL WHERE x IS NOT NULL")
    if ttl is None:
        return
    for number, core, rest in link.execute(f"SELECT id, core, rest FROM t{table.id}").fetchall():
        when = rows.expiry(ttl, item_json.loaded(core, rest))
        if when is not None:
            link.execute(f"UPDATE t{table.id} SET x=? WHERE id=?", (when, number))


def describe(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.reading() as link:
        row = link.execute("SELECT ttl FROM dynamodb_tables WHERE name=?", (params["TableName"],)).fetchone()
    if row is None:
        table_operations.lookup(engine, params["TableName"])  # raises, in the words all share
    ttl = row[0]
    said = {"TimeToLiveStatus": "ENABLED", "AttributeName": ttl} if ttl else {"TimeToLiveStatus": "DISABLED"}
    return {"TimeToLiveDescription": said}


def drop(link: sqlite3.Connection, now: float, at_once: int) -> int:
    """Drop what expired before now, so many items of a table; the most that a table had."""
    found = link.execute("SELECT id FROM dynamodb_tables WHERE ttl IS NOT NULL").fetchall()
    return max((_drop(link, number, int(now), at_once) for (number,) in found), default=0)


def _drop(link: sqlite3.Connection, number: int, now: int, at_once: int) -> int:
    dropped = link.execute(
        f"DELETE FROM t{number} WHERE id IN (SELECT id FROM t{number} WHERE x>? AND x<? ORDER BY x LIMIT ?)",
        (now - _OLDEST, now, at_once),
    )
    return dropped.rowcount

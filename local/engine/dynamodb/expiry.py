"""Time to live: which attribute says it, and dropping what is past it, now and then and a little at a time.

AWS drops items within days of their time. Here a write does, once a minute, and once a second while there
are more of them than it drops at once. Until then they are there, and are read: whoever must not see them
filters by time.
"""

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

from local.engine.dynamodb import rows, tables
from local.engine.dynamodb.definitions import Table
from local.engine.errors import ServiceError, invalid

if TYPE_CHECKING:
    from local.engine.engine import Engine

EVERY = 60.0
"""Seconds between sweeps."""
EVERY_OF_MANY = 1.0
"""Seconds to the next sweep where one left something."""
AT_ONCE = 200
"""Items a sweep drops of a table."""
_OLDEST = 5 * 365 * 86400
"""Seconds: what expired longer ago is taken for a mistake, and kept, as AWS does."""


def update(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    table = tables.lookup(engine, params["TableName"])
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
        when = rows.expiry(ttl, rows.loaded(core, rest))
        if when is not None:
            link.execute(f"UPDATE t{table.id} SET x=? WHERE id=?", (when, number))


def describe(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.reading() as link:
        row = link.execute("SELECT ttl FROM dynamodb_tables WHERE name=?", (params["TableName"],)).fetchone()
    if row is None:
        tables.lookup(engine, params["TableName"])  # raises, in the words all share
    ttl = row[0]
    said = {"TimeToLiveStatus": "ENABLED", "AttributeName": ttl} if ttl else {"TimeToLiveStatus": "DISABLED"}
    return {"TimeToLiveDescription": said}


def sweep(engine: "Engine") -> None:
    """Drop what has expired, unless that was done just now. Never fails: there is always a next time."""
    now = engine.clock()
    if now - engine.swept < EVERY:
        return
    engine.swept = now
    with contextlib.suppress(ServiceError):  # whoever calls has written, and is to hear so
        if _sweep(engine, int(now)):
            engine.swept = now - EVERY + EVERY_OF_MANY
        engine.database.shrink()


def _sweep(engine: "Engine", now: int) -> bool:
    """Drop what expired before now; whether there may be more."""
    most = 0
    with engine.database.writing() as link:
        found = link.execute("SELECT id FROM dynamodb_tables WHERE ttl IS NOT NULL").fetchall()
        for (number,) in found:
            dropped = link.execute(
                f"DELETE FROM t{number} WHERE id IN"
                f" (SELECT id FROM t{number} WHERE x>? AND x<? ORDER BY x LIMIT ?)",
                (now - _OLDEST, now, AT_ONCE),
            )
            most = max(most, dropped.rowcount)
    return most >= AT_ONCE

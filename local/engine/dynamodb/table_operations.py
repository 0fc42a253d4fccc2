"""Operations on DynamoDB's tables, and looking one up for all others."""

import datetime as dt
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from local.engine.dynamodb import definitions, rows
from local.engine.dynamodb.definitions import Table
from local.engine.engine_errors import ServiceError, invalid

if TYPE_CHECKING:
    from local.engine.engine import Engine

T = TypeVar("T")

_KEPT = (
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "BillingMode",
    "ProvisionedThroughput",
    "DeletionProtectionEnabled",
)
_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/"
_MOST_LISTED = 100
_TRUSTED = 5.0
"""Seconds for which a definition is not read again; that another process replaced the table shows at once."""


def lookup(engine: "Engine", name: str) -> Table:
    """A table by its name. Raises ResourceNotFoundException."""
    known, until = engine.known.get(name, (None, 0.0))
    if until > time.monotonic():
        table: Table = known
        return table
    with engine.database.reading() as link:
        found = _stored(link, name.removeprefix(_ARN))
    if found is None:
        raise _missing()
    engine.known[name] = (found, time.monotonic() + _TRUSTED)
    return found


def _stored(link: sqlite3.Connection, name: str) -> Table | None:
    row = link.execute(
        "SELECT id, name, definition, created, ttl FROM dynamodb_tables WHERE name=?", (name,)
    ).fetchone()
    return None if row is None else definitions.table((row[0], row[1], json.loads(row[2]), row[3], row[4]))


def _missing() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "Requested resource not found")


def current(engine: "Engine", work: Callable[[], T]) -> T:
    """Do work on tables, once more where another process replaced one of them meanwhile."""
    try:
        return work()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error) and "no such column" not in str(error):
            raise
    engine.known.clear()
    return work()


def create(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    definitions.require_valid(params)
    definition = {name: params[name] for name in _KEPT if params.get(name)}
    name, now = params["TableName"], engine.clock()
    with engine.database.writing() as link:
        if _stored(link, name) is not None:
            raise ServiceError("ResourceInUseException", f"Table already exists: {name}")
        found = link.execute(
            "INSERT INTO dynamodb_tables(name, definition, created) VALUES(?, ?, ?)",
            (name, json.dumps(definition), now),
        )
        table = definitions.table((found.lastrowid or 0, name, definition, now, None))
        rows.create(link, table)
    return {"TableDescription": _described(table, 0, 0)}


def describe(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.reading() as link:
        table = _stored(link, params["TableName"].removeprefix(_ARN))
        if table is None:
            raise ServiceError(
                "ResourceNotFoundException",
                f"Requested resource not found: Table: {params['TableName']} not found",
            )
        count, size = rows.measured(link, table)
    return {"Table": _described(table, count, size)}


def delete(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    name = params["TableName"].removeprefix(_ARN)
    with engine.database.writing() as link:
        table = _stored(link, name)
        if table is None:
            raise ServiceError(
                "ResourceNotFoundException", f"Requested resource not found: Table: {name} not found"
            )
        if table.definition.get("DeletionProtectionEnabled"):
            raise invalid(f"Resource cannot be deleted as it is currently protected against deletion: {name}")
        rows.drop(link, table)
        link.execute("DELETE FROM dynamodb_tables WHERE id=?", (table.id,))
    engine.known.clear()
    return {"TableDescription": {**_described(table, 0, 0), "TableStatus": "DELETING"}}


def listed(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    limit = params.get("Limit", _MOST_LISTED)
    if not 1 <= limit <= _MOST_LISTED:
        raise invalid("Limit must be between 1 and 100")
    with engine.database.reading() as link:
        found = link.execute(
            "SELECT name FROM dynamodb_tables WHERE name>? ORDER BY name LIMIT ?",
            (params.get("ExclusiveStartTableName", ""), limit + 1),
        ).fetchall()
    names = [name for (name,) in found[:limit]]
    return {"TableNames": names, **({"LastEvaluatedTableName": names[-1]} if len(found) > limit else {})}


def _described(table: Table, count: int, size: int) -> dict[str, Any]:
    definition = table.definition
    throughput = {
        "NumberOfDecreasesToday": 0,
        **{f"{side}CapacityUnits": 0 for side in ("Read", "Write")},
        **definition.get("ProvisionedThroughput", {}),
    }
    answer: dict[str, Any] = {
        "TableName": table.name,
        "TableStatus": "ACTIVE",
        "TableArn": _ARN + table.name,
        "TableId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{table.id}")),
        "CreationDateTime": dt.datetime.fromtimestamp(table.created, dt.timezone.utc),
        "AttributeDefinitions": definition["AttributeDefinitions"],
        "KeySchema": definition["KeySchema"],
        "ItemCount": count,
        "TableSizeBytes": size,
        "ProvisionedThroughput": throughput,
        "DeletionProtectionEnabled": definition.get("DeletionProtectionEnabled", False),
    }
    if definition.get("BillingMode") == "PAY_PER_REQUEST":
        answer["BillingModeSummary"] = {"BillingMode": "PAY_PER_REQUEST"}
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if definition.get(kind):
            answer[kind] = [_described_index(table, one, kind) for one in definition[kind]]
    return answer


def _described_index(table: Table, given: Mapping[str, Any], kind: str) -> dict[str, Any]:
    state = {"IndexStatus": "ACTIVE"} if kind.startswith("Global") else {}
    return {**given, **state, "IndexArn": f"{_ARN}{table.name}/index/{given['IndexName']}"}

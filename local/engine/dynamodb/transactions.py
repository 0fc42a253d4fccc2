"""TransactWriteItems and TransactGetItems: all of it at one instant, or nothing."""

import base64
import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from local.engine.dynamodb import consumed_capacity, items, key_bytes, paths, rows, table_operations
from local.engine.dynamodb.consumed_capacity import Units
from local.engine.dynamodb.definitions import Table
from local.engine.dynamodb.items import ConditionFailed, Done, Write
from local.engine.dynamodb.scope import Scope
from local.engine.engine_errors import ServiceError, invalid

if TYPE_CHECKING:
    from local.engine.engine import Engine

MOST = 100
LARGEST = 4 << 20
"""Bytes of all items a transaction touches."""
REMEMBERED = 600.0
"""Seconds for which a client's token stands for what was done under it."""
_KINDS = {"Put": "put", "Update": "update", "Delete": "delete", "ConditionCheck": "check"}
Reason = dict[str, Any]


def write(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return table_operations.current(engine, lambda: _write(engine, params))


def _write(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    actions = params["TransactItems"]
    _require_number(actions)
    token = params.get("ClientRequestToken")
    digest = _digest(params) if token is not None else ""
    writes = _prepared(engine, actions)
    sound = [one for one in writes if one.trouble is None]
    if len({(one.table.id, one.key) for one in sound}) < len(sound):
        raise invalid("Transaction request cannot include multiple operations on one item")
    with engine.database.writing() as link:
        if token is not None:
            known = _remembered(engine, link, token, digest)
            if known is not None:
                return known
        done = _performed(link, writes)
        answer = _answer(writes, done, params)
        if token is not None:
            _remember(link, token, digest, _repeated(writes, done, params), engine.clock())
    engine.sweep()
    return answer


def _require_number(actions: Sequence[Any]) -> None:
    if not 1 <= len(actions) <= MOST:
        raise invalid(
            "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must"
            f" have length less than or equal to {MOST} and greater than or equal to 1"
        )


def _prepared(engine: "Engine", actions: Sequence[Mapping[str, Any]]) -> list[Write]:
    prepared = []
    for action in actions:
        given = [(kind, request) for kind, request in action.items() if request is not None]
        if len(given) != 1 or given[0][0] not in _KINDS:
            raise invalid("TransactItems can only contain one of Check, Put, Update or Delete")
        kind, request = given[0]
        if kind == "ConditionCheck" and request.get("ConditionExpression") is None:
            raise invalid("The ConditionExpression of a ConditionCheck is missing")
        if kind == "Update" and request.get("UpdateExpression") is None:
            raise invalid("The UpdateExpression of an Update is missing")
        prepared.append(items.prepare(engine, _KINDS[kind], request, within=True))
    return prepared


def _performed(link: sqlite3.Connection, writes: Sequence[Write]) -> list[Done]:
    """Do all writes. Raises TransactionCanceledException with a reason for each, whichever failed."""
    before = items.before(link, writes)
    done: list[Done] = []
    reasons: list[Reason] = []
    for one in writes:
        try:
            done.append(items.decided(one, before.get((one.table.id, one.key))))
            reasons.append({"Code": "None"})
        except ConditionFailed as error:
            item = {} if error.item is None else {"Item": error.item}
            reasons.append({"Code": "ConditionalCheckFailed", "Message": str(error), **item})
        except ServiceError as error:
            reasons.append({"Code": "ValidationError", "Message": error.message})
    if len(done) < len(writes):
        raise cancelled(reasons)
    if sum(max(one.new.size if one.new else 0, one.old.size if one.old else 0) for one in done) > LARGEST:
        raise invalid("Transaction request exceeds the size of 4 MB that all its items may have")
    items.apply(link, writes, done)
    return done


def cancelled(reasons: Sequence[Reason]) -> ServiceError:
    codes = ", ".join(reason["Code"] for reason in reasons)
    return ServiceError(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        CancellationReasons=list(reasons),
    )


def _answer(writes: Sequence[Write], done: Sequence[Done], params: Mapping[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if consumed_capacity.is_asked(params):
        taken: dict[str, tuple[Table, Units]] = {}
        for one, result in zip(writes, done, strict=True):
            units = taken.setdefault(one.table.name, (one.table, Units()))[1]
            units.add(items.units(one, result).times(2))
        consumed_capacity.add_all_to(answer, params, taken, "Write")
    return answer


def _digest(params: Mapping[str, Any]) -> str:
    def spelled(value: Any) -> Any:
        return base64.b64encode(bytes(value)).decode()

    text = json.dumps(params["TransactItems"], sort_keys=True, default=spelled)
    return hashlib.sha256(text.encode()).hexdigest()


def _remembered(engine: "Engine", link: sqlite3.Connection, token: str, digest: str) -> dict[str, Any] | None:
    if not 1 <= len(token) <= 36:
        raise invalid("A ClientRequestToken has 1 to 36 characters")
    row = link.execute("SELECT digest, used, answer FROM dynamodb_tokens WHERE token=?", (token,)).fetchone()
    if row is None or row[1] < engine.clock() - REMEMBERED:
        return None
    if row[0] != digest:
        raise ServiceError(
            "IdempotentParameterMismatchException",
            "The ClientRequestToken was used before with another transaction",
        )
    found: dict[str, Any] = json.loads(row[2])
    return found


def _repeated(writes: Sequence[Write], done: Sequence[Done], params: Mapping[str, Any]) -> dict[str, Any]:
    """What a repetition is answered: it only reads, and takes the units of that."""
    taken: dict[str, tuple[Table, Units]] = {}
    for one, result in zip(writes, done, strict=True):
        size = result.new.size if result.new else result.old.size if result.old else 0
        taken.setdefault(one.table.name, (one.table, Units()))[1].table += 2 * consumed_capacity.read(
            size, True
        )
    again: dict[str, Any] = {}
    consumed_capacity.add_all_to(again, params, taken, "Read")
    return again


def _remember(link: sqlite3.Connection, token: str, digest: str, answer: dict[str, Any], now: float) -> None:
    link.execute("DELETE FROM dynamodb_tokens WHERE used<?", (now - REMEMBERED,))
    link.execute(
        "INSERT OR REPLACE INTO dynamodb_tokens(token, digest, used, answer) VALUES(?, ?, ?, ?)",
        (token, digest, now, json.dumps(answer)),
    )


def get(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return table_operations.current(engine, lambda: _get(engine, params))


def _get(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    asked = [action["Get"] for action in params["TransactItems"]]
    _require_number(asked)
    prepared = []
    for one in asked:
        table = table_operations.lookup(engine, one["TableName"])
        prepared.append((table, key_bytes.given(table, one["Key"])[1], items.projection(one, Scope(one))))
    if len({(table.id, key) for table, key, _ in prepared}) < len(prepared):
        raise invalid("Transaction request cannot include multiple operations on one item")
    found: list[dict[str, Any]] = []
    taken: dict[str, tuple[Table, Units]] = {}
    with engine.database.snapshot() as link:
        for table, key, shown in prepared:
            row = rows.read(link, table, key)
            units = taken.setdefault(table.name, (table, Units()))[1]
            units.table += 2 * consumed_capacity.read(row[1] if row else 0, True)
            found.append(
                {} if row is None else {"Item": row[0] if shown is None else paths.project(row[0], shown)}
            )
    answer: dict[str, Any] = {"Responses": found}
    consumed_capacity.add_all_to(answer, params, taken, "Read")
    return answer

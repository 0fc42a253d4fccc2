"""Operations on single items: get, put, update, delete; and one write as part of whatever transaction."""

import dataclasses
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from local.engine.dynamodb import (
    conditions,
    consumed_capacity,
    key_bytes,
    paths,
    rows,
    soundness,
    syntax,
    table_operations,
    update_actions,
    values,
)
from local.engine.dynamodb.consumed_capacity import Units
from local.engine.dynamodb.definitions import Table
from local.engine.dynamodb.key_bytes import Key
from local.engine.dynamodb.rows import Stored, Written
from local.engine.dynamodb.scope import Scope
from local.engine.dynamodb.syntax import Parsed, Path
from local.engine.dynamodb.values import Item
from local.engine.engine_errors import ServiceError, invalid

if TYPE_CHECKING:
    from local.engine.engine import Engine

_TOO_LARGE = "Item size has exceeded the maximum allowed size"
_GROWN = "Item size to update has exceeded the maximum allowed size"
_RETURNED = {
    "put": {"NONE", "ALL_OLD"},
    "delete": {"NONE", "ALL_OLD"},
    "update": {"NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"},
}


@dataclasses.dataclass(frozen=True)
class Write:
    """One write, with all checked that can be without looking at the item.

    ``what`` is put, update, delete or check; ``item`` that of a put, else the attributes of the key.
    """

    what: str
    table: Table
    key: Key
    item: Item
    condition: Parsed | None
    update: Parsed | None
    scope: Scope
    shows_item: bool
    """Whether a condition that fails says what the item was."""
    trouble: ServiceError | None = None
    """Why its item cannot be written, where a transaction says so among its reasons."""


@dataclasses.dataclass(frozen=True)
class Done:
    """What a write did: the item before and after it, None where there was or is none."""

    old: Stored | None
    new: Written | None


class ConditionFailed(Exception):
    """The condition of a write does not hold; ``item`` is what it met, where that was asked for."""

    def __init__(self, item: Item | None):
        super().__init__("The conditional request failed")
        self.item = item


def prepare(engine: "Engine", what: str, request: Mapping[str, Any], within: bool = False) -> Write:
    """A write from its request; ``within`` a transaction, what is wrong with its item comes up later.

    Raises ValidationException or ResourceNotFoundException.
    """
    table = table_operations.lookup(engine, request["TableName"])
    scope = Scope(request)
    text, update_text = request.get("ConditionExpression"), request.get("UpdateExpression")
    condition = None if text is None else syntax.condition(text)
    update = None if update_text is None else syntax.update(update_text)
    soundness.require(table, condition, update, scope)
    shows_item = request.get("ReturnValuesOnConditionCheckFailure", "NONE") == "ALL_OLD"
    try:
        item, key = _item(table, what, request)
    except ServiceError as error:
        if not within:
            raise
        return Write(what, table, (b"", b""), {}, condition, update, scope, shows_item, error)
    return Write(what, table, key, item, condition, update, scope, shows_item)


def _item(table: Table, what: str, request: Mapping[str, Any]) -> tuple[Item, Key]:
    if what != "put":
        return key_bytes.given(table, request["Key"])
    item = values.checked_item(request["Item"])
    return item, key_bytes.of_item(table, item)


def before(link: sqlite3.Connection, writes: Sequence[Write]) -> dict[tuple[int, Key], Stored]:
    """What there is of the items that are to be written, by their tables' ids and their keys."""
    by_table: dict[int, list[Write]] = {}
    for write in writes:
        if write.trouble is None:
            by_table.setdefault(write.table.id, []).append(write)
    return {
        (number, key): stored
        for number, some in by_table.items()
        for key, stored in rows.get_all(link, some[0].table, [write.key for write in some]).items()
    }


def decided(write: Write, old: Stored | None) -> Done:
    """What a write is to do, nothing of which is done yet. Raises ConditionFailed or ValidationException."""
    if write.trouble is not None:
        raise write.trouble
    if write.condition is not None and not conditions.holds(
        write.condition.tree, old.item if old else {}, write.scope
    ):
        raise ConditionFailed(old.item if old and write.shows_item else None)
    return Done(old, _new(write, old) if write.what in ("put", "update") else None)


def units(write: Write, done: Done) -> Units:
    """What a write took, which takes a while to tell."""
    if write.what == "check":
        return Units(consumed_capacity.write(done.old.size if done.old else 0))
    return consumed_capacity.written(write.table, done.new, done.old)


def apply(link: sqlite3.Connection, writes: Sequence[Write], done: Sequence[Done]) -> None:
    """Do what was decided of writes of different items: those that are new of each table together."""
    added: dict[int, tuple[Table, list[Written]]] = {}
    for write, result in zip(writes, done, strict=True):
        if result.new is None:
            if write.what == "delete" and result.old is not None:
                rows.delete(link, write.table, result.old)
        elif result.old is None:
            added.setdefault(write.table.id, (write.table, []))[1].append(result.new)
        else:
            rows.store(link, write.table, result.new, result.old)
    for table, new in added.values():
        rows.add(link, table, new)


def perform(link: sqlite3.Connection, write: Write) -> Done:
    """Do a write inside a transaction. Raises ConditionFailed or ValidationException, having done nothing."""
    done = decided(write, rows.get(link, write.table, write.key))
    apply(link, [write], [done])
    return done


def _new(write: Write, old: Stored | None) -> Written:
    if write.what == "put":
        return rows.prepared(write.table, write.item, write.key, _TOO_LARGE)
    item = dict(write.item if old is None else old.item)
    if write.update is not None:
        item = update_actions.updated(item, write.update, write.scope)
    return rows.prepared(write.table, item, write.key, _GROWN)


def get(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return table_operations.current(engine, lambda: _get(engine, params))


def _get(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    table = table_operations.lookup(engine, params["TableName"])
    wanted = projection(params, Scope(params))
    _, key = key_bytes.given(table, params["Key"])
    with engine.database.reading() as link:
        found = rows.read(link, table, key)
    answer: dict[str, Any] = {}
    if found is not None:
        answer["Item"] = found[0] if wanted is None else paths.project(found[0], wanted)
    taken = consumed_capacity.read(found[1] if found else 0, params.get("ConsistentRead", False))
    consumed_capacity.add_to(answer, params, table, Units(taken))
    return answer


def projection(params: Mapping[str, Any], scope: Scope, *others: Parsed | None) -> list[Path] | None:
    """The paths a read asks for, None for all; checks the placeholders of all its expressions."""
    text = params.get("ProjectionExpression")
    parsed = None if text is None else syntax.projection(text)
    scope.require_matching((parsed, *others))
    if parsed is None:
        return None
    wanted = [scope.path(path) for path in parsed.tree]
    paths.require_apart(wanted, "ProjectionExpression")
    return wanted


def put(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return table_operations.current(engine, lambda: _single(engine, "put", params))


def update(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return table_operations.current(engine, lambda: _single(engine, "update", params))


def delete(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return table_operations.current(engine, lambda: _single(engine, "delete", params))


def _single(engine: "Engine", what: str, params: dict[str, Any]) -> dict[str, Any]:
    wanted = params.get("ReturnValues", "NONE")
    if wanted not in _RETURNED[what]:
        raise invalid(f"Return values set to invalid value: {wanted}")
    write = prepare(engine, what, params)
    try:
        with engine.database.writing() as link:
            done = perform(link, write)
    except ConditionFailed as error:
        item: dict[str, Any] = {} if error.item is None else {"Item": error.item}
        raise ServiceError("ConditionalCheckFailedException", str(error), **item) from error
    engine.sweep()
    answer = _returned(write, done, wanted)
    if consumed_capacity.is_asked(params):
        consumed_capacity.add_to(answer, params, write.table, units(write, done))
    return answer


def _returned(write: Write, done: Done, wanted: str) -> dict[str, Any]:
    if wanted == "NONE":
        return {}
    old, new = done.old, done.new
    if wanted == "ALL_OLD":
        return {"Attributes": old.item} if old else {}
    if wanted == "ALL_NEW":
        return {"Attributes": new.item} if new else {}
    item = (old.item if old else {}) if wanted == "UPDATED_OLD" else (new.item if new else {})
    changed = update_actions.changed_paths(write.update, write.scope) if write.update else []
    found = paths.project(item, changed)
    return {"Attributes": found} if found else {}

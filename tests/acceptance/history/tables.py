"""The tables of all nodes, in memory: what DynamoDB promises of conditions, transactions and indexes.

Tables are as ``store/models/`` defines them. An index is behind by up to a second, as it may be on
AWS. Every change is kept, with what was there before. ``without`` names a condition that is left out;
``calls``, where it is a list, gets every request with its answer.
"""

import dataclasses
import functools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, dict[str, Any]]
Key = tuple[Any, ...]
Called = tuple[str, dict[str, Any], dict[str, Any] | None]
"""A request's operation, its members, and the answer; None where a condition did not hold."""
SLOWEST = 1.0
"""Seconds an index may be behind."""


@dataclasses.dataclass(frozen=True)
class Change:
    """One item written or deleted; ``old`` and ``new`` as they were before and after, None for nothing."""

    at: float
    how: str
    table: str
    old: dict[str, Any] | None
    new: dict[str, Any] | None


class _Missing:
    """An attribute that is not there: no comparison holds."""

    def __eq__(self, other: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    __hash__ = None  # type: ignore[assignment]

    def __ne__(self, other: object) -> bool:
        return True


_MISSING = _Missing()


def plain(value: dict[str, Any]) -> Any:
    """A value of DynamoDB's as Python has it."""
    ((kind, content),) = value.items()
    return float(content) if kind == "N" else None if kind == "NULL" else content


def decoded(item: Item | None) -> dict[str, Any] | None:
    return None if item is None else {name: plain(value) for name, value in item.items()}


@functools.cache
def _compiled(expression: str) -> Any:
    text = re.sub(r"(#\d+) BETWEEN (:\d+) AND (:\d+)", r"(\2 <= \1 <= \3)", expression)
    text = text.replace("attribute_not_exists (", "not has(").replace("attribute_exists (", "has(")
    text = text.replace(" = ", " == ").replace(" AND ", " and ").replace(" OR ", " or ")
    return compile(re.sub(r"[#:]\d+", r'at("\g<0>")', text), expression, "eval")


def holds(item: Item | None, request: dict[str, Any], member: str) -> bool:
    """Whether the condition in a member of a request holds for an item."""
    expression = request.get(member)
    if not expression:
        return True
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})

    def at(token: str) -> Any:
        if token[0] == ":":
            return plain(values[token])
        found = (item or {}).get(names[token])
        return _MISSING if found is None else plain(found)

    has = lambda value: value is not _MISSING  # noqa: E731
    return bool(eval(_compiled(expression), {"at": at, "has": has}))


def updated(item: Item, request: dict[str, Any]) -> Item:
    """An item after an UpdateExpression."""
    names, values = request["ExpressionAttributeNames"], request.get("ExpressionAttributeValues", {})
    after = dict(item)
    parts = re.split(r"(?:^| )(SET|REMOVE|ADD) ", request["UpdateExpression"])[1:]
    for clause, body in zip(parts[::2], parts[1::2], strict=True):
        for action in body.split(", "):
            name, _, value = action.replace(" = ", " ").partition(" ")
            if clause == "SET":
                after[names[name]] = values[value]
            elif clause == "REMOVE":
                after.pop(names[name], None)
            else:
                before = int(after.get(names[name], {"N": "0"})["N"])
                after[names[name]] = {"N": str(before + int(values[value]["N"]))}
    return after


class Tables:
    """All tables; ``call`` takes a request as a client of DynamoDB makes it."""

    def __init__(
        self,
        definitions: Iterable[dict[str, Any]],
        now: Callable[[], float],
        lag: Callable[[], float],
        beside: "Tables | None" = None,
    ):
        """``beside`` others, of another deployment, whose changes and conditions are noted together."""
        self._now, self._lag = now, lag
        self.changes: list[Change] = beside.changes if beside else []
        self.conditions: set[str] = beside.conditions if beside else set()
        self.without: str | None = None
        self.calls: list[Called] | None = None
        self.items: dict[str, dict[Key, Item]] = {}
        self._keys: dict[str, dict[str | None, list[str]]] = {}
        self._shown: dict[tuple[str, str], set[str]] = {}
        self._filed: dict[tuple[str, str | None, Any], dict[Key, None]] = defaultdict(dict)
        self._recent: dict[str, list[tuple[float, Key, Item | None]]] = {}
        for definition in definitions:
            self._define(definition)

    def _define(self, definition: dict[str, Any]) -> None:
        name = definition["TableName"]
        self.items[name], self._recent[name] = {}, []
        self._keys[name] = {None: _key_names(definition)}
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            for index in definition.get(kind) or ():
                self._keys[name][index["IndexName"]] = _key_names(index)
                further = index["Projection"].get("NonKeyAttributes", [])
                self._shown[name, index["IndexName"]] = {
                    *_key_names(definition),
                    *_key_names(index),
                    *further,
                }

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] | None = None
        try:
            answer = getattr(self, f"_{operation}")(request)
            assert answer is not None
            return answer
        finally:
            if self.calls is not None:
                self.calls.append((operation, request, answer))

    def _key(self, table: str, item: Item) -> Key:
        return tuple(plain(item[name]) for name in self._keys[table][None])

    def _write(self, how: str, table: str, key: Key, new: Item | None) -> None:
        old = self.items[table].get(key)
        self.changes.append(Change(self._now(), how, table, decoded(old), decoded(new)))
        self._recent[table].append((self._now(), key, old))
        for index, names in self._keys[table].items():
            for item, file in ((old, False), (new, True)):
                if item is not None and names[0] in item:
                    filed = self._filed[table, index, plain(item[names[0]])]
                    filed.update({key: None}) if file else filed.pop(key, None)
        if new is None:
            self.items[table].pop(key, None)
        else:
            self.items[table][key] = new

    def _allowed(self, how: str, request: dict[str, Any], item: Item | None) -> bool:
        if request.get("ConditionExpression"):
            self.conditions.add(how)
        return how == self.without or holds(item, request, "ConditionExpression")

    def _prepare(
        self, operation: str, kind: str, request: dict[str, Any]
    ) -> tuple[str, bool, Key, Item | None]:
        """How it is done, whether it may be, and what is there after it."""
        table = request["TableName"]
        how = f"{operation} {kind} {table.partition('-')[2]}"
        key = self._key(table, request["Item"] if kind == "Put" else request["Key"])
        old = self.items[table].get(key)
        new: Item | None = None
        if kind == "Put":
            new = request["Item"]
        elif kind == "Update":
            new = updated(old or request["Key"], request)
        return how, self._allowed(how, request, old), key, new

    def _alone(self, operation: str, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        how, allowed, key, new = self._prepare(operation, kind, request)
        if not allowed:
            raise ClientError(
                {"Error": {"Code": "ConditionalCheckFailedException", "Message": how}}, operation
            )
        self._write(how, request["TableName"], key, new)
        return {"Attributes": new} if kind == "Update" else {}

    def _PutItem(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._alone("PutItem", "Put", request)

    def _UpdateItem(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._alone("UpdateItem", "Update", request)

    def _DeleteItem(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._alone("DeleteItem", "Delete", request)

    def _TransactWriteItems(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        parts = [next(iter(item.items())) for item in request["TransactItems"]]
        ready = [(part, self._prepare("Transact", kind, part)) for kind, part in parts]
        keys = [(part["TableName"], key) for part, (_, _, key, _) in ready]
        assert len(set(keys)) == len(keys) <= 100, "DynamoDB takes an item once, and 100 in all"
        if not all(allowed for _, (_, allowed, _, _) in ready):
            reasons = [{"Code": "None" if ready_[1] else "ConditionalCheckFailed"} for _, ready_ in ready]
            error = {"Error": {"Code": "TransactionCanceledException", "Message": ""}}
            raise ClientError({**error, "CancellationReasons": reasons}, "TransactWriteItems")  # type: ignore[arg-type]
        for part, (how, _, key, new) in ready:
            self._write(how, part["TableName"], key, new)
        return {}

    def _GetItem(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        table = request["TableName"]
        found = self.items[table].get(self._key(table, request["Key"]))
        return {} if found is None else {"Item": found}

    def _BatchGetItem(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        answers = {}
        for table, asked in request["RequestItems"].items():
            found = (self.items[table].get(self._key(table, key)) for key in asked["Keys"])
            answers[table] = [item for item in found if item is not None]
        return {"Responses": answers, "UnprocessedKeys": {}}

    def _BatchWriteItem(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        for table, parts in request["RequestItems"].items():
            for part in parts:
                ((kind, body),) = part.items()
                new = body.get("Item")
                self._write(f"Batch {kind}", table, self._key(table, new or body["Key"]), new)
        return {"UnprocessedItems": {}}

    def _Query(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        table, index = request["TableName"], request.get("IndexName")
        names = self._keys[table][index]
        rows = self._now_filed(table, index, request) if request.get("ConsistentRead") else None
        if rows is None:
            rows = self._filed_before(table, request, self._now() - self._lag())
        found = [item for item in rows if holds(item, request, "KeyConditionExpression")]
        found.sort(key=lambda item: ([plain(item[name]) for name in names[1:]], self._key(table, item)))
        if request.get("ScanIndexForward") is False:
            found.reverse()
        if index is not None:
            shown = self._shown[table, index]
            found = [{name: item[name] for name in item if name in shown} for item in found]
        rest = {} if request.get("Select") == "COUNT" else {"Items": found}
        return {"Count": len(found), "ScannedCount": len(found), **rest}

    def _now_filed(self, table: str, index: str | None, request: dict[str, Any]) -> list[Item]:
        hashed = next(
            plain(value)
            for token, value in request["ExpressionAttributeValues"].items()
            if re.search(rf"= {token}(?!\d)", request["KeyConditionExpression"])
        )
        return [self.items[table][key] for key in self._filed[table, index, hashed]]

    def _filed_before(self, table: str, request: dict[str, Any], then: float) -> Iterator[Item]:
        """The items of an index as they were at an instant shortly before."""
        recent = self._recent[table]
        while recent and recent[0][0] < self._now() - SLOWEST:
            recent.pop(0)
        past = {key: old for when, key, old in reversed(recent) if when > then}
        names = self._keys[table][request.get("IndexName")]
        current = {
            self._key(table, item): item for item in self._now_filed(table, request.get("IndexName"), request)
        }
        for item in {**current, **past}.values():
            if item is not None and all(name in item for name in names):
                yield item


def _key_names(definition: dict[str, Any]) -> list[str]:
    by_kind = {part["KeyType"]: part["AttributeName"] for part in definition["KeySchema"]}
    return [by_kind[kind] for kind in ("HASH", "RANGE") if kind in by_kind]

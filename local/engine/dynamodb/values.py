"""DynamoDB's attribute values: what is valid, how large they are, how they compare.

A value is what botocore has it: ``{"S": "text"}``, ``{"B": b"bytes"}``, ``{"M": {...}}`` and so on.
"""

import decimal
from collections.abc import Callable, Mapping
from typing import Any

from local.engine.dynamodb import numeric
from local.engine.engine_errors import invalid

Value = dict[str, Any]
Item = dict[str, Value]

_LONGEST_NAME = 65535
_SURELY_SHORT = _LONGEST_NAME // 4
"""Characters that are never more bytes than a name may have."""
DEEPEST = 32
"""Levels of maps and lists within each other."""
_BAD = "One or more parameter values were invalid: "


def checked_item(item: Mapping[str, Any]) -> Item:
    """An item with all numbers in their one spelling. Raises ValidationException."""
    for name in item:
        if not 0 < len(name) <= _SURELY_SHORT:
            _require_name(name)
    return {name: checked(value) for name, value in item.items()}


def _require_name(name: str) -> None:
    if not name:
        raise invalid(f"{_BAD}An attribute name may not be empty")
    if len(name.encode()) > _LONGEST_NAME:
        raise invalid(f"{_BAD}An attribute name may have {_LONGEST_NAME} bytes at most")


def checked(value: Any, depth: int = 0) -> Value:
    """A value with all numbers in their one spelling. Raises ValidationException."""
    if len(value) != 1:
        if value:
            raise invalid(
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the"
                " supported datatypes"
            )
        raise invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
    ((kind, content),) = value.items()
    if kind == "S" and isinstance(content, str):
        return {"S": content}  # another: what the caller does with its own is no matter of ours
    check = _CHECKS.get(kind)
    if check is None:
        raise invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
    return {kind: check(content, depth)}


def _text(content: Any, _: int) -> str:
    raise TypeError(f"A string is text, not {type(content).__name__}")


def _number(content: Any, _: int) -> str:
    return numeric.canonical(content)


def _binary(content: Any, _: int) -> bytes:
    if isinstance(content, str):
        return content.encode()
    if hasattr(content, "read"):
        return bytes(content.read())
    return bytes(memoryview(content))


def _boolean(content: Any, _: int) -> bool:
    if not isinstance(content, bool):
        raise TypeError("A boolean is True or False")
    return content


def _null(content: Any, _: int) -> bool:
    if content is not True:
        raise invalid(f"{_BAD}Null attribute value types must have the value of true")
    return True


def _set(kind: str, check: Callable[[Any, int], Any]) -> Callable[[Any, int], Any]:
    def checked_set(content: Any, depth: int) -> list[Any]:
        if not content:
            raise invalid(f"{_BAD}An {kind} set  may not be empty")
        members = [check(member, depth) for member in content]
        if len(set(members)) != len(members):
            raise invalid(f"{_BAD}Input collection {list(content)} contains duplicates.")
        return members

    return checked_set


def _member_text(content: Any, depth: int) -> str:
    return content if isinstance(content, str) else _text(content, depth)


def _list(content: Any, depth: int) -> list[Value]:
    _require_depth(depth)
    return [checked(value, depth + 1) for value in content]


def _map(content: Any, depth: int) -> Item:
    _require_depth(depth)
    return {name: checked(value, depth + 1) for name, value in content.items()}


def _require_depth(depth: int) -> None:
    if depth >= DEEPEST:
        raise invalid(
            "Nesting Levels have exceeded supported limits: Attributes have nested levels beyond 32"
        )


_CHECKS: dict[str, Callable[[Any, int], Any]] = {
    "S": _text,
    "N": _number,
    "B": _binary,
    "BOOL": _boolean,
    "NULL": _null,
    "SS": _set("string", _member_text),
    "NS": _set("number", _number),
    "BS": _set("binary", _binary),
    "L": _list,
    "M": _map,
}


def kind_of(value: Value) -> str:
    """The type of a value: S, N, B, BOOL, NULL, SS, NS, BS, L or M."""
    return next(iter(value))


def size_of(value: Value) -> int:
    """The bytes a value counts for, as DynamoDB documents it."""
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content) if content.isascii() else len(content.encode())
    if kind == "L":
        return 3 + sum(1 + size_of(member) for member in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + size_of(member) for name, member in content.items())
    measure = _SIZES.get(kind)
    return sum(map(_SIZES[kind[0]], content)) if measure is None else measure(content)


_SIZES: dict[str, Callable[[Any], int]] = {
    "S": lambda content: len(content) if content.isascii() else len(content.encode()),
    "N": numeric.size,
    "B": len,
    "BOOL": lambda content: 1,
    "NULL": lambda content: 1,
}


def sizes(item: Item) -> dict[str, int]:
    """The bytes each attribute counts for, with its name."""
    return {
        name: (len(name) if name.isascii() else len(name.encode())) + size_of(value)
        for name, value in item.items()
    }


def equal(one: Value, other: Value) -> bool:
    """Whether two values are the same; sets are in whatever order."""
    if one == other:
        return True
    ((kind, left),), ((same, right),) = one.items(), other.items()
    if kind != same:
        return False
    if kind in {"SS", "NS", "BS"}:
        return set(left) == set(right)
    if kind == "L":
        return len(left) == len(right) and all(map(equal, left, right))
    if kind == "M":
        return left.keys() == right.keys() and all(equal(left[name], right[name]) for name in left)
    return False


def ordered(value: Value) -> Any:
    """What a value of an ordered type is compared by: text by its UTF-8 bytes."""
    ((kind, content),) = value.items()
    if kind == "N":
        return decimal.Decimal(content)
    return content.encode() if kind == "S" else content

"""Conditions and filters: whether they hold for an item, and whether they make sense at all."""

from collections.abc import Callable
from typing import Any, NamedTuple

from local.engine.dynamodb import paths, values
from local.engine.dynamodb.scope import Scope
from local.engine.dynamodb.syntax import Parsed, Tree
from local.engine.dynamodb.values import Item, Value, kind_of
from local.engine.engine_errors import invalid

_ORDERED = frozenset({"S", "N", "B"})
_TEXTUAL = frozenset({"S", "B"})
_TYPES = frozenset({"S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"})
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def holds(tree: Tree, item: Item, scope: Scope) -> bool:
    """Whether a condition holds for an item; an empty one is none at all."""
    what = tree[0]
    if what == "and":
        return holds(tree[1], item, scope) and holds(tree[2], item, scope)
    if what == "or":
        return holds(tree[1], item, scope) or holds(tree[2], item, scope)
    if what == "not":
        return not holds(tree[1], item, scope)
    operands = [_evaluated(operand, item, scope) for operand in tree[1:] if operand and what != "in"]
    if what == "in":
        return _is_one_of(_evaluated(tree[1], item, scope), tree[2], item, scope)
    return _TESTS[what](*operands)


def _evaluated(operand: Tree, item: Item, scope: Scope) -> Value | None:
    what, where = operand
    if what == "value":
        return scope.values[where]
    found = paths.find(item, scope.path(where))
    return _size(found) if what == "size" else found


def _size(value: Value | None) -> Value | None:
    if value is None:
        return None
    kind, content = next(iter(value.items()))
    if kind in {"N", "BOOL", "NULL"}:
        return None
    return {"N": str(len(content.encode()) if kind == "S" else len(content))}


def _is_one_of(left: Value | None, choices: tuple[Tree, ...], item: Item, scope: Scope) -> bool:
    return any(_equal(left, _evaluated(choice, item, scope)) for choice in choices)


def _equal(left: Value | None, right: Value | None) -> bool:
    return left is not None and right is not None and values.equal(left, right)


def _ordering(sign: str) -> Callable[[Value | None, Value | None], bool]:
    order = _ORDERS[sign]

    def test(left: Value | None, right: Value | None) -> bool:
        if left is None or right is None:
            return False
        kind = kind_of(left)
        if kind not in _ORDERED or kind_of(right) != kind:
            return False
        return order(values.ordered(left), values.ordered(right))

    return test


def _begins(value: Value | None, start: Value | None) -> bool:
    if value is None or start is None:
        return False
    kind = kind_of(value)
    return kind in {"S", "B"} and kind_of(start) == kind and value[kind].startswith(start[kind])


def _contains(value: Value | None, part: Value | None) -> bool:
    if value is None or part is None:
        return False
    kind, wanted = kind_of(value), kind_of(part)
    if kind in {"S", "B"}:
        return wanted == kind and part[kind] in value[kind]
    if kind in {"SS", "NS", "BS"}:
        return wanted == kind[0] and part[wanted] in value[kind]
    return kind == "L" and any(values.equal(member, part) for member in value["L"])


_TESTS: dict[str, Callable[..., bool]] = {
    "=": _equal,
    "<>": lambda left, right: not _equal(left, right),
    **{sign: _ordering(sign) for sign in _ORDERS},
    "between": lambda value, lower, upper: _ordering(">=")(value, lower) and _ordering("<=")(value, upper),
    "attribute_exists": lambda value: value is not None,
    "attribute_not_exists": lambda value: value is None,
    "attribute_type": lambda value, kind: value is not None and kind_of(value) == kind["S"],
    "begins_with": _begins,
    "contains": _contains,
}


def require_sense(parsed: Parsed, scope: Scope) -> None:
    """Raise ValidationException for operands that could never do, whatever the item."""
    _require_sense(parsed.tree, parsed.kind, scope)


def _require_sense(tree: Tree, kind: str, scope: Scope) -> None:
    what = tree[0]
    if what in {"and", "or", "not"}:
        for part in tree[1:]:
            _require_sense(part, kind, scope)
    elif what in _ORDERS:
        _require_types(f"operator: {what}", tree[1:], _ORDERED, _In(kind, scope))
        _require_distinct(what, tree[1:], kind)
    elif what in {"=", "<>"}:
        _require_distinct(what, tree[1:], kind)
    elif what == "between":
        _require_types("operator: BETWEEN", tree[1:], _ORDERED, _In(kind, scope))
        _require_bounds(tree, kind, scope)
    elif what == "begins_with":
        _require_types(f"operator or function: {what}", tree[1:], _TEXTUAL, _In(kind, scope))
    elif what == "attribute_type":
        _require_type_name(tree[2], kind, scope)


class _In(NamedTuple):
    """Which expression, and what it takes from the request."""

    kind: str
    scope: Scope


def _require_types(name: str, operands: tuple[Tree, ...], allowed: frozenset[str], within: _In) -> None:
    for what, where in operands:
        found = kind_of(within.scope.values[where]) if what == "value" else None
        if found is not None and found not in allowed:
            raise invalid(
                f"Invalid {within.kind}: Incorrect operand type for operator or function; {name},"
                f" operand type: {found}"
            )


def _require_distinct(name: str, operands: tuple[Tree, ...], kind: str) -> None:
    if operands[0] == operands[1] and operands[0][0] != "value":
        raise invalid(
            f"Invalid {kind}: The first operand must be distinct from the remaining operands for this"
            f" operator or function; operator: {name}, first operand: {operands[0][1]}"
        )


def _require_bounds(tree: Tree, kind: str, scope: Scope) -> None:
    if tree[2][0] != "value" or tree[3][0] != "value":
        return
    lower, upper = scope.values[tree[2][1]], scope.values[tree[3][1]]
    if kind_of(lower) != kind_of(upper):
        raise invalid(
            f"Invalid {kind}: The BETWEEN operator requires same data type for lower and upper bounds;"
            f" lower bound operand: AttributeValue: {lower}, upper bound operand: AttributeValue: {upper}"
        )
    if values.ordered(lower) > values.ordered(upper):
        raise invalid(
            f"Invalid {kind}: The BETWEEN operator requires upper bound to be greater than or equal to"
            f" lower bound; lower bound operand: AttributeValue: {lower},"
            f" upper bound operand: AttributeValue: {upper}"
        )


def _require_type_name(operand: Tree, kind: str, scope: Scope) -> None:
    found = scope.values[operand[1]] if operand[0] == "value" else None
    if found is None or "S" not in found or found["S"] not in _TYPES:
        raise invalid(
            f"Invalid {kind}: Invalid attribute type name found; type: {found and next(iter(found.values()))}"
        )

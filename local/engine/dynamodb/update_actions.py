"""Update expressions: an item with its actions done. All operands are those before any of them."""

import copy
from typing import Any

from local.engine.dynamodb import numeric, paths, values
from local.engine.dynamodb.scope import Scope
from local.engine.dynamodb.syntax import Parsed, Path, Tree
from local.engine.dynamodb.values import Item, Value, kind_of
from local.engine.engine_errors import invalid

_SETS = frozenset({"SS", "NS", "BS"})
_BAD_TYPE = "An operand in the update expression has an incorrect data type"


def changed_paths(parsed: Parsed, scope: Scope) -> list[Path]:
    """The places an update changes."""
    return [scope.path(action[1]) for action in parsed.tree]


def require_sense(parsed: Parsed, scope: Scope) -> None:
    """Raise ValidationException for what could never be done, whatever the item."""
    paths.require_apart(changed_paths(parsed, scope), "UpdateExpression")
    for action in parsed.tree:
        if action[0] in {"ADD", "DELETE"}:
            _require_operand(action, scope)
        elif action[0] == "SET":
            _require_arithmetic(action[2], scope)


def _require_operand(action: Tree, scope: Scope) -> None:
    kind = kind_of(scope.values[action[2]])
    if kind not in (_SETS | {"N"} if action[0] == "ADD" else _SETS):
        raise _wrong_operand(f"operator: {action[0]}, operand type: {kind}")


def _require_arithmetic(tree: Tree, scope: Scope) -> None:
    what = tree[0]
    wanted = {"+": "N", "-": "N", "list_append": "L"}.get(what)
    for operand in tree[1:] if wanted else ():
        if operand[0] == "value" and kind_of(scope.values[operand[1]]) != wanted:
            raise _wrong_operand(
                f"operator or function: {what}, operand type: {kind_of(scope.values[operand[1]])}"
            )
        _require_arithmetic(operand, scope)


def _wrong_operand(said: str) -> Exception:
    return invalid(f"Invalid UpdateExpression: Incorrect operand type for operator or function; {said}")


def updated(item: Item, parsed: Parsed, scope: Scope) -> Item:
    """The item with the update done. Raises ValidationException where the item does not allow it."""
    simple = all(len(path) == 1 for path in parsed.paths)
    after = dict(item) if simple else copy.deepcopy(item)
    removed: list[Path] = []
    for action in parsed.tree:
        what, path = action[0], scope.path(action[1])
        if what == "REMOVE":
            removed.append(path)
        elif what == "SET":
            paths.put(after, path, _assigned(action[2], item, scope))
        elif what == "ADD":
            paths.put(after, path, _added(paths.find(item, path), scope.values[action[2]]))
        else:
            _delete(after, path, scope.values[action[2]], removed)
    paths.remove(after, removed)
    return after if simple else values.checked_item(after)  # it may have grown too deep


def _assigned(tree: Tree, item: Item, scope: Scope) -> Value:
    what = tree[0]
    if what == "value":
        return scope.values[tree[1]]
    if what == "path":
        return _present(paths.find(item, scope.path(tree[1])))
    if what == "if_not_exists":
        found = paths.find(item, scope.path(tree[1]))
        return _assigned(tree[2], item, scope) if found is None else found
    return _combined(what, _assigned(tree[1], item, scope), _assigned(tree[2], item, scope))


def _present(value: Value | None) -> Value:
    if value is None:
        raise invalid("The provided expression refers to an attribute that does not exist in the item")
    return value


def _combined(what: str, left: Value, right: Value) -> Value:
    kind = "L" if what == "list_append" else "N"
    if kind not in left or kind not in right:
        raise invalid(_BAD_TYPE)
    if kind == "L":
        return {"L": [*left["L"], *right["L"]]}
    work = numeric.add if what == "+" else numeric.subtract
    return {"N": work(left["N"], right["N"])}


def _added(known: Value | None, more: Value) -> Value:
    if known is None:
        return more
    kind = kind_of(more)
    if kind not in known:
        raise invalid(_BAD_TYPE)
    if kind == "N":
        return {"N": numeric.add(known["N"], more["N"])}
    return {kind: list(dict.fromkeys([*known[kind], *more[kind]]))}


def _delete(item: Item, path: Path, members: Value, removed: list[Path]) -> None:
    known = paths.find(item, path)
    if known is None:
        paths.require_holder(item, path)
        return
    kind = kind_of(members)
    if kind not in known:
        raise invalid(_BAD_TYPE)
    gone: set[Any] = set(members[kind])
    left = [member for member in known[kind] if member not in gone]
    if left:
        paths.put(item, path, {kind: left})
    else:
        removed.append(path)

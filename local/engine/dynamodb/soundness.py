"""Whether the expressions of a write make sense, looked at once for each form that a write has.

A program writes in a few dozen forms: the same texts, placeholders and types, other values. A form that was
found sound is so whatever the values, but where an expression compares those with each other.
"""

from local.engine.dynamodb import conditions, update_actions
from local.engine.dynamodb.definitions import Table
from local.engine.dynamodb.scope import Scope
from local.engine.dynamodb.syntax import Parsed
from local.engine.dynamodb.values import kind_of
from local.engine.engine_errors import invalid

MOST_KNOWN = 4096
_COMPARING = frozenset({"between", "attribute_type"})
"""What is judged by values."""
_known: set[object] = set()


def require(table: Table, condition: Parsed | None, update: Parsed | None, scope: Scope) -> None:
    """Raise ValidationException unless the condition and the update of a write can be meant so."""
    if condition is None and update is None and not scope.names and not scope.values:
        return
    form = (
        table.keys,
        condition,
        update,
        tuple(scope.names.items()),
        tuple([(name, kind_of(value)) for name, value in scope.values.items()]),
    )
    if form in _known:
        return
    _require(table, condition, update, scope)
    if condition is None or not _compares(condition.tree):
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known.add(form)


def _require(table: Table, condition: Parsed | None, update: Parsed | None, scope: Scope) -> None:
    scope.require_matching((condition, update))
    if condition is not None:
        conditions.require_sense(condition, scope)
    if update is not None:
        update_actions.require_sense(update, scope)
        for path in update_actions.changed_paths(update, scope):
            if path[0] in table.keys:
                raise invalid(
                    f"One or more parameter values were invalid: Cannot update attribute {path[0]}."
                    " This attribute is part of the key"
                )


def _compares(tree: tuple[object, ...]) -> bool:
    parts = (part for part in tree[1:] if isinstance(part, tuple) and part)
    return tree[0] in _COMPARING or any(map(_compares, parts))

"""Key conditions: a hash and at most one stretch of ranges, as SQL over bytes that sort as the keys do."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

from local.engine.dynamodb import conditions, key_bytes, syntax
from local.engine.dynamodb.scope import Scope
from local.engine.dynamodb.syntax import Parsed, Path, Tree
from local.engine.dynamodb.values import Value, kind_of
from local.engine.engine_errors import invalid

_FLIPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_UNSUPPORTED = "Query key condition not supported"
_BAD_TYPE = "One or more parameter values were invalid: Condition parameter type does not match schema type"


@dataclasses.dataclass(frozen=True)
class Stretch:
    """The hash, and bounds of the range: pairs of a comparison and its bytes, all of which hold."""

    hash: bytes
    bounds: tuple[tuple[str, bytes], ...]


def stretch(
    text: str, scope: Scope, hash_key: tuple[str, str], range_key: tuple[str, str] | None
) -> tuple[Stretch, Parsed]:
    """What a key condition selects of keys given by name and type. Raises ValidationException."""
    parsed = syntax.condition(text, "KeyConditionExpression")
    scope.require_defined(parsed)
    conditions.require_sense(parsed, scope)
    found: dict[str, tuple[str, list[Value]]] = {}
    for path, sign, others in _comparisons(parsed):
        name = scope.path(path)[0]
        if name in found:
            raise invalid("KeyConditionExpressions must only contain one condition per key")
        found[name] = (sign, [scope.values[other] for other in others])
    sign, operands = found.pop(hash_key[0], ("", []))
    if not operands:
        raise invalid(f"Query condition missed key schema element: {hash_key[0]}")
    if sign != "=":
        raise invalid(_UNSUPPORTED)
    hash_part = _encoded(operands[0], hash_key)
    bounds: tuple[tuple[str, bytes], ...] = ()
    if range_key is not None and range_key[0] in found:
        bounds = tuple(_bounds(*found.pop(range_key[0]), range_key))
    if found:
        wanted = range_key[0] if range_key else next(iter(found))
        raise invalid(f"Query condition missed key schema element: {wanted}")
    return Stretch(hash_part, bounds), parsed


@functools.lru_cache(maxsize=1024)
def _comparisons(parsed: Parsed) -> tuple[tuple[Path, str, tuple[str, ...]], ...]:
    """Of each comparison the path, the sign and the placeholders of what is compared with."""
    return tuple(_compared(parsed.tree))


def _compared(tree: Tree) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    what = tree[0]
    if what == "and":
        yield from _compared(tree[1])
        yield from _compared(tree[2])
        return
    if what not in {*_FLIPPED, "between", "begins_with"}:
        raise invalid(f"Invalid operator used in KeyConditionExpression: {what}")
    operands: Sequence[Tree] = tree[1:]
    if operands[0][0] == "value" and what in _FLIPPED and operands[1][0] == "path":
        what, operands = _FLIPPED[what], (operands[1], operands[0])
    if operands[0][0] != "path" or any(operand[0] != "value" for operand in operands[1:]):
        raise invalid("Invalid condition in KeyConditionExpression: a key is compared with values")
    path: Path = operands[0][1]
    if len(path) > 1:
        raise invalid("Invalid KeyConditionExpression: Nested attributes are no keys")
    yield path, what, tuple(operand[1] for operand in operands[1:])


def _bounds(sign: str, operands: list[Value], key: tuple[str, str]) -> Iterator[tuple[str, bytes]]:
    parts = [_encoded(value, key) for value in operands]
    if sign == "between":
        yield ">=", parts[0]
        yield "<=", parts[1]
    elif sign == "begins_with":
        if key[1] == "N":
            raise invalid(_UNSUPPORTED)
        yield ">=", parts[0]
        behind = _behind(parts[0])
        if behind is not None:
            yield "<", behind
    else:
        yield sign, parts[0]


def _behind(start: bytes) -> bytes | None:
    """The least bytes behind all that begin so; None where there are none."""
    stem = start.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


def _encoded(value: Value, key: tuple[str, str]) -> bytes:
    name, kind = key
    if kind_of(value) != kind:
        raise invalid(_BAD_TYPE)
    found = key_bytes.encoded(value)
    if not found:
        raise invalid(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot"
            f" contain an empty {'string' if kind == 'S' else 'binary'} value. Key: {name}"
        )
    return found


def where(found: Stretch | None, hash_column: str, range_column: str) -> tuple[list[str], list[Any]]:
    """SQL terms, and what to bind."""
    if found is None:
        return [], []
    terms, bound = [f"{hash_column}=?"], [found.hash]
    for sign, part in found.bounds:
        terms.append(f"{range_column}{sign}?")
        bound.append(part)
    return terms, bound

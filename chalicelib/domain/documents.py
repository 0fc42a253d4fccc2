"""JSON as it comes in, is searched, and goes out (docs/contract/scheduler.md section 12)."""

import json
import math
import re
from collections.abc import Mapping
from typing import NoReturn

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, Value

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

DEEPEST = 64
"""Arrays and objects within each other in what is posted or asked for."""
DEEPEST_REPLY = 128
"""The same in what nodes and children of this one answer, in which what was posted is wrapped."""
MOST_DIGITS = 300
"""Digits of a whole number: no more than a floating-point number can stand for."""


def load(text: str | bytes, what: str, deepest: int = DEEPEST) -> JSON:
    """JSON text -> value, members whose name starts with ``#`` dropped at any depth.

    Raises Invalid, naming ``what`` was to be read; NaN and infinities are not JSON. Of members with the same
    name the last counts, as it does for the reference.
    """
    return _without_comments(load_whole(text, what, deepest))


def load_whole(text: str | bytes, what: str, deepest: int = DEEPEST) -> JSON:
    """JSON text -> value, comments and all. Raises Invalid as ``load`` does."""
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite, parse_int=_whole)
        _require_shallow(value, deepest)
        if isinstance(text, bytes) or _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()  # half a character is nothing anybody could store
    except (RecursionError, _TooDeep) as error:
        raise Invalid(
            f"{what}: nested too deeply: at most {deepest} levels of arrays and objects are allowed"
        ) from error
    except UnicodeEncodeError as error:
        raise Invalid(f"{what}: has an unpaired surrogate") from error
    except ValueError as error:
        raise Invalid(f"{what}: not valid JSON: {error}") from error
    return value


class _TooDeep(Exception):
    """More arrays and objects within each other than may be."""


def _require_shallow(value: Value, left: int) -> None:
    """Raise _TooDeep for more than ``left`` arrays and objects in each other. Its own depth has that end."""
    if isinstance(value, dict | list):
        if left == 0:
            raise _TooDeep
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, dict | list):
                _require_shallow(item, left - 1)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant[:40]} is not a number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"{text[:20]}... has {len(text)} digits; a number can have at most {MOST_DIGITS}")
    return int(text)


def _without_comments(value: Value) -> Value:
    if isinstance(value, dict):
        return {name: _without_comments(item) for name, item in value.items() if name[:1] != "#"}
    return [_without_comments(item) for item in value] if isinstance(value, list) else value


_SCALARS = frozenset({str, int, float, bool, type(None)})


def sanitized(value: Value) -> JSON:
    """The value with every member whose name starts with ``_``, at any depth, turned to null."""
    if type(value) in _SCALARS:  # most are, and asking whether something is a Mapping takes long
        return value
    if isinstance(value, Mapping):
        return {name: None if name[:1] == "_" else sanitized(item) for name, item in value.items()}
    return [sanitized(item) for item in value] if isinstance(value, list | tuple) else value


def contains(value: Value, wanted: Value) -> bool:
    """Whether a value holds another, as a JSON containment search means it.

    Objects hold a subset of members, arrays hold each wanted element somewhere, scalars are equal;
    an array also holds a bare scalar. Members starting with ``_`` never match: a search must not
    tell whether a guess at a secret is right (docs/contract/observed.md).
    """
    if isinstance(wanted, dict):
        return isinstance(value, Mapping) and all(
            name[:1] != "_" and name in value and contains(value[name], item) for name, item in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(value, list | tuple) and all(
            any(contains(item, one) for item in value) for one in wanted
        )
    return _same(value, wanted)


def _same(value: Value, wanted: Value) -> bool:
    # True equals 1 in Python and must not in JSON.
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted

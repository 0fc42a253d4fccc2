"""Filters that SQLite itself can tell: of items that do not hold, it then reads no JSON for Python.

That is so of the comparison of an attribute with a plain text, alone or joined with others by AND: the stored
JSON of such a text is the text, so that it can be looked for before the JSON is parsed. Whatever else a
filter says is looked at for each item that is left.
"""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from local.engine.dynamodb import item_json
from local.engine.dynamodb.definitions import Table
from local.engine.dynamodb.scope import Scope
from local.engine.dynamodb.syntax import Parsed, Tree

_TERM = "CASE WHEN core GLOB ? THEN coalesce(json_extract(core, ?)=?, 0) ELSE 0 END"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")
_TEXT = re.compile(r"[ -~]{0,1000}\Z")
"""Not too long for a pattern of SQLite's."""
_SPECIAL = re.compile(r"([*?[])")


@dataclasses.dataclass(frozen=True)
class Prefilter:
    """An SQL expression, 1 for items that may hold, and what to bind; ``is_all`` for the whole filter."""

    expression: str
    bound: tuple[Any, ...]
    is_all: bool


def of(table: Table, parsed: Parsed, scope: Scope, held: frozenset[str] | None) -> Prefilter | None:
    """What SQLite can tell of a filter, None for nothing; ``held`` are the attributes that it sees."""
    trees = list(_conjunction(parsed.tree))
    found = [_text_of(table, tree, scope, held) for tree in trees]
    told = [one for one in found if one is not None]
    bound = tuple(part for name, text in told for part in (_pattern(name, text), f'$."{name}".S', text))
    return Prefilter(" AND ".join([_TERM] * len(told)), bound, len(told) == len(trees)) if told else None


def _pattern(name: str, text: str) -> str:
    """For an attribute as it stands in the JSON of an item: there, or within another attribute.

    It begins behind the quotation mark of the name: SQLite jumps to where a pattern's first character is,
    and hardly anything is in JSON as often as a quotation mark.
    """
    stored = item_json.dumped({name: {"S": text}})[2:-1]
    literal = _SPECIAL.sub(r"[\1]", stored)
    return f"*{literal}*"


def _conjunction(tree: Tree) -> Iterator[Tree]:
    if tree[0] == "and":
        yield from _conjunction(tree[1])
        yield from _conjunction(tree[2])
    else:
        yield tree


def _text_of(table: Table, tree: Tree, scope: Scope, held: frozenset[str] | None) -> tuple[str, str] | None:
    """The attribute and the plain text that a term compares; None where it is another kind of term."""
    if tree[0] != "=":
        return None
    operands = dict(tree[1:])
    if operands.keys() != {"path", "value"}:
        return None
    path, value = scope.path(operands["path"]), scope.values[operands["value"]]
    if len(path) > 1 or not _is_in(path[0], table.core) or not _is_in(path[0], held):
        return None
    text = value.get("S")
    is_plain = text is not None and _TEXT.match(text) and _NAME.match(path[0])
    return (path[0], text) if is_plain and text is not None else None


def _is_in(name: str, names: frozenset[str] | None) -> bool:
    return names is None or name in names

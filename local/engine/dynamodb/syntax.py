"""The grammar of DynamoDB's expressions: text to trees, without looking at names, values or items.

Trees are tuples that begin with what they are:

    operand     ("path", Path) | ("value", ":v") | ("size", Path)
    condition   ("and", c, c) | ("or", c, c) | ("not", c) | ("in", o, (o, ...)) | ("between", o, o, o)
                | ("=", o, o), and so with <> < <= > >= | ("attribute_exists", o), and so with the others
    action      ("SET", Path, assigned) | ("REMOVE", Path) | ("ADD", Path, ":v") | ("DELETE", Path, ":v")
    assigned    operand | ("+", assigned, assigned) | ("-", ...) | ("if_not_exists", Path, assigned)
                | ("list_append", assigned, assigned)

What was parsed is kept by its text: the product has a few dozen.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from local.engine.dynamodb.reserved import WORDS
from local.engine.dynamodb.tokens import INTEGER, NAME, SIGN, VALUE, WORD, Tokens
from local.engine.engine_errors import invalid

Path = tuple[Any, ...]
"""Names of attributes, placeholders as they stand, and positions in lists."""
Tree = tuple[Any, ...]
LONGEST = 4096
"""Bytes an expression may have."""
_COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
_FUNCTIONS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
}
_SECTIONS = ("SET", "REMOVE", "ADD", "DELETE")


@dataclasses.dataclass(frozen=True, eq=False)
class Parsed:
    """An expression: its tree or trees, and what it takes from the request. The same is only itself."""

    kind: str
    tree: Any
    names: frozenset[str]
    values: frozenset[str]
    paths: tuple[Path, ...]


@functools.lru_cache(maxsize=1024)
def condition(text: str, kind: str = "ConditionExpression") -> Parsed:
    """A condition, filter or key condition. Raises ValidationException."""
    return _parsed(text, kind, _Parser.condition)


@functools.lru_cache(maxsize=1024)
def update(text: str) -> Parsed:
    """An update, as a tuple of actions. Raises ValidationException."""
    return _parsed(text, "UpdateExpression", _Parser.actions)


@functools.lru_cache(maxsize=1024)
def projection(text: str) -> Parsed:
    """A projection, as a tuple of paths. Raises ValidationException."""
    return _parsed(text, "ProjectionExpression", _Parser.projected)


def _parsed(text: str, kind: str, work: "Callable[[_Parser], Any]") -> Parsed:
    if not text.strip():
        raise invalid(f"Invalid {kind}: The expression can not be empty;")
    if len(text.encode()) > LONGEST:
        raise invalid(
            f"Invalid {kind}: Expression size has exceeded the maximum allowed size;"
            f" expression size: {len(text.encode())}"
        )
    parser = _Parser(text, kind)
    tree = work(parser)
    parser.end()
    names = {part for path in parser.paths for part in path if isinstance(part, str) and part[0] == "#"}
    return Parsed(kind, tree, frozenset(names), frozenset(parser.values), tuple(parser.paths))


class _Parser(Tokens):
    """Recursive descent; what it meets of paths and values is collected on the way."""

    def __init__(self, text: str, kind: str):
        super().__init__(text, kind)
        self.paths: list[Path] = []
        self.values: set[str] = set()

    # Conditions

    def condition(self) -> Tree:
        tree = self._conjunction()
        while self._take_word("OR"):
            tree = ("or", tree, self._conjunction())
        return tree

    def _conjunction(self) -> Tree:
        tree = self._negation()
        while self._take_word("AND"):
            tree = ("and", tree, self._negation())
        return tree

    def _negation(self) -> Tree:
        if self._take_word("NOT"):
            return ("not", self._nested(self._negation))
        if self._take_sign("("):
            tree = self._nested(self.condition)
            self._expect(")")
            return tree
        return self._comparison()

    def _comparison(self) -> Tree:
        function = self._function()
        if function is not None:
            return function
        left = self._operand()
        if self._peek() in _COMPARISONS:
            return (self._take(SIGN), left, self._operand())
        if self._take_word("BETWEEN"):
            lower = self._operand()
            if not self._take_word("AND"):
                raise self._unexpected()
            return ("between", left, lower, self._operand())
        if self._take_word("IN"):
            return self._choice(left)
        raise self._unexpected()

    def _choice(self, left: Tree) -> Tree:
        self._expect("(")
        choices = [self._operand()]
        while self._take_sign(","):
            choices.append(self._operand())
        self._expect(")")
        if len(choices) > 100:
            raise invalid(f"Invalid {self._kind}: The IN operator is provided with too many operands;")
        return ("in", left, tuple(choices))

    def _calls(self) -> str | None:
        """The function that is called here: a word before a parenthesis."""
        after = self._tokens[self._at + 1 : self._at + 2]
        is_call = self._at < len(self._tokens) and self._tokens[self._at][0] == WORD
        return self._peek() if is_call and after == [(SIGN, "(")] else None

    def _function(self) -> Tree | None:
        name = self._calls()
        if name is None or name == "size":
            return None
        if name not in _FUNCTIONS:
            raise invalid(f"Invalid {self._kind}: Invalid function name; function: {name}")
        self._at += 2
        operands = [self._operand()]
        while self._take_sign(","):
            operands.append(self._operand())
        self._expect(")")
        if len(operands) != _FUNCTIONS[name]:
            raise invalid(
                f"Invalid {self._kind}: Incorrect number of operands for operator or function;"
                f" operator or function: {name}, number of operands: {len(operands)}"
            )
        if name.startswith("attribute_") and operands[0][0] != "path":
            raise invalid(
                f"Invalid {self._kind}: Operator or function requires a document path;"
                f" operator or function: {name}"
            )
        return (name, *operands)

    def _operand(self) -> Tree:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == VALUE:
            return ("value", self._value())
        if self._calls() == "size":
            self._at += 2
            path = self._path()
            self._expect(")")
            return ("size", path)
        if self._take_sign("("):
            operand = self._nested(self._operand)
            self._expect(")")
            return operand
        return ("path", self._path())

    def _value(self) -> str:
        name = self._take(VALUE)
        self.values.add(name)
        return name

    def _path(self) -> Path:
        parts: list[Any] = [self._attribute()]
        while True:
            if self._take_sign("."):
                parts.append(self._attribute())
            elif self._take_sign("["):
                parts.append(int(self._take(INTEGER)))
                self._expect("]")
            else:
                break
        self.paths.append(tuple(parts))
        return tuple(parts)

    def _attribute(self) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == NAME:
            return self._take(NAME)
        word = self._take(WORD)
        if word.lower() in WORDS:
            raise invalid(
                f"Invalid {self._kind}: Attribute name is a reserved keyword; reserved keyword: {word}"
            )
        return word

    def projected(self) -> tuple[Path, ...]:
        found = [self._path()]
        while self._take_sign(","):
            found.append(self._path())
        return tuple(found)

    # Updates

    def actions(self) -> tuple[Tree, ...]:
        found: list[Tree] = []
        seen: set[str] = set()
        while self._is_word(*_SECTIONS):
            section = self._take(WORD).upper()
            if section in seen:
                raise invalid(
                    f'Invalid UpdateExpression: The "{section}" section can only be used once in an'
                    " update expression;"
                )
            seen.add(section)
            found.append(self._action(section))
            while self._take_sign(","):
                found.append(self._action(section))
        if not found:
            raise self._unexpected()
        return tuple(found)

    def _action(self, section: str) -> Tree:
        path = self._path()
        if section == "REMOVE":
            return (section, path)
        if section == "SET":
            self._expect("=")
            return (section, path, self._assigned())
        return (section, path, self._value())

    def _assigned(self) -> Tree:
        left = self._assigned_operand()
        for sign in ("+", "-"):
            if self._take_sign(sign):
                return (sign, left, self._assigned_operand())
        return left

    def _assigned_operand(self) -> Tree:
        name = self._calls()
        if name is None:
            if self._take_sign("("):
                tree = self._nested(self._assigned)
                self._expect(")")
                return tree
            return self._operand()
        if name in {"size", *_FUNCTIONS}:
            raise invalid(
                f"Invalid {self._kind}: The function is not allowed in an update expression; function: {name}"
            )
        if name not in {"if_not_exists", "list_append"}:
            raise invalid(f"Invalid {self._kind}: Invalid function name; function: {name}")
        self._at += 2
        first: Any = self._path() if name == "if_not_exists" else self._nested(self._assigned)
        self._expect(",")
        second = self._nested(self._assigned)
        self._expect(")")
        return (name, first, second)

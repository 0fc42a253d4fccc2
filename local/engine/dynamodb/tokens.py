"""Words, signs and placeholders of DynamoDB's expressions."""

import re
from collections.abc import Callable
from typing import TypeVar

from local.engine.engine_errors import invalid

T = TypeVar("T")

_DEEPEST = 100
"""Parentheses within each other; DynamoDB allows 300 operators in all."""
_TOKEN = re.compile(
    r"[ \t\r\n]*(?:(#[A-Za-z0-9_]+)|(:[A-Za-z0-9_]+)|([A-Za-z_][A-Za-z0-9_]*)|([0-9]+)"
    r"|(<>|<=|>=|[=<>()\[\],.+-]))"
)
NAME, VALUE, WORD, INTEGER, SIGN = range(1, 6)


class Tokens:
    """The tokens of an expression, each (what it is, its text), and a place among them."""

    def __init__(self, text: str, kind: str):
        self._kind = kind
        self._tokens = self._split(text)
        self._at = 0
        self._depth = 0

    def _split(self, text: str) -> list[tuple[int, str]]:
        tokens, at, text = [], 0, text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._wrong(text[at:].strip()[:1], text[max(0, at - 5) : at + 5])
            tokens.append((found.lastindex or 0, found[found.lastindex or 0]))
            at = found.end()
        return tokens

    def _wrong(self, token: str, near: str) -> Exception:
        return invalid(f'Invalid {self._kind}: Syntax error; token: "{token}", near: "{near}"')

    def _unexpected(self) -> Exception:
        near = " ".join(text for _, text in self._tokens[max(0, self._at - 1) : self._at + 2])
        token = self._tokens[self._at][1] if self._at < len(self._tokens) else "<EOF>"
        return self._wrong(token, near)

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _is_word(self, *words: str) -> bool:
        at = self._at
        return at < len(self._tokens) and self._tokens[at][0] == WORD and self._tokens[at][1].upper() in words

    def _take_word(self, *words: str) -> bool:
        found = self._is_word(*words)
        self._at += found
        return found

    def _take_sign(self, sign: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == (SIGN, sign)
        self._at += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._take_sign(sign):
            raise self._unexpected()

    def _take(self, what: int) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != what:
            raise self._unexpected()
        self._at += 1
        return self._tokens[self._at - 1][1]

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise self._unexpected()

    def _nested(self, work: Callable[[], T]) -> T:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise invalid(f"Invalid {self._kind}: The expression is nested too deeply")
        try:
            return work()
        finally:
            self._depth -= 1

"""Keeping what is private out of what is told and logged: libraries and servers quote what they were given.

Private are the members whose name starts with ``_``, whatever is in them, and the user and the query of any
URL. What is told of a failure is searched for them and for their parts: a password is one in a URL too.
"""

import base64
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping

from chalicelib.domain.schemas import JSON, Value

HIDDEN = "..."

_SHORTEST = 3
"""Characters of a part: what is shorter says nothing, and hiding it would leave nothing to read."""
_WHOLE_WORDS = 8
"""Characters up to which a part is looked for as a word of its own, lest it be found within others."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_SETTING = re.compile(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\S+)")
_BREAKS = re.compile(r"[\s,;:/@?&=#\[\]'\"]+")
_HARMLESS = """
    http https amqp amqps postgres postgresql basic bearer token digest negotiate user username password
    passwd host hostaddr port dbname database sslmode disable allow prefer require verify-ca verify-full
    connect_timeout application_name application json text plain html xml charset utf-8 true false null none
    localhost 127.0.0.1 www com org net key api
"""
_WORDS = frozenset(_HARMLESS.split())
"""What stands in many private members and gives nothing away."""


class Redactor:
    """Hides what is private in some data wherever it comes up in a text."""

    def __init__(self, *data: JSON):
        found: set[str] = set()
        for each in data:
            for secret in _secrets(each):
                found.update(_parts(secret))
        # One may be a part of another: the longest go first.
        parts = sorted(found, key=lambda part: (-len(part), part))
        self._pattern = re.compile("|".join(map(_searched, parts))) if parts else None

    def text(self, text: str) -> str:
        """The text without them; URLs in it lose their user and their query in any case."""
        shown = self._pattern.sub(HIDDEN, text) if self._pattern else text
        return _URL.sub(lambda found: without_credentials(found[0]), shown)

    def value(self, value: Value) -> JSON:
        """JSON with every text in it so treated."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {name: self.value(item) for name, item in value.items()}
        return [self.value(item) for item in value] if isinstance(value, list | tuple) else value


def without_credentials(url: str) -> str:
    """A URL without the user and the query it may have."""
    start, query, _ = url.partition("?")
    scheme, slashes, rest = start.partition("://")
    authority, slash, path = rest.partition("/")
    _, at, host = authority.rpartition("@")
    place = f"{HIDDEN}@{host}" if at else authority
    return f"{scheme}{slashes}{place}{slash}{path}" + (f"?{HIDDEN}" if query else "")


def _secrets(value: Value, private: bool = False) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _secrets(item, private or name[:1] == "_")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item, private)
    elif private and value is not None and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, str):
        for url in _URL.findall(value):
            yield from _credentials(url)


def _credentials(url: str) -> Iterator[str]:
    authority = url.partition("://")[2].partition("/")[0]
    user, at, _ = authority.rpartition("@")
    if at:
        yield user
    _, _, query = url.partition("?")
    yield from (value for _, value in urllib.parse.parse_qsl(query))


def _parts(secret: str) -> Iterator[str]:
    """The secret, what it is made of, and how either may be written."""
    pieces = {secret, *_BREAKS.split(secret), *(value for _, value in _SETTING.findall(secret))}
    pieces |= {urllib.parse.unquote(piece) for piece in pieces}
    pieces |= {piece.strip("'") for piece in pieces}
    pieces |= set(_decoded(pieces))
    for piece in pieces:
        if len(piece) >= _SHORTEST and piece.lower() not in _WORDS:
            yield from _forms(piece)


def _decoded(pieces: Iterable[str]) -> Iterator[str]:
    """User and password of HTTP's basic authentication, and the like."""
    for piece in pieces:
        if len(piece) >= 8 and re.fullmatch(r"[A-Za-z0-9+/_-]+={0,2}", piece):
            bare = piece.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
            try:
                text = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode()
            except ValueError:
                continue
            if text.isprintable():
                yield text
                yield from text.split(":")


def _forms(piece: str) -> set[str]:
    raw = piece.encode(errors="replace")
    forms = {piece, repr(piece)[1:-1], json.dumps(piece)[1:-1], urllib.parse.quote(piece, safe="")}
    if len(piece) >= _WHOLE_WORDS // 2:
        forms |= {raw.hex(), raw.hex(":"), base64.b64encode(raw).decode().rstrip("=")}
    return {form for form in forms if len(form) >= _SHORTEST}


def _searched(part: str) -> str:
    quoted = re.escape(part)
    return rf"(?<!\w){quoted}(?!\w)" if len(part) <= _WHOLE_WORDS else quoted

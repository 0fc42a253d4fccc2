"""API keys: secrets that this node gave out, each with a name, scopes, and an end.

A key is ``psk.NAME.SECRET``. The secret is 32 random bytes, so a plain SHA-256 of it, which is all that is
kept, tells nobody what it was: slow hashes are for secrets that people think up. All keys are in one item
of the node's table, changed by one at a time.
"""

import base64
import contextlib
import dataclasses
import datetime as dt
import hashlib
import hmac
import pathlib
import re
import secrets

from chalicelib.domain.errors import Conflict, Forbidden, Invalid, NotFound
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import UTC, format_timestamp, parse_timestamp
from chalicelib.service.node import turns_to_change
from chalicelib.settings import settings
from chalicelib.store import node_table

KEYS = "api-keys"
PREFIX = "psk."
SCOPES = ("read", "measure", "administer")
"""What keys are for, each including those before it: looking, posting tasks, changing everybody's."""
MOST_KEYS = 500
OPERATOR = "operator-token"
"""What the key is called that is no key given out, but the operator's token."""
_SECRET_BYTES = 32
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclasses.dataclass(frozen=True)
class ApiKey:
    """What is known of a key, other than the key."""

    name: str
    scopes: tuple[str, ...]
    added: dt.datetime
    expires: dt.datetime | None

    def is_over(self, now: dt.datetime) -> bool:
        return self.expires is not None and self.expires <= now


def known(node: NodeName) -> list[ApiKey]:
    """All keys, those that are over too, by name."""
    return [_read(name, item) for name, item in sorted(_all(node).items())]


def add(node: NodeName, name: str, scope: str, now: dt.datetime, expires: dt.datetime | None = None) -> str:
    """Make a key for a scope and those it includes. It is returned, and never again to be had.

    Raises Invalid, and Conflict for a name that has one, or where others change the keys for seconds.
    """
    if not _NAME.fullmatch(name):
        raise Invalid("A name must have 1 to 40 lower-case letters, digits and hyphens")
    if scope not in SCOPES:
        raise Invalid(f"A scope must be one of {', '.join(SCOPES)}")
    if expires is not None and expires <= now:
        raise Invalid("The end of a key must be in the future")
    secret = secrets.token_bytes(_SECRET_BYTES)
    item = {
        "hash": _text(_hash(secret)),
        "scopes": list(SCOPES[: SCOPES.index(scope) + 1]),
        "added": format_timestamp(now),
        "expires": format_timestamp(expires) if expires else None,
    }
    with _changing(node, now) as keys:
        if name in keys:
            raise Conflict(f"There is already a key {name}: revoke it first")
        if len(keys) >= MOST_KEYS:
            raise Invalid(f"There are {MOST_KEYS} keys: revoke some first")
        keys[name] = item
    return f"{PREFIX}{name}.{_text(secret)}"


def revoke(node: NodeName, name: str, now: dt.datetime) -> None:
    """Have a key open nothing any more. Raises NotFound, Conflict."""
    with _changing(node, now) as keys:
        if keys.pop(name, None) is None:
            raise NotFound(f"There is no key {name}")


def presented(node: NodeName, text: str, now: dt.datetime) -> ApiKey:
    """The key somebody came with. Raises Forbidden for one that is not known, or is over."""
    if _is_operators(text):
        return ApiKey(OPERATOR, SCOPES, now, None)
    name, _, secret = text.removeprefix(PREFIX).partition(".")
    item = _all(node).get(name)
    right = _hash(_bytes(secret)) if item else b""
    if item is None or not hmac.compare_digest(right, base64.urlsafe_b64decode(item["hash"])):
        raise Forbidden("The API key is unknown here")
    found = _read(name, item)
    if found.is_over(now):
        raise Forbidden(f"The API key {name} has expired")
    return found


def _is_operators(text: str) -> bool:
    """Whether somebody came with the token in the operator's file, which only who can read it knows."""
    file = settings().operator_token
    try:
        token = pathlib.Path(file).read_text().strip() if file else ""
    except OSError:
        return False
    return bool(token) and hmac.compare_digest(token.encode(), text.encode())


def named(node: NodeName, name: str, now: dt.datetime) -> ApiKey | None:
    """The key of a name, if it is still good."""
    item = _all(node).get(name)
    found = _read(name, item) if item else None
    return None if found is None or found.is_over(now) else found


def _changing(node: NodeName, now: dt.datetime) -> contextlib.AbstractContextManager[dict[str, JSON]]:
    """The keys, to be changed by nobody else meanwhile, and stored when that is done."""
    return turns_to_change.changing(node, KEYS, "the keys", now)


def _all(node: NodeName) -> dict[str, JSON]:
    return node_table.read(node, KEYS) or {}


def _read(name: str, item: JSON) -> ApiKey:
    expires = parse_timestamp(item["expires"]).astimezone(UTC) if item["expires"] else None
    return ApiKey(name, tuple(item["scopes"]), parse_timestamp(item["added"]), expires)


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.encode("ascii", "replace"))
    except ValueError:
        return b""

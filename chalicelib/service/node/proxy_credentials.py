"""Credentials of those who may speak for others: trusted proxies that name the requester.

Kept under one name in the node's table, each with a salt and a hash of its key that is slow to make
(scrypt, RFC 7914), so that whoever reads the table learns no key.
"""

import base64
import contextlib
import datetime as dt
import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict

from chalicelib.domain.errors import Invalid, NotFound, Unavailable
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.service.node import turns_to_change
from chalicelib.store import node_table

CREDENTIALS = "credentials"
SHORTEST_KEY = 16
_SALT_BYTES = 16
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 * 2**20}
_AT_A_TIME = 2
"""Hashes made at a time: each takes 16 MB and some of a processor."""
_PATIENCE = 3.0
"""Seconds a key may wait to be looked into."""
_MOST_FOUND_RIGHT = 100

_hashing = threading.BoundedSemaphore(_AT_A_TIME)
_found_right: OrderedDict[bytes, None] = OrderedDict()
"""Keys that were found right, as hashes under a secret of this process: those need no slow hash again."""
_of_this_process = secrets.token_bytes(32)


def known(node: NodeName) -> list[str]:
    """The names that have a credential."""
    return sorted(_all(node))


def add(node: NodeName, name: str, key: str, now: dt.datetime) -> None:
    """Store a credential, in place of the one of that name. Raises Invalid, and Conflict."""
    if not name or not name.isprintable() or ";" in name:
        raise Invalid("A name must consist of printable characters other than semicolons")
    if len(key) < SHORTEST_KEY:
        raise Invalid(f"A key must have at least {SHORTEST_KEY} characters")
    salt = secrets.token_bytes(_SALT_BYTES)
    kept = {"salt": _text(salt), "hash": _text(_hash(key, salt))}
    with _changing(node, now) as credentials:
        credentials[name] = kept


def remove(node: NodeName, name: str, now: dt.datetime) -> None:
    """Forget a credential. Raises NotFound, and Conflict."""
    with _changing(node, now) as credentials:
        if credentials.pop(name, None) is None:
            raise NotFound(f"There is no credential {name}")


def _changing(node: NodeName, now: dt.datetime) -> contextlib.AbstractContextManager[dict[str, JSON]]:
    """The credentials, to be changed by nobody else meanwhile, and stored when that is done."""
    return turns_to_change.changing(node, CREDENTIALS, "the credentials", now)


def are_right(node: NodeName, name: str, key: str) -> bool:
    """Whether a key is that of a name. An unknown name takes as long as a wrong key.

    Raises Unavailable while too many others are looked into.
    """
    found = _all(node).get(name, {"salt": "", "hash": ""})
    short = hmac.digest(_of_this_process, repr((node, name, key, found["hash"])).encode(), "sha256")
    if short in _found_right:
        return True
    made = _hash(key, base64.b64decode(found["salt"]))
    is_right = hmac.compare_digest(made, base64.b64decode(found["hash"]))
    if is_right:
        _found_right[short] = None
        while len(_found_right) > _MOST_FOUND_RIGHT:
            _found_right.popitem(last=False)
    return is_right


def _all(node: NodeName) -> dict[str, JSON]:
    return node_table.read(node, CREDENTIALS) or {}


def _hash(key: str, salt: bytes) -> bytes:
    if not _hashing.acquire(timeout=_PATIENCE):
        raise Unavailable("Too many credentials are being checked: try again in a second")
    try:
        return hashlib.scrypt(key.encode(errors="surrogatepass"), salt=salt, **_SCRYPT)
    finally:
        _hashing.release()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()

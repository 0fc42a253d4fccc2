"""What a host says of itself, as a document (docs/agent-protocol.md): its form, its size and its digest.

Who reads it did not write it: it is checked before anything in it is used.
"""

import hashlib
import json
from collections.abc import Mapping

from chalicelib.domain.errors import TooLarge
from chalicelib.domain.schemas import JSON, Checker, integer

SCHEMA = 1
LARGEST = 64 * 1024
"""Bytes of all of it as JSON."""
LONGEST_ANSWER = 4000
"""Characters of what a program answered, of either kind."""
MOST_ANSWERS, MOST_INTERFACES, MOST_NAMES = 40, 100, 500
MOST_UNMET, LONGEST_REASON = 10, 300


def _text(longest: int) -> dict[str, JSON]:
    return {"type": "string", "maxLength": longest}


def _named(value: dict[str, JSON], most: int = MOST_NAMES) -> dict[str, JSON]:
    return {
        "type": "object",
        "propertyNames": {"maxLength": 256},
        "additionalProperties": value,
        "maxProperties": most,
    }


def _list(items: dict[str, JSON], most: int) -> dict[str, JSON]:
    return {"type": "array", "items": items, "maxItems": most}


_VERSION = _text(64)
_INTERFACE = {
    "type": "object",
    "properties": {"name": _text(64), "addresses": _list(_text(64), 50)},
    "required": ["name", "addresses"],
}
_ANSWER = {
    "type": "object",
    "properties": {
        "argv": {**_list(_text(256), 20), "minItems": 1},
        "status": integer(-(2**31), 2**31),
        "stdout": _text(LONGEST_ANSWER),
        "stderr": _text(LONGEST_ANSWER),
    },
    "required": ["argv", "status", "stdout", "stderr"],
}
_TOOL = {
    "type": "object",
    "properties": {"version": _VERSION, "unmet": _list(_text(LONGEST_REASON), MOST_UNMET)},
    "required": ["version", "unmet"],
}
_FACTS = Checker(
    {
        "type": "object",
        "properties": {
            "schema": integer(1),
            "system": _named(_text(256), 20),
            "privileges": {
                "type": "object",
                "properties": {"root": {"type": "boolean"}, "capabilities": _list(_text(64), 64)},
                "required": ["root"],
            },
            "interfaces": _list(_INTERFACE, MOST_INTERFACES),
            "namespaces": _list(_text(256), MOST_NAMES),
            "clock": {
                "type": "object",
                "properties": {"synchronized": {"type": "boolean"}, "source": _text(64)},
                "required": ["synchronized"],
            },
            "programs": _named(_text(256)),
            "answers": _list(_ANSWER, MOST_ANSWERS),
            "settings": _named(_named(_text(256), 20), 100),
            "tools": _named(_TOOL),
            "tests": _named(_VERSION),
            "contexts": _named(_VERSION),
        },
        "required": ["schema", "tools"],
    }
)


def require_valid(facts: JSON) -> dict[str, JSON]:
    """The facts, once they are known to have their form. Raises Invalid, TooLarge."""
    found = _FACTS.fault(facts)
    if found:
        raise found
    size = len(_canonical(facts))
    if size > LARGEST:
        raise TooLarge(f"has {size} bytes; facts can have at most {LARGEST}", "")
    known: dict[str, JSON] = facts
    return known


def digest(facts: Mapping[str, JSON]) -> str:
    """The SHA-256, in hex, of the facts as JSON in UTF-8 with its members sorted and no spaces."""
    return hashlib.sha256(_canonical(facts)).hexdigest()


def size(facts: Mapping[str, JSON]) -> int:
    """In bytes, as it counts."""
    return len(_canonical(facts))


def _canonical(facts: Mapping[str, JSON]) -> bytes:
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

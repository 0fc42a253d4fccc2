"""The JSON Schema of a policy, in each of its versions."""

from chalicelib.domain.limits.classifiers import REQUIREMENTS
from chalicelib.domain.limits.policy_scripts import JQ
from chalicelib.domain.limits.quotas import SCHEMA as QUOTA
from chalicelib.domain.schemas import JSON, Checker, closed
from chalicelib.domain.types import TYPES

MOST_ENTRIES = 1000
"""Identifiers, classifiers, limits and applications, each."""
HIGHEST = 5
"""The schema of this node's additions; pScheduler's own end with 4."""

_NAME, _TEXT, _NAMES = TYPES["String"], TYPES["String"], TYPES["StringList"]
_REQUIRE = {"enum": list(REQUIREMENTS)}


def _array(items: dict[str, JSON]) -> dict[str, JSON]:
    return {"type": "array", "items": items, "maxItems": MOST_ENTRIES}


def _schema(version: int) -> dict[str, JSON]:
    identifier = closed(
        {
            "name": _NAME,
            "description": _TEXT,
            "type": _TEXT,
            "data": {},
            "invert": TYPES["Boolean"],
        },
        ("name", "description", "type", "data"),
    )
    require = {"require": _REQUIRE} if version >= 4 else {}
    classifier = closed(
        {"name": _NAME, "description": _TEXT, "identifiers": _NAMES, **require},
        ("name", "description", "identifiers"),
    )
    group = closed({"require": _REQUIRE, "limits": _NAMES}, ("require", "limits"))
    application = closed(
        {
            "description": _TEXT,
            "classifier": _NAME,
            "apply": _array(group),
            "stop-on-failure": TYPES["Boolean"],
            "invert": TYPES["Boolean"],
        },
        ("apply",),
    )
    since = {"rewrite": (2, JQ), "priority": (3, JQ), "quotas": (5, _array(QUOTA))}
    return closed(
        {
            "schema": {"const": version},
            "identifiers": _array(identifier),
            "classifiers": _array(classifier),
            "limits": _array({"type": "object"}),  # members beyond those known are let through, as ever
            "applications": _array(application),
            **{name: schema for name, (first, schema) in since.items() if version >= first},
        },
        ("schema", "identifiers", "classifiers", "limits", "applications"),
    )


CHECKERS = {version: Checker(_schema(version)) for version in range(1, HIGHEST + 1)}

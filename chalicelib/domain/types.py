"""The dictionary of JSON types that specs, results and tasks are made of (contract/types.md).

Each entry is a JSON Schema (draft 7) fragment; composite types hold the fragments they use, so a
fragment can be put anywhere as it is.
"""

from chalicelib.domain.schemas import JSON, MESSAGE
from chalicelib.domain.times import DURATION_PATTERN


def _integer(low: int | None = None, high: int | None = None) -> dict[str, JSON]:
    bounds = {"minimum": low, "maximum": high}
    return {"type": "integer", **{word: n for word, n in bounds.items() if n is not None}}


TYPES: dict[str, dict[str, JSON]] = {
    "AnyJSON": {},
    "Boolean": {"type": "boolean"},
    "Integer": _integer(),
    "Number": {"type": "number"},
    "Cardinal": _integer(1),
    "CardinalZero": _integer(0),
    "String": {"type": "string"},
    "Host": {"type": "string"},
    "URLHostPort": {"type": "string"},
    "Duration": {
        "type": "string",
        "pattern": DURATION_PATTERN,
        MESSAGE: "{value!r} is not an ISO 8601 duration such as PT30S, without years or months",
    },
}


def type_schema(kind: str | dict[str, JSON]) -> dict[str, JSON]:
    """The fragment of a type given by its name in the dictionary, or given outright."""
    return TYPES[kind] if isinstance(kind, str) else kind

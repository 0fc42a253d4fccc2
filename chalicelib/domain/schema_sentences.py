"""What is said of a value that a schema does not allow: jsonschema's words, with values as JSON.

jsonschema finds what is wrong. Its own sentences show values as Python writes them, however long they are.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.echoes import names, shown

Error = Any
"""A ValidationError of jsonschema."""
LONGEST_OF_A_SCHEMA = 1000
"""Characters of what a schema says that are shown: a list of words is to be there whole."""


class _Shown:
    """A value where a type's own complaint shows it, as ``{value!r}``."""

    def __init__(self, text: str):
        self._text = text

    def __repr__(self) -> str:
        return self._text

    __str__ = __repr__


def sentence(error: Error, keyword: str) -> str:
    """A sentence about an error; ``keyword`` is that under which a type carries its own complaint."""
    own, is_private = _own_complaint(error, keyword), _shows_private(error)
    value = "the value" if is_private else shown(error.instance)
    if own:
        return own.format(value=_Shown(value))
    if is_private:
        return _of_private(error)
    said = _SENTENCES.get(error.validator, _any_other)
    return said(error) if callable(said) else f"{value} {said}"


def _own_complaint(error: Error, keyword: str) -> str | None:
    # The best match may be one alternative of a type: the type's own complaint, further out, says more.
    own, step = None, error
    while step is not None:
        if isinstance(step.schema, dict) and step.absolute_path == error.absolute_path:
            own = step.schema.get(keyword, own)
        step = step.parent
    return own


def _wanted(error: Error) -> str:
    return shown(error.validator_value, LONGEST_OF_A_SCHEMA)


def _types(error: Error) -> str:
    wanted = error.validator_value
    return ", ".join(map(shown, [wanted] if isinstance(wanted, str) else wanted))


def _missing(error: Error) -> str:
    return next(shown(each) for each in error.validator_value if each not in error.instance)


def _unexpected(error: Error) -> str:
    patterns = error.schema.get("patternProperties", {})
    found = [
        each
        for each in error.instance
        if each not in error.schema.get("properties", {})
        and not any(re.search(pattern, each) for pattern in patterns)
    ]
    are = len(found) > 1
    if patterns:
        return f"{names(found)} {'do' if are else 'does'} not match any of the regexes: {names(patterns)}"
    were = "were" if are else "was"
    return f"Additional properties are not allowed ({names(found)} {were} unexpected)"


def _dependency(error: Error) -> str:
    pairs = [
        (each, member)
        for member, needed in error.validator_value.items()
        if member in error.instance and isinstance(needed, list)
        for each in needed
        if each not in error.instance
    ]
    each, member = pairs[0]
    return f"{shown(each)} is a dependency of {shown(member)}"


def _one_of(error: Error) -> str:
    how = "not valid under any" if error.context else "valid under more than one"
    return f"{shown(error.instance)} is {how} of the given schemas"


def _size(words: str, if_none: str, none: int) -> Callable[[Error], str]:
    """A sentence about how long or large something is; ``none`` is the bound of which is said ``if_none``."""
    return lambda error: f"{shown(error.instance)} {if_none if error.validator_value == none else words}"


def _held_against(words: str) -> Callable[[Error], str]:
    return lambda error: f"{shown(error.instance)} {words} {_wanted(error)}"


def _any_other(error: Error) -> str:
    if error.validator is None:
        return f"False schema does not allow {shown(error.instance)}"
    return f"{shown(error.instance)} is not valid under the keyword {error.validator}"


_SENTENCES: Mapping[str, str | Callable[[Error], str]] = {
    "type": lambda error: f"{shown(error.instance)} is not of type {_types(error)}",
    "enum": _held_against("is not one of"),
    "const": lambda error: f"{_wanted(error)} was expected",
    "pattern": _held_against("does not match"),
    "format": _held_against("is not a"),
    "minimum": _held_against("is less than the minimum of"),
    "maximum": _held_against("is greater than the maximum of"),
    "exclusiveMinimum": _held_against("is less than or equal to the minimum of"),
    "exclusiveMaximum": _held_against("is greater than or equal to the maximum of"),
    "multipleOf": _held_against("is not a multiple of"),
    "minLength": _size("is too short", "should be non-empty", 1),
    "maxLength": _size("is too long", "is expected to be empty", 0),
    "minItems": _size("is too short", "should be non-empty", 1),
    "maxItems": _size("is too long", "is expected to be empty", 0),
    "minProperties": _size("does not have enough properties", "should be non-empty", 1),
    "maxProperties": _size("has too many properties", "is expected to be empty", 0),
    "uniqueItems": "has non-unique elements",
    "additionalItems": "has more items than are allowed",
    "contains": "does not contain items matching the given schema",
    "required": lambda error: f"{_missing(error)} is a required property",
    "additionalProperties": _unexpected,
    "dependencies": _dependency,
    "anyOf": "is not valid under any of the given schemas",
    "oneOf": _one_of,
    "not": _held_against("should not be valid under"),
}


def _of_private(error: Error) -> str:
    said = _UNSHOWN.get(error.validator, "the value is not valid")
    wanted = _types(error).replace('"', "") if error.validator == "type" else _wanted(error)
    return said.format(wanted)


_UNSHOWN = {
    "type": "the value must be of type {0}",
    "enum": "the value is not one of {0}",
    "pattern": "the value does not have the required form",
    "minimum": "the value is less than {0}",
    "maximum": "the value is more than {0}",
    "minLength": "the value is too short",
    "maxLength": "the value is too long",
    "additionalProperties": "has members that are not allowed",
    "required": "lacks one of {0}",
    "propertyNames": "has a member whose name is not valid",
}
"""What is said of a value that must not be shown, by keyword."""


def _shows_private(error: Error) -> bool:
    """Whether what is wrong is a private member, in one, or an object shown with one in it."""
    if any(isinstance(step, str) and step[:1] == "_" for step in error.absolute_path):
        return error.validator != "pattern" or "propertyNames" not in error.absolute_schema_path
    if error.validator in ("required", "additionalProperties"):
        return False
    return _has_private(error.instance)


def _has_private(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(member[:1] == "_" or _has_private(item) for member, item in value.items())
    return isinstance(value, list) and any(map(_has_private, value))

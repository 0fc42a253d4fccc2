"""Quick checks: whether a document is plainly valid under a JSON Schema, by functions made of the schema.

Most documents are valid, and jsonschema takes many times as long to find nothing wrong. A quick check says
True only of what jsonschema accepts as well. False says nothing: of a document that may be wrong, or under a
keyword that is not known here, jsonschema has to tell.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

JSON = Any
Check = Callable[[JSON], bool]

_OBJECTS = frozenset(("properties", "required", "additionalProperties", "propertyNames"))
_ARRAYS = frozenset(("items", "minItems", "maxItems", "uniqueItems"))
_STRINGS = frozenset(("pattern", "minLength", "maxLength"))
_NUMBERS = frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"))
_ANYTHING = frozenset(("type", "enum", "const", "allOf", "anyOf", "oneOf"))
_SAYING_NOTHING = frozenset(("title", "description", "default", "examples", "definitions", "x-message"))
_KNOWN = _OBJECTS | _ARRAYS | _STRINGS | _NUMBERS | _ANYTHING
_TYPES: Mapping[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}
_OF: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(_ARRAYS, (list,)),
    **dict.fromkeys(_STRINGS, (str,)),
    **dict.fromkeys(_NUMBERS, (int, float)),
}
"""What a keyword is about; it says nothing of anything else."""


def quick_check(schema: JSON) -> Check:
    """Whether a document is plainly valid under a schema; types by their very class, so that True is no 1."""
    if schema is True:
        return lambda value: True
    if not isinstance(schema, Mapping) or not schema.keys() <= _KNOWN | _SAYING_NOTHING:
        return _doubtful
    checks = [_type(schema["type"])] if "type" in schema else []
    checks += [_about(word, schema[word]) for word in schema if word in _MAKERS]
    if schema.keys() & _OBJECTS:
        checks.append(_members(schema))
    return checks[0] if len(checks) == 1 else _all(checks)


def _doubtful(value: JSON) -> bool:
    return False


def _all(checks: Sequence[Check]) -> Check:
    return lambda value: all(check(value) for check in checks)


def _type(names: str | Sequence[str]) -> Check:
    known = [names] if isinstance(names, str) else names
    classes = frozenset(each for name in known for each in _TYPES.get(name, ()))
    return lambda value: type(value) in classes


def _about(word: str, says: JSON) -> Check:
    """The check of one keyword, which lets what it is not about pass."""
    made = _MAKERS[word](says)
    if word not in _OF:
        return made
    about = _OF[word]
    return lambda value: not isinstance(value, about) or made(value)


def _enum(allowed: Sequence[JSON]) -> Check:
    texts = frozenset(each for each in allowed if isinstance(each, str))
    has_null = None in allowed
    return lambda value: value in texts if type(value) is str else value is None and has_null


def _pattern(regex: str) -> Check:
    search = re.compile(regex).search
    return lambda value: search(value) is not None


def _unique(wanted: bool) -> Check:
    if not wanted:
        return lambda value: True
    return lambda value: (
        len(value) < 2 or (all(type(each) is str for each in value) and len(set(value)) == len(value))
    )


def _items(schema: JSON) -> Check:
    check = quick_check(schema)  # of a list of schemas, one for each place, it is not known
    return lambda value: all(map(check, value))


def _any_of(schemas: Sequence[JSON]) -> Check:
    checks = [quick_check(each) for each in schemas]
    return lambda value: any(check(value) for check in checks)


def _one_of(schemas: Sequence[JSON]) -> Check:
    # That the others are not valid as well is beyond this.
    return quick_check(schemas[0]) if len(schemas) == 1 else _doubtful


_MAKERS: Mapping[str, Callable[[Any], Check]] = {
    "items": _items,
    "minItems": lambda least: lambda value: len(value) >= least,
    "maxItems": lambda most: lambda value: len(value) <= most,
    "uniqueItems": _unique,
    "enum": _enum,
    "const": lambda wanted: _enum([wanted]),
    "pattern": _pattern,
    "minLength": lambda least: lambda value: len(value) >= least,
    "maxLength": lambda most: lambda value: len(value) <= most,
    "minimum": lambda least: lambda value: value >= least,
    "maximum": lambda most: lambda value: value <= most,
    "exclusiveMinimum": lambda bound: lambda value: value > bound,
    "exclusiveMaximum": lambda bound: lambda value: value < bound,
    "allOf": lambda schemas: _all([quick_check(each) for each in schemas]),
    "anyOf": _any_of,
    "oneOf": _one_of,
}


def _members(schema: Mapping[str, JSON]) -> Check:
    """What the keywords about members come to, together."""
    known = {name: quick_check(each) for name, each in schema.get("properties", {}).items()}
    needed = tuple(schema.get("required", ()))
    others = quick_check(schema.get("additionalProperties", True))
    named = quick_check(schema["propertyNames"]) if "propertyNames" in schema else None

    def check(value: JSON) -> bool:
        if not isinstance(value, dict):
            return True
        return (
            all(name in value for name in needed)
            and (named is None or all(map(named, value)))
            and all(known.get(name, others)(member) for name, member in value.items())
        )

    return check

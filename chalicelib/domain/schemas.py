"""JSON Schema checks with messages fit for a client (docs/contract/types.md section 1)."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from chalicelib.domain import quick_checks
from chalicelib.domain.errors import Invalid

JSON = Any
"""Any value that json.loads may return, where a schema says what it holds or nobody looks into it."""
Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value] | None"
"""The same where it is read by hand: what it is has to be asked before anything is taken from it."""

LONGEST_SENTENCE = 2000
"""Characters of what is said of a value, which it may quote."""
MESSAGE = "x-message"
"""The keyword under which a type carries its own complaint; ``{value}`` stands for the bad value."""


def closed(properties: dict[str, JSON], required: tuple[str, ...] = ()) -> dict[str, JSON]:
    """The schema of an object that has these members and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def integer(low: int | None = None, high: int | None = None) -> dict[str, JSON]:
    """The schema of a whole number, both bounds included."""
    bounds = {"minimum": low, "maximum": high}
    return {"type": "integer", **{word: n for word, n in bounds.items() if n is not None}}


def pattern(regex: str, message: str) -> dict[str, JSON]:
    """The schema of a string that the whole of a regular expression matches, and its complaint."""
    return {"type": "string", "pattern": rf"^(?:{regex})\Z", MESSAGE: message}


class Checker:
    """One schema, compiled on first use and kept: compiling costs more than any check with it."""

    def __init__(self, schema: dict[str, JSON]):
        self.schema = schema

    @functools.cached_property
    def _validator(self) -> JSON:
        import jsonschema  # 80-190 ms of a cold start, and most requests validate nothing

        return jsonschema.Draft7Validator(
            self.schema, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER
        )

    def problem(self, instance: JSON) -> str | None:
        """What is wrong with the instance, as ``/path/to/member: sentence``; None when valid."""
        found = self.fault(instance)
        return None if found is None else found.message

    @functools.cached_property
    def _is_plainly_valid(self) -> quick_checks.Check:
        return quick_checks.quick_check(self.schema)

    def fault(self, instance: JSON) -> Invalid | None:
        """What is wrong with the instance, with the member's pointer; None when valid."""
        if self._is_plainly_valid(instance):
            return None
        import jsonschema.exceptions

        error = jsonschema.exceptions.best_match(self._validator.iter_errors(instance))
        if error is None:
            return None
        return Invalid(
            _bounded(_sentence(error)), "".join(f"/{escaped(str(step))}" for step in error.absolute_path)
        )


def _bounded(sentence: str) -> str:
    """A sentence that quotes a value, which may be as large as a request, with its middle left out."""
    if len(sentence) <= LONGEST_SENTENCE:
        return sentence
    return f"{sentence[: LONGEST_SENTENCE // 2]} ... {sentence[-LONGEST_SENTENCE // 4 :]}"


def escaped(step: str) -> str:
    """A member's name as it stands in a JSON pointer (RFC 6901 section 3)."""
    return step.replace("~", "~0").replace("/", "~1")


class _Hidden:
    """Stands where a private value would be shown."""

    def __repr__(self) -> str:
        return "the value"

    __str__ = __repr__


def _sentence(error: JSON) -> str:
    # The best match may be one alternative of a type: the type's own complaint, further out, says more.
    own, step = None, error
    while step is not None:
        if isinstance(step.schema, dict) and step.absolute_path == error.absolute_path:
            own = step.schema.get(MESSAGE, own)
        step = step.parent
    if not _shows_private(error):
        return own.format(value=error.instance) if own else str(error.message)
    if own:
        return str(own.format(value=_Hidden()))
    return _UNSHOWN.get(error.validator, "{0} is not valid").format("the value", error.validator_value)


_UNSHOWN = {
    "type": "{0} must be of type {1}",
    "enum": "{0} is not one of {1}",
    "pattern": "{0} does not have the required form",
    "minimum": "{0} is less than {1}",
    "maximum": "{0} is more than {1}",
    "minLength": "{0} is too short",
    "maxLength": "{0} is too long",
    "additionalProperties": "has members that are not allowed",
    "required": "lacks one of {1}",
    "propertyNames": "has a member whose name is not valid",
}
"""What is said in place of the library's sentences, which show the value, by keyword."""


def _shows_private(error: JSON) -> bool:
    """Whether what is wrong is a private member, in one, or an object shown with one in it."""
    if any(isinstance(step, str) and step[:1] == "_" for step in error.absolute_path):
        return error.validator != "pattern" or "propertyNames" not in error.absolute_schema_path
    shown = error.validator not in ("required", "additionalProperties")
    return shown and _has_private(error.instance)


def _has_private(value: JSON) -> bool:
    if isinstance(value, Mapping):
        return any(name[:1] == "_" or _has_private(item) for name, item in value.items())
    return isinstance(value, list) and any(map(_has_private, value))


def version_of(document: Mapping[str, JSON]) -> int:
    """The document's ``schema``, 1 when absent. Raises Invalid unless it is a whole number."""
    version = document.get("schema", 1)
    if isinstance(version, bool) or not isinstance(version, int):
        raise Invalid(f"{version!r} is not an integer", "/schema")
    return version


class Versions:
    """Schemas by version: {1: schema, 2: schema}; a document says which one it follows."""

    def __init__(self, schemas: Mapping[int, dict[str, JSON]]):
        self.checkers = {version: Checker(schema) for version, schema in schemas.items()}

    def problem(self, document: JSON) -> str | None:
        """What is wrong with the document, as a sentence; None when it is valid."""
        found = self.fault(document)
        return None if found is None else found.message

    def fault(self, document: JSON) -> Invalid | None:
        """What is wrong with the document, with the member's pointer; None when it is valid."""
        if not isinstance(document, dict):
            return Invalid("must be an object", "")
        try:
            version = version_of(document)
        except Invalid as error:
            return error
        if version not in self.checkers:
            highest = max(self.checkers)
            return Invalid(f"version {version} is not supported (highest is {highest})", "/schema")
        found = self.checkers[version].fault(document)
        return found and Invalid(found.sentence + self._later(document, version), found.pointer)

    def _later(self, document: Mapping[str, JSON], version: int) -> str:
        """Which version would have the document as it is, where one that is newer than its own does."""
        for number in sorted(self.checkers):
            if number > version and not self.checkers[number].fault({**document, "schema": number}):
                return f'; as it is, it needs "schema": {number}'
        return ""

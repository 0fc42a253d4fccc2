"""JSON Schema checks with messages fit for a client (docs/contract/types.md section 1)."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from chalicelib.domain import quick_checks, schema_sentences
from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid, NeedsLaterSchema

JSON = Any
"""Any value that json.loads may return, where a schema says what it holds or nobody looks into it."""
Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value] | None"
"""The same where it is read by hand: what it is has to be asked before anything is taken from it."""

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
        pointer = "".join(f"/{escaped(str(step))}" for step in error.absolute_path)
        return Invalid(schema_sentences.sentence(error, MESSAGE), pointer)


def escaped(step: str) -> str:
    """A member's name as it stands in a JSON pointer (RFC 6901 section 3)."""
    return step.replace("~", "~0").replace("/", "~1")


def version_of(document: Mapping[str, JSON]) -> int:
    """The document's ``schema``, 1 when absent. Raises Invalid unless it is a whole number."""
    version = document.get("schema", 1)
    if isinstance(version, bool) or not isinstance(version, int):
        raise Invalid(f"{shown(version)} is not an integer", "/schema")
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
            return Invalid(f"version {shown(version)} is not supported (highest is {highest})", "/schema")
        found = self.checkers[version].fault(document)
        return found and self._of_later(document, version, found)

    def _of_later(self, document: Mapping[str, JSON], version: int, found: Invalid) -> Invalid:
        """What is wrong, with the later version under which the document is right, or at least this of it."""
        later = [number for number in sorted(self.checkers) if number > version]
        faults = {number: self.checkers[number].fault({**document, "schema": number}) for number in later}
        enough = [number for number in later if faults[number] is None]
        better = [number for number, still in faults.items() if still and still.pointer != found.pointer]
        for number in (*enough, *better):
            return NeedsLaterSchema(found.sentence, found.pointer or "", number, number in enough)
        return found

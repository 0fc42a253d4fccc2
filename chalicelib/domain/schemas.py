"""JSON Schema checks with messages fit for a client (contract/types.md section 1)."""

import functools
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.errors import Invalid

JSON = Any
"""Any value that json.loads may return."""

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
        import jsonschema.exceptions

        error = jsonschema.exceptions.best_match(self._validator.iter_errors(instance))
        if error is None:
            return None
        path = "/" + "/".join(str(step) for step in error.absolute_path)
        return f"{path}: {_sentence(error)}"


def _sentence(error: JSON) -> str:
    # The best match may be one alternative of a type: the type's own complaint, further out, says more.
    own, step = None, error
    while step is not None:
        if isinstance(step.schema, dict) and step.absolute_path == error.absolute_path:
            own = step.schema.get(MESSAGE, own)
        step = step.parent
    return own.format(value=error.instance) if own else str(error.message)


def version_of(document: Mapping[str, JSON]) -> int:
    """The document's ``schema``, 1 when absent. Raises Invalid unless it is a whole number."""
    version = document.get("schema", 1)
    if isinstance(version, bool) or not isinstance(version, int):
        raise Invalid(f"/schema: {version!r} is not an integer")
    return version


class Versions:
    """Schemas by version: {1: schema, 2: schema}; a document says which one it follows."""

    def __init__(self, schemas: Mapping[int, dict[str, JSON]]):
        self.checkers = {version: Checker(schema) for version, schema in schemas.items()}

    def problem(self, document: JSON) -> str | None:
        """What is wrong with the document, as a sentence; None when it is valid."""
        if not isinstance(document, dict):
            return "/: must be an object"
        try:
            version = version_of(document)
        except Invalid as error:
            return error.message
        if version not in self.checkers:
            return f"/schema: version {version} is not supported (highest is {max(self.checkers)})"
        return self.checkers[version].problem(document)

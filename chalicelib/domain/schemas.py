"""JSON Schema checks with messages fit for a client (contract/types.md section 1)."""

import functools
from typing import Any

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

        trouble = jsonschema.exceptions.best_match(self._validator.iter_errors(instance))
        if trouble is None:
            return None
        path = "/" + "/".join(str(step) for step in trouble.absolute_path)
        own = trouble.schema.get(MESSAGE) if isinstance(trouble.schema, dict) else None
        return f"{path}: {own.format(value=trouble.instance) if own else trouble.message}"

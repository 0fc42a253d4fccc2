"""jq transforms of results (contract/types.md, JQTransformSpecification; archivers.md section 1)."""

import functools
import json
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON


@functools.lru_cache(maxsize=128)
def _program(script: str, arguments: str) -> Any:
    import jq  # a compiled library, needed by few tasks

    return jq.compile(script, args=json.loads(arguments))


def compiled(transform: Mapping[str, JSON]) -> Any:
    """The program of a transform, compiled once. Raises Invalid when it does not compile."""
    script = transform["script"]
    text = script if isinstance(script, str) else "\n".join(script)
    arguments = transform.get("args", {})
    if not isinstance(arguments, dict):
        raise Invalid("/args: must be an object")
    try:
        return _program(text, json.dumps(arguments))
    except ValueError as error:
        raise Invalid(f"/script: does not compile: {error}") from error


def apply(transform: Mapping[str, JSON], document: JSON) -> JSON:
    """What a transform makes of a document: its first output, or with ``output-raw`` all as text.

    No output at all reads as null. Raises Invalid when the script fails on this document.
    """
    try:
        outputs = compiled(transform).input_value(document).all()
    except ValueError as error:
        raise Invalid(f"The transform failed: {error}") from error
    if transform.get("output-raw"):
        return "\n".join(item if isinstance(item, str) else json.dumps(item) for item in outputs)
    return outputs[0] if outputs else None

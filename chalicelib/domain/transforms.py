"""jq transforms of results (docs/contract/types.md section 3, docs/contract/archivers.md section 1)."""

import json
from collections.abc import Mapping

from chalicelib.domain.errors import Invalid
from chalicelib.domain.jq_scripts import Jq, ScriptFailed
from chalicelib.domain.schemas import JSON


def check(transform: Mapping[str, JSON], jq: Jq) -> None:
    """Raise Invalid, as ``/member: sentence``, unless the transform compiles."""
    if not isinstance(transform.get("args", {}), dict):
        raise Invalid("must be an object; its members become variables", "/args")
    try:
        jq.check(_script(transform), transform.get("args", {}))
    except ScriptFailed as error:
        raise Invalid(f"must be a jq script that compiles: {error}", "/script") from error


def apply(transform: Mapping[str, JSON], document: JSON, jq: Jq) -> JSON:
    """What a transform makes of a document: its first output, or with ``output-raw`` all as text.

    No output at all reads as null. Raises Invalid when the script fails on this document.
    """
    try:
        outputs = jq.run(_script(transform), transform.get("args", {}), document)
    except ScriptFailed as error:
        raise Invalid(f"The transform failed: {error}") from error
    if transform.get("output-raw"):
        return "\n".join(item if isinstance(item, str) else json.dumps(item) for item in outputs)
    return outputs[0] if outputs else None


def _script(transform: Mapping[str, JSON]) -> str:
    script = transform["script"]
    return script if isinstance(script, str) else "\n".join(script)

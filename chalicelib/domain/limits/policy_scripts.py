"""The jq scripts of a policy: checked as it is read, and run on what is judged."""

import dataclasses
import json
from collections.abc import Mapping, Sequence

from chalicelib.domain.errors import Invalid
from chalicelib.domain.jq_scripts import Jq, ScriptFailed
from chalicelib.domain.schemas import JSON
from chalicelib.domain.types import TYPES

JQ = TYPES["JQTransformSpecification"]
LONGEST_SCRIPT = 65_536
"""Characters of a jq script."""
_HINT = "def hint($name): $__hints__[$name];"


@dataclasses.dataclass(frozen=True)
class Script:
    """A jq script as a policy has it, known to compile."""

    text: str
    args: Mapping[str, JSON]

    def run(self, jq: Jq, document: JSON) -> list[JSON]:
        """All its outputs. Raises ScriptFailed."""
        return jq.run(self.text, self.args, document)

    def first(self, jq: Jq, document: JSON) -> JSON:
        """Its first output. Raises ScriptFailed, also when there is none."""
        found = self.run(jq, document)
        if not found:
            raise ScriptFailed("The script has no output")
        return found[0]


def script(data: Mapping[str, JSON], pointer: str, jq: Jq, prelude: str = "") -> Script:
    """The script of a JQTransformSpecification. Raises Invalid when it does not compile."""
    source = data["script"]
    lines = source if isinstance(source, list) else [source]
    args = data.get("args", {})
    if not isinstance(args, dict):
        raise Invalid("must be an object; its members become variables", f"{pointer}/args")
    imports, body = _imports_apart("\n".join(lines))
    text = "\n".join(part for part in (imports, prelude, body) if part)
    if len(text) > LONGEST_SCRIPT:
        raise Invalid(f"must have at most {LONGEST_SCRIPT} characters", f"{pointer}/script")
    try:
        jq.check(text, args)
    except ScriptFailed as error:
        raise Invalid(f"must be a jq script that compiles: {error}", f"{pointer}/script") from error
    return Script(text, args)


def _imports_apart(text: str) -> tuple[str, str]:
    """The import and include statements of a script, which jq wants first, and the rest of it."""
    imports: list[str] = []
    body: list[str] = []
    for line in text.splitlines():
        is_import = line.lstrip().startswith(("import ", "include ")) and line.rstrip().endswith(";")
        (imports if is_import else body).append(line)
    return "\n".join(imports), "\n".join(body)


def script_with_hints(data: Mapping[str, JSON], pointer: str, jq: Jq) -> Script:
    """A script that may call ``hint($name)``; run it with ``given_hints``."""
    if not isinstance(data.get("args", {}), dict):
        raise Invalid("must be an object; its members become variables", f"{pointer}/args")
    with_place = {**data, "args": {**data.get("args", {}), "__hints__": {}}}
    return script(with_place, pointer, jq, _HINT)


def given_hints(made: Script, hints: Mapping[str, JSON]) -> Script:
    return Script(made.text, {**made.args, "__hints__": dict(hints)})


class Foreseen:
    """jq that was asked before what some scripts make of a document: all at once, which costs as one does."""

    def __init__(self, jq: Jq, scripts: Sequence[Script], document: JSON):
        self._jq, self._document = jq, document
        answers = jq.run_all([(one.text, one.args) for one in scripts], document)
        self._answers = {
            (one.text, canonical(one.args)): answer for one, answer in zip(scripts, answers, strict=True)
        }

    def check(self, script: str, args: Mapping[str, JSON]) -> None:
        """As jq does."""
        self._jq.check(script, args)

    def run(self, script: str, args: Mapping[str, JSON], document: JSON) -> list[JSON]:
        """What was foreseen, or else what jq comes to. Raises ScriptFailed."""
        found = self._answers.get((script, canonical(args))) if document == self._document else None
        if found is None:
            return self._jq.run(script, args, document)
        if isinstance(found, ScriptFailed):
            raise found
        return found

    def run_all(
        self, scripts: Sequence[tuple[str, Mapping[str, JSON]]], document: JSON
    ) -> list[list[JSON] | ScriptFailed]:
        """As jq does."""
        return self._jq.run_all(scripts, document)


def canonical(args: Mapping[str, JSON]) -> str:
    """Arguments as text that can be a key."""
    return json.dumps(args, sort_keys=True) if args else "{}"

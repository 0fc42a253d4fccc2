"""The rewriter: a jq script that changes what was posted (docs/contract/limits.md section 5)."""

import dataclasses
from collections.abc import Mapping, Sequence

from chalicelib.domain.errors import Forbidden
from chalicelib.domain.jq_scripts import Jq, ScriptFailed
from chalicelib.domain.limits.policy_scripts import Script, script
from chalicelib.domain.schemas import JSON, Value

PRIVATE = "__REWRITER_PRIVATE__"
PRELUDE = f"""
def classifiers: .{PRIVATE}.classifiers;
def classifiers_has($value): .{PRIVATE}.classifiers | contains([$value]);
def hint($name): .{PRIVATE}.hints[$name];
def change($message): .{PRIVATE}.changed = true
  | if $message == null then . else .{PRIVATE}.diags += [$message] end;
def reject($message): error($message);
"""
"""``contains`` looks for parts of strings too: ``any`` is found in ``c-any``, as in the reference."""


@dataclasses.dataclass(frozen=True)
class Rewritten:
    """What a rewriter made of a task; ``changed`` when it says so itself, ``messages`` why."""

    task: Mapping[str, JSON]
    changed: bool
    messages: Sequence[str]

    @property
    def lines(self) -> list[str]:
        """The changes as diagnostics show them."""
        if not self.changed:
            return []
        said = [f"  {message}" for message in self.messages] or ["  Changes that the rewriter does not name"]
        return ["The rewriter made changes:", *said]


def prepare(data: Mapping[str, JSON], pointer: str, jq: Jq) -> Script:
    """The script of a policy's rewriter. Raises Invalid."""
    return script(data, pointer, jq, PRELUDE)


def rewrite(
    made: Script, task: Mapping[str, JSON], hints: Mapping[str, JSON], classified: Sequence[str], jq: Jq
) -> Rewritten:
    """What the script makes of a task. Raises Forbidden for one that it rejects, or would spoil."""
    private = {"classifiers": list(classified), "changed": False, "diags": [], "hints": dict(hints)}
    try:
        found = made.first(jq, {**task, PRIVATE: private})
    except ScriptFailed as error:
        raise Forbidden(f"The task was not rewritten: {error}") from error
    return _checked(found, task)


def _checked(found: Value, task: Mapping[str, JSON]) -> Rewritten:
    if not isinstance(found, dict) or not isinstance(found.get(PRIVATE), dict):
        raise Forbidden("The task was not rewritten: the script did not return the task it was given")
    test, before = found.get("test"), task.get("test")
    kind = test.get("type") if isinstance(test, dict) else None
    if not isinstance(kind, str) or not isinstance(before, Mapping) or kind != before.get("type"):
        raise Forbidden("The task was not rewritten: the type of the test must stay as it is")
    if not isinstance(test, dict) or "spec" not in test:
        raise Forbidden("The task was not rewritten: the test must keep its spec")
    private = found.pop(PRIVATE)
    messages = private.get("diags")
    texts = [str(message)[:1000] for message in messages[:100]] if isinstance(messages, list) else []
    return Rewritten(found, private.get("changed") is True, texts)

"""The prioritizer: a jq script that says what priority a run may have (docs/contract/limits.md section 8)."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from chalicelib.domain.errors import Forbidden
from chalicelib.domain.jq_scripts import Jq, ScriptFailed
from chalicelib.domain.limits.policy_scripts import Script, script
from chalicelib.domain.schemas import JSON, Value

PRIVATE = "__PRIORITIZER_PRIVATE__"
DEFAULT = 0
LOWEST, HIGHEST = -(2**31), 2**31 - 1
PRELUDE = f"""
def classifiers: .{PRIVATE}.classifiers;
def classifiers_has($value): .{PRIVATE}.classifiers | contains([$value]);
def default: {DEFAULT};
def requested: .priority;
def priority: .{PRIVATE}.priority;
def note($message): if $message == null then . else .{PRIVATE}.diags += [$message] end;
def set($number; $message): .{PRIVATE}.priority = $number
  | note(if $message == null then null else "\\($message) (set to \\($number))" end);
def adjust($number; $message): .{PRIVATE}.priority += $number
  | note(if $message == null then null
         else "\\($message) (\\(if $number < 0 then "" else "+" end)\\($number))" end);
"""


@dataclasses.dataclass(frozen=True)
class Ranked:
    """The priority a run may have, and how that came about."""

    priority: int
    lines: Sequence[str]


def prepare(data: Mapping[str, JSON], pointer: str, jq: Jq) -> Script:
    """The script of a policy's prioritizer. Raises Invalid."""
    return script(data, pointer, jq, PRELUDE)


def prioritize(made: Script, task: Mapping[str, JSON], classified: Sequence[str], jq: Jq) -> Ranked:
    """The priority of a task. Raises Forbidden where the script fails, or gives no number."""
    private = {"classifiers": list(classified), "priority": DEFAULT, "diags": []}
    try:
        found: Value = made.first(jq, {**task, PRIVATE: private})
    except ScriptFailed as error:
        raise Forbidden(f"The priority could not be determined: {error}") from error
    kept = found.get(PRIVATE) if isinstance(found, dict) else None
    number = kept.get("priority") if isinstance(kept, dict) else None
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise Forbidden("The priority could not be determined: the script's output is not a number")
    priority = max(LOWEST, min(HIGHEST, round(number)))
    notes = kept["diags"] if isinstance(kept, dict) and isinstance(kept.get("diags"), list) else []
    asked = task.get("priority")
    return Ranked(
        priority,
        [
            f"Priority: {'none' if asked is None else asked} was requested, {priority} is given",
            *(f"  {str(note)[:1000]}" for note in notes[:100]),
        ],
    )

"""How large a result may be, so that whatever is kept can be answered.

A run shows what a tool came to once as its own result, once for each participant, and once merged. Lambda
answers 6 MB at most, JSON inside JSON; on one machine the same holds, for results to be the same everywhere.
"""

import json

from chalicelib.domain.schemas import JSON, Value

LARGEST_RESULT = 1_200_000
"""Characters of one local result, as they travel; four of them fit an answer."""
LARGEST_TEXT = 1_000_000
"""The same of one text in a result that may be cut."""
LARGEST_WORD = 65_536
"""Characters of what a participant tells the others of itself before and after a run: its data, its clock."""
DIAGS = 65_536
"""Characters of diagnostics that are kept."""
_CUT = "\n... {} characters are left out here ...\n"


def travelling(value: Value) -> int:
    """The characters that a value takes up in an answer of Lambda's."""
    return len(json.dumps(json.dumps(value)))


def refusal(word: Value) -> str:
    """Why what a participant told of itself is not kept; nothing where it can be."""
    size = travelling(word)
    return "" if size <= LARGEST_WORD else f"takes up {size} characters; at most {LARGEST_WORD} are kept"


def cut(text: str, most: int = LARGEST_TEXT) -> str:
    """The beginning of a text that takes up no more than so many characters in an answer."""
    while (size := travelling(text)) > most:
        text = text[: min(len(text) - 1, len(text) * most // size)]
    return text


def bounded(result: Value) -> JSON:
    """A local result that can be kept: its diagnostics short, a failure in place of one still too large."""
    kept = _with_short_diags(result)
    if isinstance(kept, dict) and isinstance(kept.get("result"), dict):
        kept = {**kept, "result": _with_short_diags(kept["result"])}
    size = travelling(kept)
    if size <= LARGEST_RESULT:
        return kept
    diags = kept.get("diags", "") if isinstance(kept, dict) else ""
    error = f"The result takes up {size} characters; a run can have at most {LARGEST_RESULT}"
    return {"succeeded": False, "result": None, "error": error, "diags": diags}


def _with_short_diags(result: Value) -> Value:
    if not isinstance(result, dict) or not isinstance(result.get("diags"), str):
        return result
    return {**result, "diags": shortened(result["diags"])}


def shortened(diags: str) -> str:
    """The beginning and the end of diagnostics: what was run, and what came of it."""
    if len(diags) <= DIAGS and travelling(diags) <= 2 * DIAGS:
        return diags
    part = DIAGS // 2
    if len(diags) <= DIAGS:  # few characters, each of which travels as several
        part = len(diags) * DIAGS // travelling(diags)
    return diags[:part] + _CUT.format(len(diags) - 2 * part) + diags[-part:]

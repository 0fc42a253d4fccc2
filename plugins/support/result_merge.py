"""Merging the results of the two ends of a throughput test (docs/contract/tools.md section 4).

What the ends found comes from other nodes as well, so nothing about its shape is taken for granted.
"""

from collections.abc import Sequence

from chalicelib.domain.schemas import JSON
from plugins.sdk.fields import Spec
from plugins.sdk.test import Result

MEASURED = ("intervals", "summary", "mss", "mtu", "tcp-window-size", "requested-tcp-window-size")
RECEIVED = ("receiver-throughput-bits", "lost", "jitter")
"""What only the receiving end knows."""


def merge(spec: Spec, results: Sequence[JSON]) -> Result:
    """What the client measured. A failure of either end is one of the test: with its server broken
    down, the client has measured to something else.
    """
    return _result_of(0, results)


def merge_by_sender(spec: Spec, results: Sequence[JSON]) -> Result:
    """What the sending end measured, which knows most, together with what arrived at the other."""
    if not spec.get("reverse") or len(results) < 2:
        return _result_of(0, results)
    merged = _result_of(1, results)
    if not merged["succeeded"]:
        return merged
    arrived = _total(results[0])
    total = {**_total(merged), **{name: arrived[name] for name in RECEIVED if name in arrived}}
    return {**merged, "summary": {**merged["summary"], "summary": total}}


def _result_of(chosen: int, results: Sequence[JSON]) -> Result:
    diags = "\n\n".join(
        f"Participant {number}:\n{_text(result, 'diags')}" for number, result in enumerate(results)
    )
    error = _failure(chosen, results)
    if error is not None:
        return {"succeeded": False, "error": error, "diags": diags}
    found = results[chosen]
    measured = {name: found[name] for name in MEASURED if name in found}
    return {"schema": 1, "succeeded": True, **measured, "diags": diags}


def _failure(chosen: int, results: Sequence[JSON]) -> str | None:
    """Why there is no measurement: an end that failed, or one that has none to give."""
    for number, result in enumerate(results):
        if isinstance(result, dict) and result.get("succeeded") is not True:
            return f"Participant {number}: {_text(result, 'error') or 'failed without saying why'}"
    found = results[chosen]
    if not _total(found) or not isinstance(found.get("intervals"), list):
        return f"Participant {chosen}: there is no measurement"
    return None


def _total(result: JSON) -> dict[str, JSON]:
    """The summary of all streams, empty where there is none."""
    summary = result.get("summary") if isinstance(result, dict) else None
    total = summary.get("summary") if isinstance(summary, dict) else None
    return total if isinstance(total, dict) else {}


def _text(result: JSON, name: str) -> str:
    value = result.get(name) if isinstance(result, dict) else None
    return value if isinstance(value, str) else ""

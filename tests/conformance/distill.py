"""Makes the conversations of this folder from recordings of a reference server::

    python -m tests.conformance.distill RECORDINGS

A recording is ``NAME.jsonl``, a request and its whole answer per line, or a transcript in Markdown of two
servers that talk to each other. What is kept of it are facts: what was asked, the status, the members of
the answer with their JSON types, and the values that mean something to a client. The wording of an answer,
and whatever was true of the recorded machine only, is left out.

The shape of an answer, as ``shapes.py`` reads it:

===================  =========================================================
``"string"``         a value of this JSON type; ``"string?"`` may be null, too
``"any"``            whatever there is, as long as there is something
``{"a": S, ...}``    an object with these members, and maybe more
``[S]``              a list that has elements, each of them an S; ``[]`` any list
``{"=": value}``     exactly this
``{"?": S}``         an S, or null
===================  =========================================================
"""

import argparse
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from tests.conformance import transcripts

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ("api", "specs", "lifecycle")

MEANINGFUL = {
    *("anytime", "can-run", "enabled", "exclusive", "is_paused", "multi-result", "participant", "passed"),
    *("safe", "scheduling-class", "schema", "succeeded", "valid"),
}
"""Members whose values a client acts on; they have to be the recorded ones."""
MAYBE_NULL = {
    *("diags", "error", "errors", "expected", "first-start", "last", "last-finished", "last-scheduled"),
    *("limit-diags", "next_time", "overdue", "participant-data", "participant-data-full", "priority"),
    *("result", "result-full", "result-merged"),
}
"""Members that are null or not depending on when one asks, or on what is configured."""
_REQUEST = ("id", "method", "path", "query", "headers", "json", "text", "from", "define", "save")


def case(recorded: dict[str, Any]) -> dict[str, Any]:
    """A recorded request as it is kept: as it was sent, with what its answer has to look like."""
    kept = {name: recorded[name] for name in _REQUEST if name in recorded}
    expected = recorded["expect"]
    kept["status"] = expected["status"]
    says_nothing = recorded["method"] == "HEAD" or (kept["status"] >= 500 and kept["status"] != 501)
    if "json" in expected and not says_nothing:
        kept["answer"] = answer(recorded["path"], expected["json"])
    return kept


def answer(path: str, value: Any) -> Any:
    """The shape of an answer; what is computed from the request alone has one right value."""
    if path.endswith(("/spec", "/cli", "/api")):
        return {"=": value}
    if path.startswith("/tests/") and path.endswith("/participants"):
        return {"participants": {"=": value["participants"]}}
    return shape([value])


def shape(values: Sequence[Any], name: str = "") -> Any:
    """What these values, all found in the same place, have in common."""
    if name in MAYBE_NULL:
        present = [value for value in values if value is not None]
        return _or_null(_shape_of_some(present, name)) if len(present) == len(values) else "any"
    return _shape_of_some(values, name)


def _shape_of_some(values: Sequence[Any], name: str) -> Any:
    if all(isinstance(value, dict) for value in values):
        shared = sorted(set.intersection(*map(set, values)))
        return {member: shape([value[member] for value in values], member) for member in shared}
    if all(value == values[0] for value in values):
        return _shape_of_one(values[0], name)
    kinds = {type_name(value) for value in values}
    return kinds.pop() if len(kinds) == 1 else "any"


def _shape_of_one(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [shape(value)] if value else []
    return {"=": value} if name in MEANINGFUL else type_name(value)


def _or_null(wanted: Any) -> Any:
    if wanted == "any":
        return wanted
    return f"{wanted}?" if isinstance(wanted, str) else {"?": wanted}


def type_name(value: Any) -> str:
    """The JSON type of a value."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    for kind, named in ((str, "string"), ((int, float), "number"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return named
    raise TypeError(f"{value!r} is not JSON")


def _write(name: str, lines: Iterator[dict[str, Any]]) -> None:
    text = "".join(f"{json.dumps(line, ensure_ascii=False, separators=(',', ':'))}\n" for line in lines)
    (HERE / f"{name}.jsonl").write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recordings", type=pathlib.Path, help="the folder that holds the recordings")
    folder = parser.parse_args().recordings
    for name in NAMES:
        recorded = map(json.loads, (folder / f"{name}.jsonl").read_text().splitlines())
        _write(name, map(case, recorded))
    transcript = (folder / "two-participants.md").read_text()
    _write("participants", transcripts.distilled(transcript))


if __name__ == "__main__":
    main()

"""What the reference server answered about specs, asked of the plugins themselves."""

import json
import pathlib
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from plugins.sdk import base
from tests.plugins.everything import TESTS

RECORDING = pathlib.Path(__file__).resolve().parents[3] / "shared" / "conformance" / "specs.jsonl"


def _cases() -> list[Any]:
    if not RECORDING.exists():
        return []
    cases = [json.loads(line) for line in RECORDING.read_text().splitlines()]
    return [pytest.param(case, id=case["id"]) for case in cases if case["path"].split("/")[2] in TESTS]


@pytest.fixture
def _recording() -> None:
    if not RECORDING.exists():
        pytest.skip("there is no recording beside this repository")


@pytest.mark.usefixtures("_recording")
@pytest.mark.parametrize("case", _cases() or [None])
def test_the_answer_is_the_recorded_one(case: dict[str, Any]) -> None:
    _, _, name, question = case["path"].split("/", 3)
    [[_, text]] = case["query"]

    try:
        answer = _answer(TESTS[name], question, json.loads(text))
    except Invalid:
        assert case["expect"]["status"] >= 400
    else:
        assert answer == case["expect"]["json"]


def _answer(test: base.Test, question: str, given: Any) -> Any:
    if question == "spec":
        return test.parse([str(argument) for argument in given])
    if question == "spec/is-valid":
        return {"valid": test.problem(given) is None}
    problem = test.participant_versions.problem(
        given
    )  # who takes part is answered without the checks beyond it
    if problem:
        raise Invalid(problem)
    return {"participants": list(test.participants(given))}

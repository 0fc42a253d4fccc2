"""What the reference server answered about specs, asked of the plugins themselves."""

import json
from typing import Any

from chalicelib.domain.errors import Invalid
from plugins import sdk
from tests.conformance.replay import cases
from tests.conformance.shapes import differences
from tests.plugins.everything import TESTS
from tests.rows import each_of

CASES = [(case["path"].split("/")[2], case) for case in cases("specs")]


@each_of([(name, case) for name, case in CASES if name in TESTS])
def test_the_answer_is_the_recorded_one(name: str, case: dict[str, Any]) -> None:
    question = case["path"].split("/", 3)[3]
    [[_, text]] = case["query"]

    try:
        answer = _answer(TESTS[name], question, json.loads(text))
    except Invalid:
        assert case["status"] >= 400
    else:
        assert case["status"] == 200
        assert list(differences(case["answer"], answer)) == []


def _answer(test: sdk.Test, question: str, given: Any) -> Any:
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

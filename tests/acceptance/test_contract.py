"""Every answer to the recorded requests keeps to the OpenAPI document of the node that gave it."""

import json
import pathlib

import pytest

from tests.acceptance.nodes import serving
from tests.conformance.replay import Conversation, cases
from tests.contract import Broken, Contract


@pytest.mark.slow
def test_answers_to_the_recorded_requests_keep_to_the_document(tmp_path: pathlib.Path) -> None:
    broken: dict[str, str] = {}
    with serving(tmp_path / "node", "--period", "5") as node:
        conversation = Conversation(node.base)
        contract = Contract(node.ask("GET", "/openapi.json")[1])
        recorded = cases("api")
        for case in recorded:
            answer = conversation.ask(case)
            path = conversation.filled(case["path"])
            as_json = answer.is_json and case["method"] != "HEAD"
            body = json.dumps(answer.value) if as_json else str(answer.value)
            try:
                contract.check(case["method"], path, answer.status, answer.media, body.encode())
            except Broken as error:
                broken[case["id"]] = str(error)

    assert len(recorded) > 900
    assert broken == {}

"""Every answer to the recorded requests keeps to the OpenAPI document of the node that gave it."""

import json
import pathlib

import pytest

from tests.acceptance.nodes import serving
from tests.acceptance.test_conformance import SHELF, cases, replay_module
from tests.contract import Broken, Contract


@pytest.mark.slow
@pytest.mark.skipif(not SHELF.exists(), reason="the recorded conversations are not here")
def test_answers_to_the_recorded_requests_keep_to_the_document(tmp_path: pathlib.Path) -> None:
    broken: dict[str, str] = {}
    with serving(tmp_path / "node", "--period", "5") as node:
        replay = replay_module().Replay(node.base)
        contract = Contract(node.ask("GET", "/openapi.json")[1])
        recorded = cases("api.jsonl")
        for case in recorded:
            path = replay.fill(case["path"])
            status, kind, value = replay.send(case)
            replay.save(case, value)
            body = json.dumps(value) if "json" in kind and case["method"] != "HEAD" else str(value)
            try:
                contract.check(case["method"], path, status, kind, body.encode())
            except Broken as error:
                broken[case["id"]] = str(error)

    assert len(recorded) > 900
    assert broken == {}

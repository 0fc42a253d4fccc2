from typing import Any

import pytest

from plugins.sdk.show import TEXT, render
from plugins.tests.psresponse import TEST


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"dest": "node:443"}, "/dest"),  # hosts have no ports here
        ({"source-node": "[::1]"}, "/source-node"),
        ({"timeout": "10"}, '/timeout: "10" is not an ISO 8601 duration'),
        ({"schema": 2}, "/schema"),
    ],
)
def test_a_bad_member_is_named(members: dict[str, Any], complaint: str) -> None:
    assert complaint in str(TEST.problem({"dest": "192.0.2.1", **members}))


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [({}, [None]), ({"source": "a"}, ["a"]), ({"source": "a", "source-node": "b"}, ["b"])],
)
def test_the_source_or_its_node_measures(spec: dict[str, Any], wanted: list[str | None]) -> None:
    assert TEST.participants({"dest": "192.0.2.1", **spec}) == wanted


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ({"time": "PT0.5S"}, ["Time . PT0.5S"]),
        ({"time": None}, ["Time . No response"]),
        ({"time": None, "reason": "Refused"}, ["Time ... No response", "Reason . Refused"]),
    ],
)
def test_a_result_is_the_time_and_the_reason(result: dict[str, Any], shown: list[str]) -> None:
    assert render(TEST.show({}, {"succeeded": True, **result}), TEXT).splitlines() == shown


@pytest.mark.parametrize("members", [{}, {"time": 5}, {"time": "5"}, {"time": None, "error": "Refused"}])
def test_a_bad_result_is_refused(members: dict[str, Any]) -> None:
    assert TEST.result_versions.problem({"succeeded": True, **members})

"""What holds for every tool plugin, whatever it performs."""

import dataclasses
import datetime as dt
import json
from typing import Any

import pytest

from plugins import sdk
from plugins.sdk.jobs import Completed
from plugins.sdk.tool import Tool
from tests.plugins.everything import TESTS, TOOL_EXAMPLES, TOOLS, label
from tests.plugins.jobs import FakeHost
from tests.rows import each_of

every_tool = pytest.mark.parametrize("tool", TOOLS.values(), ids=label)
every_example = each_of(TOOL_EXAMPLES, kinds=2)

LONGEST = dt.timedelta(days=8)


def newest(test: sdk.Test) -> int:
    return max(test.spec_versions.checkers)


@every_tool
def test_the_enumeration_says_what_it_performs(tool: Tool) -> None:
    shown = json.loads(json.dumps(tool.enumeration()))

    assert shown["tests"]
    assert all(name in TESTS for name in shown["tests"])
    assert type(shown["preference"]) is int


@every_tool
def test_another_test_is_declined(tool: Tool) -> None:
    for name, test in TESTS.items():
        if name not in tool.tests:
            assert tool.reasons_against(name, test.examples[0])


@every_example
def test_a_spec_newer_than_it_knows_is_declined(tool: Tool, test: str, spec: dict[str, Any]) -> None:
    newer = {**spec, "schema": (tool.max_schema or newest(TESTS[test])) + 1}

    assert bool(tool.reasons_against(test, newer)) >= (tool.max_schema is not None)


@every_example
def test_reasons_against_are_sentences(tool: Tool, test: str, spec: dict[str, Any]) -> None:
    reasons = tool.reasons_against(test, spec)

    assert isinstance(reasons, list)
    assert all(isinstance(reason, str) and reason.strip() for reason in reasons)


@pytest.mark.parametrize("tool", [tool for tool in TOOLS.values() if tool.programs], ids=label)
def test_a_tool_whose_program_is_missing_says_so(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    test = tool.tests[0]

    reasons = tool.reasons_against(test, TESTS[test].examples[0])

    assert f"The program {tool.programs[0]} is missing" in reasons


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"count": 10**30}, "Would take longer than a century"),
        ({"count": 10**15}, "Would take longer than a century"),
        ({"deadline": "P4000W"}, None),
        ({"interval": "P9999999W"}, '"P9999999W" is longer than a century'),
        ({"timeout": "P" + "9" * 400 + "W"}, "is not an ISO 8601 duration"),
    ],
)
def test_a_time_nobody_can_reckon_with_is_a_reason(spec: dict[str, Any], reason: str | None) -> None:
    ping = dataclasses.replace(TOOLS["ping"], programs=())

    reasons = ping.reasons_against("rtt", {"dest": "192.0.2.1", **spec})

    assert [str(reason) in given for given in reasons] == ([True] if reason else [])


@every_example
def test_a_run_takes_time_and_comes_to_an_end(tool: Tool, test: str, spec: dict[str, Any]) -> None:
    duration = tool.duration(test, spec)

    assert dt.timedelta(0) < duration < LONGEST
    assert tool.duration(test, dict(reversed(spec.items()))) == duration


@every_example
def test_what_participants_tell_each_other_is_a_document(tool: Tool, test: str, spec: dict[str, Any]) -> None:
    host = FakeHost(Completed(0, "", ""))

    for number in range(len(TESTS[test].participants(spec))):
        data = tool.participant_data(number, spec, host)
        assert isinstance(json.loads(json.dumps(data)), dict)


@every_example
def test_participants_that_all_failed_make_no_success(tool: Tool, test: str, spec: dict[str, Any]) -> None:
    count = len(TESTS[test].participants(spec))
    failure = {"succeeded": False, "result": None, "error": "It broke", "diags": ""}

    for locals_ in ([None] * count, [failure] * count):
        merged = tool.merge(spec, locals_)
        assert merged is None or merged["succeeded"] is False


@every_tool
def test_the_members_it_understands_exist(tool: Tool) -> None:
    known = {field.name for name in tool.tests for field in TESTS[name].fields}

    assert (tool.keys or set()) - {"schema"} <= known


@every_tool
def test_the_versions_it_understands_exist(tool: Tool) -> None:
    assert (tool.max_schema or 1) <= max(newest(TESTS[name]) for name in tool.tests)

from typing import Any

import pytest

from plugins.sdk.show import TEXT, render
from plugins.tests.clock import TEST

UNSYNCHRONIZED = {"time": "2026-11-23T12:00:00+00:00", "synchronized": False, "source": "ntp", "offset": 5}


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, [None]),
        ({"source": "192.0.2.2"}, ["192.0.2.2"]),
        ({"schema": 2, "source": "192.0.2.2", "source-node": "node:8443"}, ["node:8443"]),
    ],
)
def test_the_source_or_its_node_takes_part(spec: dict[str, Any], wanted: list[str | None]) -> None:
    assert TEST.participants({"dest": "192.0.2.1", **spec}) == wanted


def test_a_source_node_came_with_schema_2() -> None:
    spec = TEST.parse(["--dest", "192.0.2.1", "--source-node", "node:8443"])

    assert spec["schema"] == 2
    assert TEST.problem({**spec, "schema": 1})


def test_an_ipv6_node_stands_in_brackets() -> None:
    assert TEST.problem({"dest": "[2001:db8::1]:8443"}) is None
    assert str(TEST.problem({"dest": "2001:db8::1"})).startswith("/dest: ")


def test_a_clock_without_a_source_is_shown_by_its_time_only() -> None:
    result = {
        "succeeded": True,
        "local": {**UNSYNCHRONIZED, "synchronized": True},
        "remote": UNSYNCHRONIZED,
        "difference": "PT0S",
    }

    local, remote, difference = render(TEST.show({}, result), TEXT).split("\n\n")

    assert local.splitlines()[1:] == ["Local Source . ntp", "Local Offset . 5"]
    assert remote == "Remote Time . 2026-11-23T12:00:00+00:00"
    assert difference == "Difference . PT0S"


@pytest.mark.parametrize(
    "state",
    [
        {"synchronized": True},
        {"time": "2026-11-23T12:00:00Z"},
        {**UNSYNCHRONIZED, "offset": "PT1S"},  # seconds, not a duration
        {**UNSYNCHRONIZED, "error": 1},
    ],
)
def test_a_state_that_is_none_is_refused(state: dict[str, Any]) -> None:
    result = {"succeeded": True, "local": state, "remote": UNSYNCHRONIZED, "difference": "PT0S"}

    assert str(TEST.result_versions.problem(result)).startswith("/local")

"""idle, its exclusive and streaming variants, and noop: what is theirs alone."""

from typing import Any

import pytest

from plugins import sdk
from plugins.sdk.show import HTML, TEXT, render
from plugins.tests import idle, idlebgm, idleex, noop


@pytest.mark.parametrize(
    ("arguments", "members"),
    [
        ([], {"schema": 1}),
        (["-H", "192.0.2.1"], {"schema": 1, "host": "192.0.2.1"}),
        (["-H", "192.0.2.1", "-H", "192.0.2.2"], {"schema": 2, "host": ["192.0.2.1", "192.0.2.2"]}),
    ],
)
def test_several_hosts_are_a_list_since_schema_2(arguments: list[str], members: dict[str, Any]) -> None:
    assert idle.TEST.parse(["-d", "PT5S", *arguments]) == {"duration": "PT5S", **members}


@pytest.mark.parametrize(
    ("spec", "participants"),
    [
        ({}, [None]),
        ({"host": "192.0.2.1"}, ["192.0.2.1"]),
        ({"host": "192.0.2.1", "host-node": "node:8443"}, ["node:8443"]),
        ({"host-node": "node:8443"}, ["node:8443"]),
        ({"schema": 2}, [None]),  # nothing says that a host is required
        ({"schema": 2, "host": ["192.0.2.2", "192.0.2.1"]}, ["192.0.2.2", "192.0.2.1"]),
    ],
)
def test_hosts_take_part_in_the_order_given(spec: dict[str, Any], participants: list[str | None]) -> None:
    whole = {"duration": "PT5S", **spec}

    assert idle.TEST.problem(whole) is None
    assert idle.TEST.participants(whole) == participants


@pytest.mark.parametrize(
    "spec",
    [
        {"schema": 2, "host": "192.0.2.1"},
        {"schema": 1, "host": ["192.0.2.1"]},
        {"schema": 2, "host": []},
        {"schema": 2, "host-node": "node"},  # went with schema 2
    ],
)
def test_hosts_of_another_version_are_refused(spec: dict[str, Any]) -> None:
    assert idle.TEST.problem({"duration": "PT5S", **spec})


@pytest.mark.parametrize("test", [idleex.TEST, idlebgm.TEST, noop.TEST], ids=lambda test: test.name)
def test_the_node_of_a_host_can_be_given_on_the_command_line(test: sdk.Test) -> None:
    duration = [] if test.name == "noop" else ["--duration", "PT5S"]

    spec = test.parse([*duration, "--host", "192.0.2.1", "--host-node", "node:8443"])

    assert spec["host-node"] == "node:8443"
    assert test.problem(spec) is None
    assert test.participants(spec) == ["node:8443"]


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ({"succeeded": True, "time-slept": "PT5S"}, "Time Slept . PT5S"),  # one interval
        ({"succeeded": True, "duration": "P0D"}, "Duration . P0D"),  # the run as a whole
    ],
)
def test_idlebgm_takes_both_of_its_results(result: dict[str, Any], shown: str) -> None:
    assert idlebgm.TEST.result_versions.problem(result) is None
    assert render(idlebgm.TEST.show({}, result), TEXT) == shown


@pytest.mark.parametrize("result", [{"succeeded": True, "slept": "PT5S"}, {"time-slept": "PT5S"}])
def test_idlebgm_takes_no_others(result: dict[str, Any]) -> None:
    assert idlebgm.TEST.result_versions.problem(result)


@pytest.mark.parametrize("data", ["text", "5", 5, -5, None, True, [], {"a-b": [1, {"é": "<b>"}]}])
def test_noop_data_comes_back_from_the_command_line_as_it_was(data: Any) -> None:
    spec = {"schema": 1, "data": data, "fail": 0.5}

    assert noop.TEST.parse(noop.TEST.arguments(spec)) == spec


@pytest.mark.parametrize(("fail", "valid"), [(0, True), (1.0, True), (-0.1, False), (1.1, False)])
def test_noop_fails_with_a_probability(fail: float, valid: bool) -> None:
    assert (noop.TEST.problem({"fail": fail}) is None) is valid


def test_noop_data_is_shown_as_it_is_and_escaped() -> None:
    shown = render(noop.TEST.show({}, {"succeeded": True, "data": {"a-b": "<b>é"}}), HTML)

    assert shown == "<pre>{\n    &quot;a-b&quot;: &quot;&lt;b&gt;é&quot;\n}</pre>"

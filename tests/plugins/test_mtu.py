from typing import Any

import pytest

from plugins.sdk.show import TEXT, render
from plugins.tests.mtu import TEST


@pytest.mark.parametrize(
    ("arguments", "schema"),
    [
        (["--port", "33434"], 1),
        (["--ip-version", "6"], 2),  # brought by schema 2
        (["-i", "4", "--source", "a"], 2),
    ],
)
def test_the_schema_is_the_lowest_that_knows_the_options(arguments: list[str], schema: int) -> None:
    spec = TEST.parse(["--dest", "192.0.2.1", *arguments])

    assert spec["schema"] == schema
    assert TEST.problem(spec) is None


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"ip-version": 4}, '"ip-version" was unexpected'),
        ({"schema": 2, "ip-version": 5}, "/ip-version"),
        ({"port": 65536}, "/port"),
        ({"dest": "not a host!"}, '/dest: "not a host!" is not a host name or an IP address'),
        ({"source-node": "node:8443"}, "/source-node"),  # hosts have no ports here
    ],
)
def test_a_bad_member_is_named(members: dict[str, Any], complaint: str) -> None:
    assert complaint in str(TEST.problem({"dest": "192.0.2.1", **members}))


def test_a_destination_is_required() -> None:
    assert '"dest" is a required property' in str(TEST.problem({"port": 1}))


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, [None]),
        ({"source": "198.51.100.1"}, ["198.51.100.1"]),
        ({"source": "198.51.100.1", "source-node": "node"}, ["node"]),
    ],
)
def test_the_source_or_its_node_measures(spec: dict[str, Any], wanted: list[str | None]) -> None:
    assert TEST.participants({"dest": "192.0.2.1", **spec}) == wanted


def test_a_result_is_one_line() -> None:
    assert render(TEST.show({"dest": "a"}, TEST.result_examples[0]), TEXT) == "Path MTU (bytes) . 1500"


@pytest.mark.parametrize("mtu", [0, -1, "1500", 1500.5, None])
def test_a_result_holds_a_size(mtu: Any) -> None:
    assert "/mtu" in str(TEST.result_versions.problem({"succeeded": True, "mtu": mtu}))

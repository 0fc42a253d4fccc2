from typing import Any

import pytest

from plugins.sdk.show import HTML, TEXT, render
from plugins.tests.trace import TEST


@pytest.mark.parametrize(
    ("arguments", "schema"),
    [
        (["--hops", "5", "--queries", "1"], 1),
        (["--flow-label", "7"], 2),  # brought by schema 2
    ],
)
def test_the_schema_is_the_lowest_that_knows_the_options(arguments: list[str], schema: int) -> None:
    spec = TEST.parse(["--dest", "192.0.2.1", *arguments])

    assert spec["schema"] == schema
    assert TEST.problem(spec) is None


def test_switches_are_stored_but_for_no_fragment() -> None:
    spec = TEST.parse(["-d", "a", "--no-as", "--no-hostnames", "--no-fragment"])

    assert spec == {"schema": 1, "dest": "a", "as": False, "hostnames": False}


@pytest.mark.parametrize(
    ("spec", "written"),
    [
        ({"as": True}, ["--as"]),
        ({"as": False}, ["--no-as"]),
        ({"ip-tos": 32}, ["--ip-tos", "32"]),
        ({"fragment": False}, ["--no-fragment"]),
    ],
)
def test_arguments_are_ones_the_command_line_knows(spec: dict[str, Any], written: list[str]) -> None:
    assert TEST.arguments({"dest": "a", **spec}) == ["--dest", "a", *written]


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"dest": "not a host!"}, '/dest: "not a host!" is not a host name or an IP address'),
        ({"hops": 0}, "/hops"),
        ({"ip-tos": 0}, "/ip-tos"),
        ({"dest-port": 65536}, "/dest-port"),
        ({"probe-type": "sctp"}, '/probe-type: "sctp" is not one of'),
        ({"wait": "5"}, '/wait: "5" is not an ISO 8601 duration'),
        ({"source-node": "::1"}, "/source-node"),
        ({"schema": 2, "flow-label": 0}, "/flow-label"),
        ({"schema": 3}, "/schema"),
    ],
)
def test_a_bad_member_is_named(members: dict[str, Any], complaint: str) -> None:
    assert complaint in str(TEST.problem({"dest": "192.0.2.1", **members}))


def test_members_it_does_not_know_are_let_through() -> None:
    assert TEST.problem({"dest": "192.0.2.1", "ip-tos": 300, "colour": "red"}) is None


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, [None]),
        ({"source": "198.51.100.1"}, ["198.51.100.1"]),
        ({"source": "198.51.100.1", "source-node": "node:8443"}, ["node:8443"]),
    ],
)
def test_the_source_or_its_node_measures(spec: dict[str, Any], wanted: list[str | None]) -> None:
    assert TEST.participants({"dest": "192.0.2.1", **spec}) == wanted


def test_a_path_has_a_line_a_hop_and_one_for_whose_it_is() -> None:
    assert render(TEST.show({"dest": "a"}, TEST.result_examples[0]), TEXT).splitlines() == [
        "1\tgateway.example.org (192.0.2.1)  0.5 ms  MTU 1500 bytes",
        "2\tNo response",
        "3\t198.51.100.1  12.3 ms",
        "\tAS64496 EXAMPLE, ZZ",
        "4\t203.0.113.1  20.0 ms  host-unreachable",
        "\tAS64511",
    ]


def test_paths_have_headers_where_there_are_several() -> None:
    assert render(TEST.show({}, TEST.result_examples[1]), TEXT).splitlines() == [
        "Path 1", "------", "1\t192.0.2.1", "", "Path 2", "------", "1\t192.0.2.2",
    ]  # fmt: skip


def test_a_path_is_a_table_of_seven_columns_in_html() -> None:
    shown = render(TEST.show({"dest": "a"}, TEST.result_examples[0]), HTML)

    assert shown.count("<th>") == 7
    assert shown.count("<tr>") == shown.count("</tr>") == 5
    assert "<td>EXAMPLE, ZZ</td>" in shown


@pytest.mark.parametrize("paths", [[], [[]]])
def test_a_result_without_hops_says_so(paths: list[Any]) -> None:
    assert render(TEST.show({}, {"succeeded": True, "paths": paths}), TEXT) == "No hops"


@pytest.mark.parametrize(
    ("hop", "complaint"),
    [
        ({"ip": "router.example.org"}, "/paths/0/0/ip"),
        ({"rtt": 0.5}, "/paths/0/0/rtt"),
        ({"as": {"owner": "EXAMPLE"}}, "/paths/0/0/as"),
        ({"error": "broken"}, "/paths/0/0/error"),
        ({"mtu": 0}, "/paths/0/0/mtu"),
    ],
)
def test_a_bad_hop_of_a_result_is_named(hop: dict[str, Any], complaint: str) -> None:
    problem = TEST.result_versions.problem({"succeeded": True, "paths": [[hop]]})

    assert str(problem).startswith(complaint)

from typing import Any

import pytest

from plugins.sdk.show import HTML, TEXT, render
from plugins.tests.rtt import TEST


@pytest.mark.parametrize(
    ("arguments", "schema"),
    [
        (["--count", "3"], 1),
        (["--protocol", "icmp"], 2),
        (["--protocol", "twamp"], 2),
        (["--protocol", "tcp"], 4),  # only since schema 4 may it be anything
        (["--no-fragment"], 3),
        (["--no-fragment", "--protocol", "icmp"], 3),
        (["--fragment", "--protocol", "tcp"], 4),
        (["--port", "443"], 4),
    ],
)
def test_the_schema_is_the_lowest_that_knows_the_options(arguments: list[str], schema: int) -> None:
    spec = TEST.parse(["--dest", "192.0.2.1", *arguments])

    assert spec["schema"] == schema
    assert TEST.problem(spec) is None


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"schema": 2, "protocol": "tcp"}, "/protocol"),
        ({"schema": 3, "protocol": "tcp"}, "/protocol"),
        ({"schema": 1, "protocol": "icmp"}, '"protocol" was unexpected'),
        ({"schema": 3, "port": 443}, '"port" was unexpected'),
        ({"schema": 4, "port": 65536}, "/port"),
        ({"dest": "not a host!"}, '/dest: "not a host!" is not a host name or an IP address'),
        ({"dest": "[::1]"}, "/dest"),  # brackets are for URLs
        ({"source-node": "::1"}, "/source-node"),  # which is what a node is named in
        ({"count": 0}, "/count: 0 is less than the minimum of 1"),
        ({"ip-version": 5}, "/ip-version: 5 is not one of [4, 6]"),
        ({"interval": "1"}, '/interval: "1" is not an ISO 8601 duration'),
        ({"ip-tos": 256}, "/ip-tos"),
    ],
)
def test_a_bad_member_is_named(members: dict[str, Any], complaint: str) -> None:
    problem = TEST.problem({"dest": "192.0.2.1", **members})

    assert complaint in str(problem)


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


def test_a_result_has_a_line_for_each_trip_and_a_summary() -> None:
    result = TEST.result_examples[0]

    shown = render(TEST.show({"dest": "a"}, result), TEXT).splitlines()

    assert shown[:4] == [
        "1\twww.example.org (192.0.2.1)\t64 bytes\tTTL 57\tRTT 12.3000 ms",
        "2\t192.0.2.254  host-unreachable",
        "3\tNo response",
        "4\t192.0.2.1\tRTT 12.5000 ms",
    ]
    assert "Packet Loss ............. 50%" in shown
    assert "RTT Mean (ms) ........... 12.4000" in shown


@pytest.mark.parametrize(
    ("trip", "line"),
    [
        ({"seq": 2}, "2\tNo response"),
        # The TTL ran out, for one: the dictionary of types has no name for that.
        ({"seq": 2, "ip": "203.0.113.1"}, "2\t203.0.113.1  Answered in place of the destination"),
        # A reply that was cut short has no time.
        ({"seq": 2, "ip": "192.0.2.1", "length": 76, "ttl": 41}, "2\t192.0.2.1\t76 bytes\tTTL 41"),
        ({"ip": "192.0.2.1", "rtt": "PT0S"}, "1\t192.0.2.1\tRTT 0.0000 ms"),
    ],
)
def test_who_answered_is_shown_whatever_it_was(trip: dict[str, Any], line: str) -> None:
    shown = render(TEST.show({}, {"succeeded": True, "roundtrips": [trip], "loss": 0}), TEXT)

    assert shown.splitlines()[0] == line


@pytest.mark.parametrize(
    ("loss", "wanted"),
    [
        (0, "0%"),
        (0.29, "29%"),  # 28.999999999999996 before rounding
        (1 / 3, "33.33%"),
        (1.0, "100%"),
    ],
)
def test_loss_is_a_rounded_percentage(loss: float, wanted: str) -> None:
    shown = render(TEST.show({}, {"succeeded": True, "roundtrips": [], "loss": loss}), TEXT)

    assert f"Packet Loss ............. {wanted}\n" in shown


def test_trips_are_a_table_of_six_columns_in_html() -> None:
    shown = render(TEST.show({"dest": "a"}, TEST.result_examples[0]), HTML)

    assert shown.count("<th>") == 6
    assert "<td>12.3000</td>" in shown

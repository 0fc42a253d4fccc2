from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.sdk.show import HTML, TEXT, render
from plugins.tests.openports import TEST


@pytest.mark.parametrize("ports", ["22", "0", "0022", "65535", "22,80", "1-1024", "1-2,4,6-8", "80,22"])
def test_lists_of_ports_and_ranges_are_taken(ports: str) -> None:
    assert TEST.problem({"network": "192.0.2.1", "ports": ports}) is None


@pytest.mark.parametrize(
    ("ports", "complaint"),
    [
        ("", "is not a list of ports"),
        ("65536", "is not a list of ports"),
        ("022222", "is not a list of ports"),
        ("22,", "is not a list of ports"),
        ("22\n", "is not a list of ports"),
        ("٢٢", "is not a list of ports"),
        ("http", "is not a list of ports"),
        (22, "/ports"),
        ("80-22", "not 80-22"),
        ("1-2-3", "not 1-2-3"),
        ("22,80,22", "22 is there more than once"),
        ("1-100,50", "50 is there more than once"),
        ("22,0022", "22 is there more than once"),
    ],
)
def test_other_ports_are_refused(ports: Any, complaint: str) -> None:
    problem = str(TEST.problem({"network": "192.0.2.1", "ports": ports}))

    assert problem.startswith("/ports")
    assert complaint in problem


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 20)), min_size=1, max_size=5))
def test_ports_pass_where_none_is_there_twice(pairs: list[tuple[int, int]]) -> None:
    ranges = [(low, min(low + more, 65535)) for low, more in pairs]
    named = [port for low, high in ranges for port in range(low, high + 1)]
    ports = ",".join(f"{low}-{high}" if high > low else str(low) for low, high in ranges)

    assert (TEST.problem({"network": "a", "ports": ports}) is None) is (len(named) == len(set(named)))


@pytest.mark.parametrize(
    "network", ["192.0.2.0/24", "192.0.2.7/24", "::1", "2001:db8::/64", "www.example.org"]
)
def test_networks_addresses_and_names_are_taken(network: str) -> None:
    assert TEST.problem({"network": network}) is None


@pytest.mark.parametrize("network", ["192.0.2.0/33", "not a host!", "[::1]", "", 5])
def test_other_networks_are_refused(network: Any) -> None:
    assert str(TEST.problem({"network": network})).startswith("/network: ")


def test_the_node_of_the_source_is_stored_under_its_name() -> None:
    spec = TEST.parse(["--network", "192.0.2.1", "--source", "a", "--source-node", "b:8443"])

    assert spec["source-node"] == "b:8443"
    assert TEST.problem(spec) is None
    assert TEST.participants(spec) == ["b:8443"]


@pytest.mark.parametrize(("spec", "wanted"), [({}, [None]), ({"source": "a"}, ["a"])])
def test_the_source_measures(spec: dict[str, Any], wanted: list[str | None]) -> None:
    assert TEST.participants({"network": "192.0.2.1", **spec}) == wanted


def test_every_host_has_its_table() -> None:
    assert render(TEST.show({}, TEST.result_examples[0]), TEXT).splitlines() == [
        "192.0.2.1", "---------", "Port\tState", "22\topen", "80\tclosed", "",
        "192.0.2.2", "---------", "Open Ports . None",
    ]  # fmt: skip


def test_services_make_the_table_wide() -> None:
    shown = render(TEST.show({}, TEST.result_examples[1]), HTML)

    assert shown.count("<th>") == 7
    assert shown.count("<td>") == shown.count("</td>") == 14
    assert "<td>OpenSSH</td>" in shown


def test_a_result_without_hosts_says_so() -> None:
    assert render(TEST.show({}, {"succeeded": True, "result": {}}), TEXT) == "No hosts"

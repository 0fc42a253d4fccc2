from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from plugins.sdk.show import TEXT, render
from plugins.tests import netreach
from plugins.tests.netreach import TEST


@pytest.mark.parametrize(
    ("argument", "gateway"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("1", 1),
        ("-1", -1),
        ("::1", "::1"),
        ("router", "router"),
        ("1_0", "1_0"),
        ("٣", "٣"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_gateway_is_a_number_where_it_is_one(argument: str, gateway: Any) -> None:
    assert TEST.parse(["--network", "192.0.2.0/24", "--gateway", argument])["gateway"] == gateway


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"network": "192.0.2.1/24"}, "/network: 192.0.2.1/24 has host bits set"),
        (
            {"network": "192.0.2.0/31"},
            "/network: must have hosts; 192.0.2.0/31 has no more than two addresses",
        ),
        (
            {"network": "192.0.2.0/32"},
            "/network: must have hosts; 192.0.2.0/32 has no more than two addresses",
        ),
        ({"network": "192.0.2.0"}, "/network"),
        (
            {"network": "192.0.2.0/30", "gateway": 3},
            "/gateway: must be from -2 to 2, a host of 192.0.2.0/30",
        ),
        (
            {"network": "192.0.2.0/30", "gateway": -3},
            "/gateway: must be from -2 to 2, a host of 192.0.2.0/30",
        ),
        ({"gateway": 0}, "/gateway: 0 is not an IP address, nor the number of a host"),
        ({"gateway": True}, "/gateway"),
        ({"gateway": "router"}, "/gateway"),
        ({"gateway": 1.5}, "/gateway"),
        ({"gateway": "2001:db8::1"}, "/gateway: must be an IPv4 address"),
        ({"gateway": "192.0.3.1"}, "/gateway: must be in 192.0.2.0/24; 192.0.3.1 is not"),
        ({"gateway": "192.0.2.0"}, "/gateway: must be a host's; 192.0.2.0 is the first or last"),
        ({"gateway": "192.0.2.255"}, "/gateway: must be a host's; 192.0.2.255 is the first or last"),
        ({"gateway": 1, "scan": "sideways"}, "/scan"),  # the schema first, gateway or not
        ({"gateway": 1, "colour": "red"}, '"colour" was unexpected'),
        ({"schema": 2}, "/schema"),
    ],
)
def test_a_bad_member_is_named(members: dict[str, Any], complaint: str) -> None:
    assert complaint in str(TEST.problem({"network": "192.0.2.0/24", **members}))


def test_a_network_is_required_with_a_gateway_too() -> None:
    assert '"network" is a required property' in str(TEST.problem({"gateway": 1}))


@pytest.mark.parametrize(
    ("network", "given", "address"),
    [
        ("192.0.2.0/24", 1, "192.0.2.1"),
        ("192.0.2.0/24", 254.0, "192.0.2.254"),  # the last host there is
        ("192.0.2.0/24", -1, "192.0.2.254"),
        ("192.0.2.0/24", -254, "192.0.2.1"),
        ("192.0.2.0/24", "192.0.2.7", "192.0.2.7"),
        ("2001:db8::/64", -1, "2001:db8::ffff:ffff:ffff:fffe"),
    ],
)
def test_a_gateway_counts_from_either_end(network: str, given: Any, address: str) -> None:
    spec = {"network": network, "gateway": given}

    assert TEST.problem(spec) is None
    assert str(netreach.gateway(spec)) == address


@given(st.integers(0, 30), st.integers(-300, 300).filter(bool))
def test_a_gateway_that_passes_is_one_of_the_hosts(prefix: int, given: int) -> None:
    spec = {"network": f"0.0.0.0/{prefix}", "gateway": given}
    try:
        netreach.check(spec)
    except Invalid:
        return
    found = netreach.gateway(spec)

    assert found is not None
    assert netreach.network(spec).network_address < found < netreach.network(spec).broadcast_address


@pytest.mark.parametrize(
    ("spec", "wanted"), [({}, [None]), ({"host": "a"}, ["a"]), ({"host": "a", "host-node": "b"}, ["b"])]
)
def test_the_host_or_its_node_measures(spec: dict[str, Any], wanted: list[str | None]) -> None:
    assert TEST.participants({"network": "192.0.2.0/24", **spec}) == wanted


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ({"network-up": True}, ["Network . Up"]),
        ({"network-up": True, "gateway-up": False}, ["Gateway . Down", "Network . Up"]),
    ],
)
def test_a_result_tells_of_the_gateway_and_the_network(result: dict[str, Any], shown: list[str]) -> None:
    assert render(TEST.show({}, {"succeeded": True, **result}), TEXT).splitlines() == shown


def test_who_takes_part_is_told_of_a_spec_that_lacks_members() -> None:
    assert TEST.participant_versions.problem({"host": "a"}) is None
    assert "/host" in str(TEST.participant_versions.problem({"host": 5}))

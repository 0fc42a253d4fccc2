"""Which addresses tasks may reach."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.egress import Address, Purpose, Rules, forms, refusal, refusal_of_network
from chalicelib.domain.egress_rules import rules_of
from chalicelib.domain.errors import Invalid

ONE_MACHINE = rules_of({})
LAMBDA = rules_of({"AWS_LAMBDA_FUNCTION_NAME": "run"})
NEVER = (
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "169.254.1.1",
)


def address(text: str) -> Address:
    return ipaddress.ip_address(text)


def embeddings(inner: ipaddress.IPv4Address) -> list[Address]:
    """An IPv4 address in all the forms that IPv6 has for one."""
    bits = int(inner)
    texts = {
        "mapped": 0xFFFF << 32 | bits,
        "translated": 0xFFFF << 48 | bits,
        "NAT64": 0x64FF9B << 96 | bits,
        "local NAT64": 0x64FF9B0001 << 80 | bits,
        "local NAT64, 48": 0x64FF9B0001 << 80 | bits >> 16 << 64 | (bits & 0xFFFF) << 40,
        "local NAT64, 56": 0x64FF9B0001 << 80 | bits >> 24 << 64 | (bits & 0xFFFFFF) << 32,
        "local NAT64, 64": 0x64FF9B0001 << 80 | bits << 24,
        "6to4": 0x2002 << 112 | bits << 80 | 1,
        "Teredo client": 0x20010000 << 96 | 0x08080808 << 64 | bits ^ 0xFFFFFFFF,
        "Teredo server": 0x20010000 << 96 | bits << 64 | 0xF7F7F7F7,
        "ISATAP": 0x20010DB8 << 96 | 0x5EFE << 32 | bits,
    }
    return [ipaddress.IPv6Address(each) for each in texts.values()]


@pytest.mark.parametrize(
    "text",
    [
        *NEVER,
        "fd00:ec2::254",
        "fd20:ce::254",
        "168.63.129.16",
        "::",
        "ff02::1",
        "fe80::1",
        "fe80::1%eth0",
        "240.0.0.1",
    ],
)
@pytest.mark.parametrize("rules", [ONE_MACHINE, LAMBDA])
def test_some_addresses_are_refused_whatever_is_set(text: str, rules: Rules) -> None:
    assert refusal(rules, address(text), 80)


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "127.9.9.9", "::1", "10.1.2.3", "192.168.1.1", "172.31.0.1", "fd12::1"]
)
def test_loopback_and_private_networks_are_open_on_one_machine_and_shut_on_lambda(text: str) -> None:
    assert refusal(ONE_MACHINE, address(text), 80) is None
    assert "PSCHEDULER_EGRESS" in (refusal(LAMBDA, address(text), 80) or "")


@pytest.mark.parametrize(
    "text", ["192.0.2.1", "8.8.8.8", "2001:db8::1", "172.32.0.1", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_others_are_open_everywhere(text: str) -> None:
    assert (refusal(ONE_MACHINE, address(text), 80), refusal(LAMBDA, address(text), 80)) == (None, None)


@given(st.sampled_from(NEVER).map(ipaddress.IPv4Address) | st.ip_addresses(v=4, network="127.0.0.0/8"))
def test_an_address_in_another_is_refused_as_by_itself(inner: ipaddress.IPv4Address) -> None:
    open_by_itself = refusal(LAMBDA, inner, 80) is None

    for outer in embeddings(inner):
        assert (refusal(LAMBDA, outer, 80) is None) == open_by_itself, outer


@given(st.ip_addresses(v=4))
def test_every_embedded_address_is_found(inner: ipaddress.IPv4Address) -> None:
    for outer in embeddings(inner):
        assert inner in forms(outer) or int(inner) >> 24 == 0


@given(st.ip_addresses(), st.integers(1, 65535), st.sampled_from(Purpose))
def test_every_address_is_judged_and_what_is_set_only_ever_shuts(
    one: Address, port: int, purpose: Purpose
) -> None:
    if refusal(ONE_MACHINE, one, port, purpose):
        assert refusal(LAMBDA, one, port, purpose) or purpose is Purpose.PEER


@given(st.ip_addresses(network="127.0.0.0/8") | st.sampled_from([address("::1"), address("192.0.2.7")]))
def test_an_engine_on_loopback_is_at_every_address_of_the_machine(one: Address) -> None:
    rules = rules_of({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, own=["192.0.2.7"])

    for purpose in Purpose:
        assert "engine" in (refusal(rules, one, 4566, purpose) or "")
    assert refusal(rules, one, 4567) is None
    assert refusal(rules, address("192.0.2.8"), 4566) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ENDPOINT_URL_S3", "http://localhost:9000"),
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9000"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9000/creds"),
        ("AWS_ENDPOINT_URL", "http://[::1]:9000/"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://0.0.0.0:9000"),
    ],
)
def test_whatever_the_node_stands_on_is_its_engine(name: str, value: str) -> None:
    assert "engine" in (refusal(rules_of({name: value}), address("127.0.0.1"), 9000) or "")


def test_an_engine_elsewhere_is_found_by_its_name() -> None:
    rules = rules_of({"AWS_ENDPOINT_URL": "http://engine.example"}, resolve=lambda name: ["192.0.2.9"])

    assert refusal(rules, address("192.0.2.9"), 80)
    assert refusal(rules, address("::ffff:192.0.2.9"), 80)
    assert refusal(rules, address("192.0.2.9"), 81) is None


@pytest.mark.parametrize(
    ("listens", "shut", "still_open"),
    [
        ("127.0.0.2:8000", "127.0.0.2", "127.0.0.1"),
        ("0.0.0.0:8000", "192.0.2.7", "192.0.2.8"),
        ("[::1]:8000", "::1", "127.0.0.1"),
    ],
)
def test_the_api_is_where_it_listens(listens: str, shut: str, still_open: str) -> None:
    rules = rules_of({"PSCHEDULER_LISTENS": listens}, own=["192.0.2.7"])

    assert "API" in (refusal(rules, address(shut), 8000) or "")
    assert refusal(rules, address(shut), 8000, Purpose.NODE) is None  # its clock may be asked for
    assert refusal(rules, address(shut), 8000, Purpose.PEER) is None
    assert refusal(rules, address(still_open), 8000) is None


def test_link_local_hosts_may_be_pinged_and_not_talked_to() -> None:
    assert refusal(ONE_MACHINE, address("fe80::1%eth0"), None, Purpose.PROBE) is None
    assert refusal(ONE_MACHINE, address("169.254.169.254"), None, Purpose.PROBE)


def test_peers_may_be_private_anywhere_and_metadata_nowhere() -> None:
    assert refusal(LAMBDA, address("10.0.0.1"), 443, Purpose.PEER) is None
    assert refusal(LAMBDA, address("127.0.0.1"), 443, Purpose.PEER) is None
    assert refusal(LAMBDA, address("fd00:ec2::254"), 443, Purpose.PEER)
    assert refusal(LAMBDA, address("fe80::1"), 443, Purpose.PEER)


@pytest.mark.parametrize(
    ("setting", "reached", "refused"),
    [
        ("loopback", "127.0.0.1", "10.0.0.1"),
        ("private", "10.0.0.1", "127.0.0.1"),
        ("10.1.0.0/16", "10.1.2.3", "10.2.0.1"),
        ("fd00::/16,none", "fd00::1", "fd01::1"),
        ("loopback, 192.168.0.0/24", "192.168.0.9", "192.168.1.9"),
    ],
)
@pytest.mark.parametrize("platform", [{}, {"AWS_LAMBDA_FUNCTION_NAME": "run"}])
def test_the_setting_says_what_is_open(
    setting: str, reached: str, refused: str, platform: dict[str, str]
) -> None:
    rules = rules_of({**platform, "PSCHEDULER_EGRESS": setting})

    assert refusal(rules, address(reached), 80) is None
    assert refusal(rules, address(refused), 80)


@pytest.mark.parametrize("setting", ["everything", "10.1.2.3/16", "loopback;private"])
def test_a_setting_that_cannot_be_read_is_an_error(setting: str) -> None:
    with pytest.raises(Invalid, match="PSCHEDULER_EGRESS: "):
        rules_of({"PSCHEDULER_EGRESS": setting})


def test_the_setting_opens_nothing_that_is_always_shut() -> None:
    rules = rules_of({"PSCHEDULER_EGRESS": "169.254.0.0/16,0.0.0.0/0,::/0"})

    assert refusal(rules, address("169.254.169.254"), 80)
    assert refusal(rules, address("fe80::1"), 80)


@pytest.mark.parametrize(
    ("network", "one_machine", "on_lambda"),
    [
        ("192.0.2.0/24", True, True),
        ("10.0.0.0/24", True, False),
        ("127.0.0.0/8", True, False),
        ("169.254.0.0/16", False, False),
        ("168.0.0.0/6", False, False),
        ("169.254.169.254/32", False, False),
        ("fd00:ec2::/64", False, False),
        ("2001:db8::/120", True, True),
    ],
)
def test_a_network_is_open_where_all_of_it_is(network: str, one_machine: bool, on_lambda: bool) -> None:
    for rules, wanted in ((ONE_MACHINE, one_machine), (LAMBDA, on_lambda)):
        assert (refusal_of_network(rules, ipaddress.ip_network(network)) is None) == wanted


def test_a_network_that_is_set_is_open() -> None:
    rules = rules_of({"PSCHEDULER_EGRESS": "10.1.0.0/16"})

    assert refusal_of_network(rules, ipaddress.ip_network("10.1.4.0/24")) is None
    assert refusal_of_network(rules, ipaddress.ip_network("10.0.0.0/8"))


ONLY = (ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("10.1.0.0/16"))


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("192.0.2.1", False),
        ("10.1.2.3", False),
        ("10.2.0.1", True),
        ("198.51.100.1", True),
        ("fe80::1", True),
    ],
)
def test_what_an_owner_does_not_list_is_refused(address: str, refused: bool) -> None:
    rules = Rules(private=True, only=ONLY)
    reason = refusal(rules, ipaddress.ip_address(address), None, Purpose.PROBE)

    assert (reason is not None) == refused
    assert (refusal_of_network(rules, ipaddress.ip_network(address)) is not None) == refused


def test_a_network_is_refused_that_an_owner_lists_a_part_of() -> None:
    rules = Rules(private=True, only=ONLY)

    assert refusal_of_network(rules, ipaddress.ip_network("192.0.2.128/25")) is None
    assert "owner" in str(refusal_of_network(rules, ipaddress.ip_network("192.0.0.0/16")))

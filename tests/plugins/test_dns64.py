"""The test dns64 and its tool, against a name server on loopback."""

import ipaddress
from typing import Any

import pytest

from chalicelib.domain.times import parse_duration
from plugins.sdk.show import TEXT, render
from plugins.tests.dns64 import TEST
from plugins.tools.web import dnspy, pydns64
from plugins.tools.web.dnspy import Answer
from tests.builders import seconds
from tests.plugins import test_dnspy
from tests.plugins.test_dnspy import resolver as resolver


def answer(record: list[str] | None, error: str | None = None) -> Answer:
    return Answer(seconds(0.5), "NOERROR", record, error)


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "network", "translated"),
    [
        (["192.0.2.33"], ["64:ff9b::c000:221"], "64:ff9b::/96", True),
        (["192.0.2.33", "10.0.0.1"], ["64:ff9b::a00:1", "64:ff9b::c000:221"], "64:ff9b::/96", True),
        (["192.0.2.33"], ["64:ff9b::c000:222"], "64:ff9b::/96", False),  # another address
        (["192.0.2.33"], ["2001:db8::c000:221"], "64:ff9b::/96", False),  # outside the network
        (["192.0.2.33", "10.0.0.1"], ["64:ff9b::c000:221"], "64:ff9b::/96", False),  # one is lacking
        (["192.0.2.33"], ["64:ff9b::c000:221", "2001:db8::1"], "64:ff9b::/96", False),  # one of its own
        # The table of RFC 6052 section 2.4
        (["192.0.2.33"], ["2001:db8:c000:221::"], "2001:db8::/32", True),
        (["192.0.2.33"], ["2001:db8:1c0:2:21::"], "2001:db8:100::/40", True),
        (["192.0.2.33"], ["2001:db8:122:c000:2:2100::"], "2001:db8:122::/48", True),
        (["192.0.2.33"], ["2001:db8:122:3c0:0:221::"], "2001:db8:122:300::/56", True),
        (["192.0.2.33"], ["2001:db8:122:344:c0:2:2100::"], "2001:db8:122:344::/64", True),
        (["192.0.2.33"], ["2001:db8:122:344::192.0.2.33"], "2001:db8:122:344::/96", True),
    ],
)
def test_addresses_are_compared_within_the_prefix(
    ipv4: list[str], ipv6: list[str], network: str, translated: bool
) -> None:
    spec = {"query": "a", "translation-prefix": network}

    result = pydns64.local_result(spec, answer(ipv4), answer(ipv6))["result"]

    assert result["translated"] is translated
    assert pydns64.is_translated(ipv4, ipv6, ipaddress.IPv6Network(network)) is translated
    assert (result["succeeded"], result["time"]) == (True, "PT1S")
    assert TEST.result_versions.problem(result) is None


@pytest.mark.parametrize(
    ("ipv4", "ipv6"),
    [
        (answer(None, "NXDOMAIN: gone"), answer(None, "NXDOMAIN: gone")),
        (answer(["192.0.2.1"]), answer(None, "a has no aaaa record")),
        (answer(None, "a has no a record"), answer(["2001:db8::1"])),
    ],
)
def test_a_name_that_lacks_one_kind_has_failed_and_says_which(ipv4: Answer, ipv6: Answer) -> None:
    local = pydns64.local_result({"query": "a"}, ipv4, ipv6)

    assert local["error"] == (ipv4.error or ipv6.error)
    assert (local["succeeded"], local["result"]["succeeded"], local["result"]["translated"]) == (False,) * 3
    assert TEST.result_versions.problem(local["result"]) is None


def test_both_kinds_are_asked_for(resolver: Any) -> None:
    found = [dnspy.ask(resolver, "www.example.org", record) for record in ("a", "aaaa")]

    result = pydns64.local_result({"query": "www.example.org"}, *found)["result"]

    assert result["ipv4"] == sorted(test_dnspy.ZONE["www.example.org.", "A"])
    assert (result["ipv6"], result["translated"]) == (["2001:db8::1"], False)
    assert seconds(0) < parse_duration(result["time"]) < seconds(5)


@pytest.mark.parametrize(
    ("prefix", "complaint"),
    [
        ("64:ff9b::/96", None),
        ("64:ff9b::/95", "must have a length that is one of"),
        ("192.0.2.0/24", "must be an IPv6 network"),
        ("64:ff9b::1/96", "must be an IPv6 network"),
        ("x", "must be an IPv6 network"),
    ],
)
def test_a_prefix_is_a_network_of_a_length_that_there_is(prefix: str, complaint: str | None) -> None:
    problem = TEST.problem({"query": "a", "translation-prefix": prefix})

    assert (problem is None) is (complaint is None)
    assert complaint is None or f"/translation-prefix: {complaint}" in str(problem)


def test_a_result_names_every_address() -> None:
    shown = render(TEST.show({}, TEST.result_examples[0]), TEXT)

    assert "IPv4 Address . 192.0.2.1" in shown
    assert "IPv6 Address . 64:ff9b::c000:201" in shown
    assert "Translated ... yes" in shown

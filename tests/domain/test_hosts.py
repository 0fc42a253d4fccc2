"""Participants as tasks name them."""

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.hosts import Host, parse


@pytest.mark.parametrize(
    ("text", "host", "in_url"),
    [
        ("ps.example.org", Host("ps.example.org"), "ps.example.org"),
        ("PS.Example.org:8443", Host("ps.example.org", 8443), "ps.example.org:8443"),
        ("192.0.2.1", Host("192.0.2.1"), "192.0.2.1"),
        ("192.0.2.1:444", Host("192.0.2.1", 444), "192.0.2.1:444"),
        ("2001:db8::1", Host("2001:db8::1"), "[2001:db8::1]"),  # bare: no port can follow
        ("[2001:DB8::1]", Host("2001:db8::1"), "[2001:db8::1]"),
        ("[2001:db8::1]:8443", Host("2001:db8::1", 8443), "[2001:db8::1]:8443"),
        ("bücher.example", Host("xn--bcher-kva.example"), "xn--bcher-kva.example"),
    ],
)
def test_names_addresses_and_ports_are_told_apart(text: str, host: Host, in_url: str) -> None:
    found = parse(text)

    assert found == host
    assert found.in_url == in_url


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "a:",
        "a:0",
        "a:65536",
        "a:" + "9" * 5000,
        "a:b",
        "a b",
        "a/b",
        "user@a",
        "[::1]x",
        "a..b",
        "-a",
    ],
)
def test_what_names_no_host_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse(text)

"""Hosts in specs: names beyond ASCII, and link-local addresses with their interface."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from plugins import registry
from plugins.sdk.host_names import in_ascii
from plugins.tests import idle, rtt


@pytest.mark.parametrize(
    ("dest", "known"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),  # not strasse.example, which is somebody else's
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("www.example.org", "www.example.org"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("FE80::1%br-lan.5", "FE80::1%br-lan.5"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_host_is_known_by_its_name_in_ascii(dest: str, known: str) -> None:
    assert rtt.TEST.problem({"dest": dest}) is None
    assert rtt.TEST.in_ascii({"dest": dest, "count": 1}) == {"dest": known, "count": 1}


@pytest.mark.parametrize(
    "dest",
    [
        "ü b",
        "ü..example",
        "\u202eelpmaxe.example",
        "ü" * 80,
        "-ü.example",
        "fe80::1%",
        "2001:db8::1%eth0",
        "fe80::1%a/b",
        "a:\x80",
        "ü.example:٨٠",
    ],
)
def test_what_is_no_host_is_refused_by_name(dest: str) -> None:
    assert str(rtt.TEST.problem({"dest": dest})).startswith("/dest: ")


@pytest.mark.parametrize(
    ("test", "member", "value", "known"),
    [
        ("rtt", "source-node", "bücher.example:8443", "xn--bcher-kva.example:8443"),
        ("dns", "query", "bücher.example", "xn--bcher-kva.example"),
        ("openports", "network", "bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_every_member_that_names_a_host_is_put_in_ascii(
    test: str, member: str, value: str, known: str
) -> None:
    assert registry.tests()[test].in_ascii({member: value})[member] == known


def test_a_list_of_hosts_is_put_in_ascii() -> None:
    found = idle.TEST.in_ascii({"duration": "PT1S", "host": ["ü.example", "a"]})

    assert found["host"] == ["xn--tda.example", "a"]


@given(st.text(max_size=30))
def test_any_text_is_put_in_ascii_or_refused(text: str) -> None:
    try:
        found = in_ascii(text)
    except Invalid:
        return
    assert found.isascii()


def test_what_is_no_text_stays() -> None:
    values: list[Any] = [None, 5, {"a": "ü"}, True]

    assert [in_ascii(value) for value in values] == values

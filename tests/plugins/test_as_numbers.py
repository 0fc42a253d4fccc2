"""Autonomous systems of addresses, asked of a name service made of a dictionary."""

import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.types import TYPES
from plugins.sdk.jobs import PluginFailed
from plugins.tools.route import as_numbers
from tests.builders import seconds
from tests.plugins import test_dnspy
from tests.plugins.test_dnspy import resolver as resolver

RECORDS = {
    "1.2.0.9.origin.asn.cymru.com": ["64496 64499 | 9.0.2.0/24 | ZZ | registry | 2026-01-01"],
    "2.2.0.9.origin.asn.cymru.com": ["64497 | 9.0.2.0/24 | ZZ | registry | 2026-01-01"],
    "3.2.0.9.origin.asn.cymru.com": ["no number here"],
    "AS64496.asn.cymru.com": ["64496 | ZZ | registry | 2026-01-01 | EXAMPLE, ZZ"],
}


@pytest.fixture
def zone() -> dict[tuple[str, str], list[str]]:
    """What the name server on loopback knows."""
    return test_dnspy.ZONE


def ask(name: str) -> list[str]:
    if name not in RECORDS:
        raise PluginFailed(f"The domain {name} does not exist")
    return RECORDS[name]


def test_addresses_have_the_first_of_their_systems_and_its_owner() -> None:
    found = as_numbers.find(["9.0.2.1", "9.0.2.2", "9.0.2.3", "9.0.2.4"], ask)

    assert found == {"9.0.2.1": {"number": 64496, "owner": "EXAMPLE, ZZ"}, "9.0.2.2": {"number": 64497}}


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("9.0.2.1", "1.2.0.9.origin.asn.cymru.com"),
        ("2600::1", f"{'.'.join('1' + '0' * 27 + '0062')}.origin6.asn.cymru.com"),
        ("127.0.0.1", None),
        ("10.1.2.3", None),
        ("192.168.1.1", None),
        ("100.64.0.1", None),
        ("224.0.0.1", None),
        ("fe80::1%eth0", None),
        ("fd00::1", None),
        ("ff0e::1", None),
    ],
)
def test_only_addresses_of_the_internet_are_asked_about(address: str, name: str | None) -> None:
    assert as_numbers.origin_name(address) == name


def test_each_owner_is_asked_for_once() -> None:
    asked: list[str] = []

    def remember(name: str) -> list[str]:
        asked.append(name)
        return ["64496 | ZZ | registry | 2026-01-01 | EXAMPLE, ZZ"]

    as_numbers.find([f"9.0.2.{number}" for number in range(20)], remember)

    assert len(asked) == 21


def test_a_name_service_that_does_not_answer_in_time_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_numbers, "LOOKUP_TIMEOUT", seconds(0.05))
    never = threading.Event()
    begun = time.monotonic()

    found = as_numbers.find(["9.0.2.1", "9.0.2.2"], lambda name: [str(never.wait(30))])

    assert found == {}
    assert time.monotonic() - begun < 20
    never.set()


def test_the_name_servers_of_this_machine_are_asked(
    monkeypatch: pytest.MonkeyPatch, resolver: Any, zone: dict[tuple[str, str], list[str]]
) -> None:
    for name, texts in RECORDS.items():
        monkeypatch.setitem(zone, (f"{name}.", "TXT"), [f'"{text}"' for text in texts])
    monkeypatch.setattr(as_numbers, "make_resolver", lambda limit: resolver)
    hops: list[dict[str, Any]] = [{"ip": "9.0.2.1"}, {"ip": "9.0.2.9"}]

    as_numbers.add_systems(hops)

    assert hops == [{"ip": "9.0.2.1", "as": {"number": 64496, "owner": "EXAMPLE, ZZ"}}, {"ip": "9.0.2.9"}]


def test_hops_without_an_address_or_a_system_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_numbers, "_ask", lambda: ask)
    hops: list[dict[str, Any]] = [
        {},
        {"ip": "9.0.2.2"},
        {"ip": "10.0.0.1"},
        {"ip": "9.0.2.4"},
        {"ip": "9.0.2.2"},
    ]

    as_numbers.add_systems(hops)

    assert hops == [
        {},
        {"ip": "9.0.2.2", "as": {"number": 64497}},
        {"ip": "10.0.0.1"},
        {"ip": "9.0.2.4"},
        {"ip": "9.0.2.2", "as": {"number": 64497}},
    ]


def test_a_machine_without_name_servers_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PluginFailed("This machine has no name servers")

    monkeypatch.setattr(as_numbers, "make_resolver", refuse)

    hops: list[dict[str, Any]] = [{"ip": "9.0.2.1"}]
    as_numbers.add_systems(hops)

    assert hops == [{"ip": "9.0.2.1"}]


def test_a_number_of_more_digits_than_python_reads_is_none() -> None:
    assert as_numbers.origin_number(["9" * 5000 + " | 198.51.100.0/24"]) is None


@given(st.lists(st.text(), max_size=3))
def test_any_answer_is_a_system_or_none(texts: list[str]) -> None:
    number, owner = as_numbers.origin_number(texts), as_numbers.owner(texts)

    if number is not None:
        assert number >= TYPES["AS"]["properties"]["number"]["minimum"]
    assert all(isinstance(name, str) and name for name in owner.values())

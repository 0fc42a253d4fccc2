import functools
from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.schemas import MESSAGE, Checker, Versions, closed
from chalicelib.domain.types import TYPES, type_schema
from tests.chance import by_chance
from tests.plugins.garbage import text
from tests.rows import each_of

VALID: list[tuple[str, list[Any]]] = [
    # Numbers. 5.0 is an integer to JSON Schema.
    ("Integer", [0, -5, 5.0, 10**30]),
    ("Number", [0, -5.5]),
    ("Cardinal", [1, 10**30]),
    ("CardinalZero", [0]),
    ("Int8", [-128, 127]),
    ("UInt16", [0, 65535]),
    ("Int64", [-(2**63), 2**63 - 1]),
    ("UInt64", [2**64 - 1]),
    ("Probability", [0, 1, 0.5, 1.0]),
    ("IPPort", [0, 65535]),
    ("IPTOS", [0, 255]),
    ("ip-version", [4, 6]),
    ("SINumber", [-5, 0, "5", "1.5k", "2 Ki", "3Y", "10m"]),
    ("Numeric", [5.5, "5.5"]),
    # Texts.
    ("String", ["", "a\nb"]),
    ("StringNull", ["", None]),
    ("Email", ["a@b"]),
    ("URL", ["https://example.org/", "nope", ""]),
    ("UUID", ["123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"]),
    ("Version", ["1", "1.0-2", "1a", "5.2.5"]),
    ("GeographicPosition", ["+40-074", "+4021.5-07400.25", "-402112+0740012+100.5"]),
    # Times. Weeks go with other units, and every number may have a fraction.
    ("Duration", ["PT5S", "P1D", "P1W2DT3H4M5.6S", "P0.5D", "PT", "P1DT"]),
    ("Timestamp", ["2026", "2026-11", "2026-11-23", "20261123", "2026-11-23T12", "2026-11-23T12:00:00Z"]),
    ("Timestamp", ["20261123T120000.5+0100", "2026-W47-1T12:00", "2026W53", "2026-360", "2026-11-23 12:00"]),
    ("Timestamp", ["2026-11-23T24:00", "2026-11-23T12:00:00,5-05", "2026-02-31"]),  # no calendar is asked
    ("TimestampAbsoluteRelative", ["2026-11-23T12:00:00Z", "PT5M", "@PT1H", "@R5/PT1H", "@R/P1D", "@P1Y"]),
    ("POSIXCronSpecification", ["* * * * *", "0,30 8-17 01-31 1,12 0-6", "5 4 * * 0", "*\t* *  * *"]),
    # Names and addresses.
    ("HostName", ["a", "a.b.", "_srv.example.org", "192.168.1", "a-.b", "a" * 63, "a." * 127 + "a"]),
    ("Host", ["www.example.org", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"]),
    ("URLHostPort", ["a", "a:8443", "192.0.2.1:80", "_a.b", "[::1]", "[2001:db8::1]:8443", "[fe80::1%eth0]"]),
    ("IPv4", ["192.0.2.255"]),
    ("IPv6", ["::", "2001:db8:0:0:0:0:0:1"]),
    ("IPv4CIDR", ["192.0.2.1/24", "0.0.0.0/0", "192.0.2.1/32"]),
    ("IPv6CIDR", ["::/0", "2001:db8::/32", "::1/128", "::ffff:192.0.2.1/96", "1:2:3:4:5:6:7:8/64"]),
    ("IPCIDRList", [[], ["192.0.2.0/24", "::/0"]]),
    ("icmp-error", ["host-unreachable"]),
    # With members.
    ("IPPortRange", [{"lower": 9, "upper": 5}]),  # in no order
    ("DurationRange", [{"lower": "PT1S", "upper": "PT5S"}]),
    ("TimeRange", [{}, {"start": "2026-11-23T12:00:00Z"}]),
    ("AS", [{"number": 64496}, {"number": 64496, "owner": "a"}]),
    ("ClockState", [{"time": "2026-11-23T12:00:00Z", "synchronized": True, "offset": -0.5}]),
    ("Maintainer", [{"name": "a", "email": "a@b", "href": "http://a"}]),
    ("RetryPolicy", [[], [{"attempts": 1, "wait": "PT1S"}]]),
    (
        "JQTransformSpecification",
        [{"script": "."}, {"script": [".a", "| .b"], "output-raw": True, "args": {}}],
    ),
    ("StringMatch", [{"style": "regex", "match": "a", "case-insensitive": True, "invert": False}]),
    ("EnumMatch", [{"enumeration": ["a", 1, 1.5]}]),
    ("TestSpecification", [{"type": "idle", "spec": None}]),
    # SNMP.
    ("SNMPOID", ["1.3.6.1", ".1.3", "sysName.0", {"type": "ObjectIdentity", "value": "x", "more": 1}]),
    ("SNMPCounter64", [{"type": "Counter64", "value": 2**64 - 1}]),
    ("SNMPString", [{"type": "DisplayString", "value": ""}]),
    ("SNMPResultList", [[], ["1.3", {"value": None}, {"type": "Anything", "value": 1}]]),
]

INVALID: list[tuple[str, list[Any]]] = [
    ("Integer", [5.5, "5", True, None]),
    ("Number", ["5", True]),
    ("Cardinal", [0, -1]),
    ("Int8", [-129, 128]),
    ("UInt32", [-1, 2**32]),
    ("UInt64", [2**64]),
    ("Probability", [-0.1, 1.1]),
    ("ip-version", [5, "4"]),
    ("SINumber", [5.5, "-5", "1e3", " 5", "5 ", "5Q", "5kk", "", "5\n", "٣"]),
    ("Numeric", [True, "x"]),
    ("Email", ["a"]),
    ("UUID", ["{123e4567-e89b-12d3-a456-426614174000}", "123e4567e89b12d3a456426614174000"]),
    ("Version", ["v1", "1.", "1.0-2.el9", "", "1\n"]),
    ("GeographicPosition", ["+40-74", "+40-074/", "40-074", "+40"]),
    ("Duration", ["P", "5", "PT5S\n", "pt5s", "-PT5S", "P1Y", "P1M", "PT5S5M", "PT.5S", "PT٣S", "R/PT5S", 5]),
    ("Timestamp", ["202611", "2026-1123", "2026-13-01", "2026-11-23Z", "2026-11-23T12:00:60", "2026-W54"]),
    (
        "Timestamp",
        ["2026-W00", "2026-000", "2026-367", "2026-11-23T25", "2026-11-23T12:0000", "2026-11-23\n"],
    ),
    (
        "TimestampAbsoluteRelative",
        ["soonest", "forever", "P1M", "@", "@P", "@5", "@R5PT1H", "-PT1H", "@PT1H\n"],
    ),
    ("POSIXCronSpecification", ["*/5 * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *"]),
    (
        "POSIXCronSpecification",
        ["* * * * 7", "* * * * 01", "@daily", "* * * jan *", "* * * *", "* * * * * *"],
    ),
    ("POSIXCronSpecification", [" * * * * *", "* * * * *\n", "1, * * * *", "*,1 * * * *"]),
    ("HostName", ["", "-a", "a._b", "a..b", ".a", "a:1", "a" * 64, "a." * 128, "a\n", "é.org", "a_b"]),
    ("Host", ["[::1]", "a:80", "not a host!", "2001:db8::1%eth0", 1]),
    ("URLHostPort", ["::1", "a.", "_a", "a-", "a:", "a:b", "[::1", "[1::2::3]", "[2001:db8::1%eth0]", "a\n"]),
    ("IPv4", ["192.0.2.256", "01.2.3.4", "1.2.3"]),
    ("IPv4CIDR", ["192.0.2.1", "192.0.2.1/33", "192.0.2.01/24", "192.0.2.0/24\n"]),
    ("IPv6CIDR", ["::1", "::/129", "s::/0", "::1s/0", "1:2:3:4:5:6:7/64", "1::2::3/64"]),
    ("IPPortRange", [{"lower": 5}, {"lower": 5, "upper": 65536}, {"lower": 1, "upper": 2, "more": 3}]),
    ("AS", [{}, {"number": 0}]),
    ("RetryPolicy", [[{"attempts": 0, "wait": "PT1S"}], [{"attempts": 1}], {}]),
    ("JQTransformSpecification", [{}, {"script": 5}, {"script": [5]}, {"script": ".", "x": 1}]),
    ("StringMatch", [{"style": "glob", "match": "a"}, {"style": "exact"}]),
    ("EnumMatch", [{"enumeration": [True]}, {"enumeration": [None]}]),
    ("SNMPOID", ["1..3", "1.3.", "UPPER", "", {"type": "ObjectIdentity"}]),
    ("SNMPString", [{"type": "DisplayString2", "value": ""}]),
    ("SNMPResult", [{}, {"type": "Integer"}, 5]),
]


def _rows(table: list[tuple[str, list[Any]]]) -> list[tuple[str, Any]]:
    return [(kind, value) for kind, values in table for value in values]


@each_of(_rows(VALID))
def test_a_type_takes(kind: str, value: Any) -> None:
    assert Checker(TYPES[kind]).problem(value) is None


@each_of(_rows(INVALID))
def test_a_type_refuses(kind: str, value: Any) -> None:
    assert Checker(TYPES[kind]).problem(value) is not None


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_type_is_a_json_schema_that_stands_alone(kind: str) -> None:
    jsonschema.Draft7Validator.check_schema(TYPES[kind])

    assert "$ref" not in repr(TYPES[kind])


def test_a_type_can_be_given_by_name_or_outright() -> None:
    assert type_schema("Boolean") == {"type": "boolean"}
    assert type_schema({"enum": [1]}) == {"enum": [1]}


@pytest.mark.parametrize("kind", sorted(name for name in TYPES if "pattern" in TYPES[name]))
@by_chance
def test_no_text_upsets_a_pattern_or_its_complaint(kind: str, chance: Random) -> None:
    problem = _checker(kind).problem({"a": any_text(chance, kind)})

    assert problem is None or problem.startswith("/a: ")


@functools.cache
def _checker(kind: str) -> Checker:
    return Checker({"type": "object", "properties": {"a": TYPES[kind]}})


TEXTS = [(kind, value) for kind, value in _rows(VALID + INVALID) if isinstance(value, str)]


@functools.cache
def _texts(kind: str) -> list[str]:
    """What the type takes and refuses, of the rows above; of one without rows, what others do."""
    return [value for name, value in TEXTS if name == kind] or [value for _, value in TEXTS]


def any_text(chance: Random, kind: str) -> str:
    """A text that is of a type or nearly so, with characters doubled, gone, or changed; or any at all."""
    if chance.randrange(4) == 0:
        return chance.choice([text(chance, 40), chance.choice(TEXTS)[1]])
    found = chance.choice(_texts(kind))
    for _ in range(chance.randrange(4)):
        at = chance.randint(0, len(found))
        part = chance.choice(["", text(chance, 3), found[at : at + 3] * chance.choice([1, 2, 30])])
        found = found[:at] + part + found[at + chance.randrange(3) :]
    return found


@given(st.ip_addresses())
def test_every_address_is_a_host_and_with_a_length_a_network(address: Any) -> None:
    assert Checker(TYPES["Host"]).problem(str(address)) is None
    assert Checker(TYPES["IPCIDR"]).problem(f"{address}/{address.max_prefixlen}") is None
    assert Checker(TYPES["IPCIDR"]).problem(f"{address}/{address.max_prefixlen + 1}") is not None


@given(st.ip_addresses(v=6))
def test_every_ipv6_address_in_brackets_is_a_host_with_a_port(address: Any) -> None:
    for written in (str(address), address.exploded):
        assert Checker(TYPES["URLHostPort"]).problem(f"[{written}]:8443") is None


@pytest.mark.parametrize(
    ("schema", "value", "problem"),
    [
        # A type's own complaint, also where one of its alternatives has another.
        (TYPES["Host"], "a b", '/: "a b" is not a host name or an IP address'),
        (TYPES["Host"], 1, "/: 1 is not a host name or an IP address"),
        (
            closed({"a": {"type": "array", "items": TYPES["Host"]}}),
            {"a": ["b", "-"]},
            '/a/1: "-" is not a host',
        ),
        # But not the complaint of a type around it, which is about another value.
        ({**closed({"a": TYPES["Cardinal"]}), MESSAGE: "all wrong"}, {"a": 0}, "/a: 0 is less than"),
        (closed({}, ("a",)), {}, '/: "a" is a required property'),
        (TYPES["Duration"], "{0.x}", '/: "{0.x}" is not an ISO 8601 duration'),
    ],
)
def test_a_problem_has_the_path_and_a_sentence(schema: Any, value: Any, problem: str) -> None:
    assert str(Checker(schema).problem(value)).startswith(problem)


UNEXPECTED = 'Additional properties are not allowed ("{}" was unexpected)'
VERSIONS = Versions({1: closed({"schema": {}}), 2: closed({"schema": {}, "a": {"type": "integer"}})})


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({}, None),
        ({"schema": 1}, None),
        ({"schema": 2, "a": 1}, None),
        # It says what would do where something does.
        (
            {"a": 1},
            f'/: {UNEXPECTED.format("a")}; as it is, it needs "schema": 2 at /schema',
        ),
        (  # or would do for that, though not for all
            {"a": "x"},
            f'/: {UNEXPECTED.format("a")}; that needs "schema": 2 at /schema',
        ),
        ({"a": 1, "b": 1}, '/: Additional properties are not allowed ("a", "b" were unexpected)'),
        ({"b": 1}, f"/: {UNEXPECTED.format('b')}"),
        ({"schema": 3}, "/schema: version 3 is not supported (highest is 2)"),
        ({"schema": 0}, "/schema: version 0 is not supported (highest is 2)"),
        ({"schema": "2"}, '/schema: "2" is not an integer'),
        ({"schema": 1.0}, "/schema: 1.0 is not an integer"),
        ({"schema": True}, "/schema: true is not an integer"),
        ([], "/: must be an object"),
        (None, "/: must be an object"),
    ],
)
def test_a_document_is_held_against_the_version_it_names(document: Any, problem: str | None) -> None:
    assert VERSIONS.problem(document) == problem

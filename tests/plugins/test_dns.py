from typing import Any

import pytest

from plugins.sdk.show import TEXT, render
from plugins.tests.dns import TEST

SOA = {
    "nameserver": "ns.example.org.",
    "owner": "hostmaster.example.org.",
    "serial": 2026112301,
    "refresh": 7200,
    "retry": 3600,
    "expire": 1209600,
    "minimum": 300,
}


def test_the_type_of_record_is_taken_in_either_case() -> None:
    spec = TEST.parse(["--query", "www.example.org", "--record", "AAAA"])

    assert spec == {"schema": 1, "query": "www.example.org", "record": "aaaa"}


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"record": "A"}, '/record: "A" is not one of'),  # in a spec, lower case only
        ({"record": "any"}, "/record"),
        ({"record": None}, "/record"),
        ({"query": ""}, '/query: "" is not a host name or an IP address'),
        ({"host-node": "a:b"}, "/host-node"),
        ({"nameserver": "192.0.2.1:53"}, "/nameserver"),
    ],
)
def test_a_bad_member_is_named(members: dict[str, Any], complaint: str) -> None:
    problem = TEST.problem({"query": "www.example.org", "record": "a", **members})

    assert complaint in str(problem)


@pytest.mark.parametrize(
    ("record", "valid"),
    [
        (["192.0.2.1"], True),
        (["2001:db8::1"], True),
        (["some text"], True),
        ("www.example.org.", True),
        ([{"pref": 10, "mx": "mail.example.org."}], True),
        (SOA, True),
        ([], False),  # an answer without records is none
        ("two words", False),
        ([{"pref": 40_000, "mx": "mail.example.org."}], False),
        ([{"mx": "mail.example.org."}], False),
        ({**SOA, "serial": 2**32}, False),
        ({name: SOA[name] for name in SOA if name != "serial"}, False),
        (5, False),
    ],
)
def test_a_record_has_the_shape_of_its_type(record: Any, valid: bool) -> None:
    problem = TEST.result_versions.problem({"succeeded": True, "time": "PT1S", "record": record})

    assert (problem is None) is valid


@pytest.mark.parametrize(
    ("kind", "record", "wanted"),
    [
        ("a", ["192.0.2.1", "192.0.2.2"], ["A .... 192.0.2.1", "A .... 192.0.2.2"]),
        ("cname", "www.example.org.", ["CNAME . www.example.org."]),
        ("mx", [{"pref": 10, "mx": "m.example.org."}], ["MX ... m.example.org. (preference 10)"]),
        ("soa", SOA, ["Serial ...... 2026112301", "Minimum ..... 300"]),
    ],
)
def test_each_record_has_a_line(kind: str, record: Any, wanted: list[str]) -> None:
    result = {"succeeded": True, "time": "PT0.01S", "record": record}

    shown = render(TEST.show({"record": kind}, result), TEXT).splitlines()

    assert shown[0].endswith(". PT0.01S")
    assert set(wanted) <= set(shown)

"""The net-snmp-set tool against a real agent on loopback, and values of SNMP on their way in and out."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysnmp.proto import rfc1902, rfc1905

from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import PluginFailed
from plugins.tests import snmpset
from plugins.tools.snmp import net_snmp_set, snmp_names, snmp_session, snmp_values
from tests.builders import seconds
from tests.plugins import snmp_agent
from tests.plugins.jobs import job

NAME, LOCATION, DESCRIPTION = "SNMPv2-MIB::sysName.0", "1.3.6.1.2.1.1.6.0", "1.3.6.1.2.1.1.1.0"
TRAPS = "1.3.6.1.2.1.11.30.0"
SPEC = {"dest": "127.0.0.1", "version": "2c", "_community": "private"}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with snmp_agent.running(tmp_path_factory.mktemp("snmpd")) as number:
        yield number


@pytest.fixture
def agent(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snmp_session, "PORT", port)


def put(*values: tuple[str, str, str], **changes: Any) -> dict[str, Any]:
    """The result, which must be one that the test declares."""
    oidargs = [dict(zip(("oid", "type", "value"), value, strict=True)) for value in values]
    spec = {**SPEC, "oidargs": oidargs, **changes}
    assert snmpset.TEST.problem(spec) is None
    assert net_snmp_set.TOOL.reasons_against("snmpset", spec) == []
    machine = Machine()
    result: dict[str, Any] = net_snmp_set.run(job(net_snmp_set.TOOL, spec, machine, start=machine.now()))[
        "result"
    ]
    assert snmpset.TEST.result_versions.problem(result) is None
    return result


@pytest.mark.usefixtures("agent")
def test_what_was_set_is_what_the_agent_has_then() -> None:
    # sysName and sysLocation of this agent are fixed by its configuration; this one is not.
    first = put((TRAPS, "i", "1"))
    second = put((TRAPS, "i", "2"), version="1")

    assert first["data"] == [{"type": "INTEGER", "value": 1}]
    assert second["data"] == [{"type": "INTEGER", "value": 2}]


@pytest.mark.usefixtures("agent")
def test_a_user_sets_as_well() -> None:
    user = {"security-name": "writer", "auth-protocol": "sha", "_auth-key": "sign with this"}
    spec = {
        "dest": "127.0.0.1",
        "version": "3",
        **user,
        "oidargs": [{"oid": TRAPS, "type": "i", "value": "2"}],
    }

    local = net_snmp_set.run(job(net_snmp_set.TOOL, spec))

    assert local["result"]["data"] == [{"type": "INTEGER", "value": 2}]


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ((DESCRIPTION, "s", "x"), rf"notWritable to {DESCRIPTION}"),
        ((TRAPS, "s", "x"), r"could not be queried"),  # the library knows this one's type itself
        ((TRAPS, "i", "77"), rf"wrongValue to {TRAPS}"),
        (("1.3.6.1.4.1.1.1", "n", ""), "to 1.3.6.1.4.1.1.1"),
    ],
)
def test_what_the_agent_will_not_set_is_a_failure(value: tuple[str, str, str], complaint: str) -> None:
    with pytest.raises(PluginFailed, match=complaint):
        put(value)


@pytest.mark.usefixtures("agent")
def test_a_community_that_may_not_write_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match=r"noAccess|authorizationError"):
        put((TRAPS, "i", "1"), _community="public")


@pytest.mark.parametrize(
    ("oidargs", "reason"),
    [
        ([{"oid": NAME, "type": "=", "value": "x"}], "Cannot set values of the type ="),
        ([{"oid": NAME, "type": "string", "value": "x"}], "Cannot set values of the type string"),
    ],
)
def test_declines_types_that_only_a_mib_would_tell(oidargs: list[Any], reason: str) -> None:
    assert net_snmp_set.TOOL.reasons_against("snmpset", {**SPEC, "oidargs": oidargs}) == [reason]


def test_declines_other_transports() -> None:
    spec = {**SPEC, "oidargs": [{"oid": NAME, "type": "s", "value": "x"}], "protocol": "tcp"}

    assert net_snmp_set.TOOL.reasons_against("snmpset", spec) == ["Speaks SNMP over UDP only"]


@pytest.mark.parametrize(
    ("members", "count", "wanted"), [({}, 1, 4), ({}, 3, 8), ({"timeout": "PT5S"}, 2, 12)]
)
def test_the_time_a_run_needs(members: dict[str, str], count: int, wanted: float) -> None:
    assert net_snmp_set.TOOL.duration("snmpset", {"oidargs": [{}] * count, **members}) == seconds(wanted)


@pytest.mark.parametrize(
    ("letter", "text", "kind", "content"),
    [
        ("i", "-5", "Integer32", -5),
        ("u", "4294967295", "Unsigned32", 2**32 - 1),
        ("c", "5", "Counter32", 5),
        ("C", "18446744073709551615", "Counter64", 2**64 - 1),
        ("t", "100", "TimeTicks", 100),
        ("a", "192.0.2.1", "IpAddress", b"\xc0\x00\x02\x01"),
        ("o", "SNMPv2-MIB::sysName.0", "ObjectIdentifier", (1, 3, 6, 1, 2, 1, 1, 5, 0)),
        ("s", "Grüße", "OctetString", "Grüße".encode()),
        ("x", "0xC0 ff", "OctetString", b"\xc0\xff"),
        ("d", "192.168.1", "OctetString", b"\xc0\xa8\x01"),
        ("b", "0, 9", "OctetString", b"\x80\x40"),
        ("b", "", "OctetString", b""),
        ("n", "", "Null", b""),
        # Captured from what snmpset itself sends for these.
        ("F", "1.5", "Opaque", b"\x9fx\x04\x3f\xc0\x00\x00"),
        ("D", "1.5", "Opaque", b"\x9fy\x08\x3f\xf8\x00\x00\x00\x00\x00\x00"),
        ("I", "-300", "Opaque", b"\x9fz\x02\xfe\xd4"),
        ("U", "300", "Opaque", b"\x9f{\x02\x01\x2c"),
    ],
)
def test_a_letter_and_a_text_make_a_value(letter: str, text: str, kind: str, content: Any) -> None:
    value = snmp_values.to_set(letter, text)

    assert type(value).__name__ == kind
    plain = {bytes: bytes, int: int, tuple: tuple}[type(content)](value)
    assert plain == content


@pytest.mark.parametrize(
    ("letter", "text"),
    [("i", "x"), ("i", "2147483648"), ("u", "-1"), ("a", "192.0.2"), ("x", "0xg"), ("d", "256"), ("b", "-1"),
     ("b", "99999999"), ("F", "x"), ("U", "-1"), ("I", str(2**63)), ("o", "no such"),
     ("i", "1_0"), ("C", " 5"), ("t", "٣"), ("b", "1_0"), ("d", "1_0"), ("F", "nan"), ("D", "1_0")],
)  # fmt: skip
def test_a_text_that_is_no_such_value_is_a_failure(letter: str, text: str) -> None:
    with pytest.raises(PluginFailed):
        snmp_values.to_set(letter, text)


@given(
    letter=st.sampled_from("iucCtaosxdbnFDIU"), text=st.text(max_size=30) | st.from_regex(r"-?[0-9.]{1,25}")
)
def test_any_text_makes_a_value_or_a_declared_failure(letter: str, text: str) -> None:
    with contextlib.suppress(PluginFailed):
        value = snmp_values.to_set(letter, text)
        assert snmp_values.printed_entry(value)["type"]


@given(st.text(max_size=30) | st.from_regex(r"([A-Z]+-MIB::)?[a-z.]{1,5}[0-9.]{0,9}", fullmatch=True))
def test_any_text_is_an_oid_or_a_declared_failure(text: str) -> None:
    with contextlib.suppress(PluginFailed):
        numbers = snmp_names.number(text)
        assert numbers.replace(".", "").isdecimal()


@pytest.mark.parametrize(
    ("value", "got", "printed"),
    [
        (rfc1902.Integer32(-1), ("Integer", -1), "INTEGER"),
        (rfc1902.OctetString(b"eth0"), ("OctetString", "eth0"), "STRING"),
        (rfc1902.OctetString(b"\x00\xff"), ("OctetString", "0x00ff"), "Hex-STRING"),
        (rfc1902.OctetString(b"0xff"), ("OctetString", "0xff"), "STRING"),  # text that looks like it
        (rfc1902.ObjectIdentifier("1.3.6"), ("ObjectIdentity", "1.3.6"), "OID"),
        (rfc1902.IpAddress("192.0.2.1"), ("IpAddress", "192.0.2.1"), "IpAddress"),
        (rfc1902.Counter64(2**64 - 1), ("Counter64", 2**64 - 1), "Counter64"),
        (rfc1902.TimeTicks(5), ("TimeTicks", 5), "Timeticks"),
        (rfc1902.Opaque(b"\x9f\x78"), ("Opaque", "0x9f78"), "OPAQUE"),
    ],
)
def test_a_value_has_the_type_of_the_dictionary(value: Any, got: tuple[str, Any], printed: str) -> None:
    kind, shown = got

    assert snmp_values.entry(value) == {"type": kind, "value": shown}
    assert snmp_values.printed_entry(value) == {"type": printed, "value": shown}


def test_a_value_that_is_not_there_has_no_type() -> None:
    assert snmp_values.printed_entry(rfc1905.NoSuchInstance("")) == {"value": "NoSuchInstance"}


@pytest.mark.parametrize(
    ("kind", "new", "old", "change"),
    [
        ("Counter32", 15, 10, 5),
        ("Counter32", 5, 2**32 - 5, 10),  # it began again at zero
        ("Counter64", 15, 10, 5),
        ("Counter64", 5, 10, None),  # never so soon: it was reset
        ("Gauge32", 5, 10, -5),
        ("TimeTicks", 15, 10, 5),
        ("OctetString", "15", "10", None),
        (None, "NoSuchInstance", 10, None),
        ("Integer", 5, "NoSuchInstance", None),
        ("Integer", 5, None, None),
    ],
)
def test_the_change_of_a_value(kind: str | None, new: Any, old: Any, change: int | None) -> None:
    assert snmp_values.difference(kind, new, old) == change


@pytest.mark.parametrize(
    ("oid", "wanted"),
    [
        ("1.3.6", "1.3.6"),
        (".1.3.6", "1.3.6"),
        ("136", "136"),
        ("SNMPv2-MIB::sysName.0", "1.3.6.1.2.1.1.5.0"),
        ("sysName.0", "1.3.6.1.2.1.1.5.0"),
        (".iso.org.dod.internet.mgmt.mib-2.system.sysName.0", "1.3.6.1.2.1.1.5.0"),
        ("iso.3.6", "1.3.6"),
        ("IF-MIB::ifInOctets.3", "1.3.6.1.2.1.2.2.1.10.3"),
        ("ifHCOutOctets.3", "1.3.6.1.2.1.31.1.1.1.10.3"),
        ("ifCounterDiscontinuityTime.1", "1.3.6.1.2.1.31.1.1.1.19.1"),
        ("ifSpecific.1", "1.3.6.1.2.1.2.2.1.22.1"),
        ("IF-MIB::ifNumber.0", "1.3.6.1.2.1.2.1.0"),
        ("SNMP-FRAMEWORK-MIB::snmpEngineTime.0", "1.3.6.1.6.3.10.2.1.3.0"),
    ],
)
def test_names_have_numbers(oid: str, wanted: str) -> None:
    assert snmp_names.number(oid) == wanted

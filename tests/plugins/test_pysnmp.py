"""The pysnmp tool, against a real agent on loopback."""

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.times import parse_duration
from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import PluginFailed
from plugins.tests import snmpget, snmpgetbgm
from plugins.tools.snmp import pysnmp, snmp_session
from tests.builders import at, seconds
from tests.plugins import snmp_agent
from tests.plugins.jobs import FakeHost, job

SYS_DESCR, SYS_UP_TIME, SYS_OBJECT_ID = "1.3.6.1.2.1.1.1.0", ".1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.2.0"
SPEC = {"dest": "127.0.0.1", "version": "2c", "_community": "public", "polls": 1}
USER = {"dest": "127.0.0.1", "version": "3", "polls": 1, "oid": [SYS_DESCR]}
KEYS = {"_auth-key": "sign with this", "_priv-key": "hide with this"}
HIDDEN = {"security-name": "hidden", "auth-protocol": "SHA", "priv-protocol": "AES", **KEYS}
needs_ciphers = pytest.mark.skipif(
    importlib.util.find_spec("cryptography") is None, reason="the package cryptography is not installed"
)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with snmp_agent.running(tmp_path_factory.mktemp("snmpd")) as number:
        yield number


@pytest.fixture
def agent(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snmp_session, "PORT", port)


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, and no long wait for them."""
    monkeypatch.setattr(snmp_session, "PORT", 9)
    monkeypatch.setattr(snmp_session, "PATIENCE", 0.1)


def get(spec: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The result, which must be one that the test declares."""
    whole = {**SPEC, **spec}
    assert snmpget.TEST.problem(whole) is None
    assert pysnmp.TOOL.reasons_against("snmpget", whole) == []
    result: dict[str, Any] = pysnmp.run(job(pysnmp.TOOL, whole, **changes))["result"]
    assert snmpget.TEST.result_versions.problem(result) is None
    return result


def get_as(user: dict[str, Any]) -> dict[str, Any]:
    spec = {**USER, **user}
    assert snmpget.TEST.problem(spec) is None
    assert pysnmp.TOOL.reasons_against("snmpget", spec) == []
    result: dict[str, Any] = pysnmp.run(job(pysnmp.TOOL, spec))["result"]
    return result


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("version", ["1", "2c"])
def test_gets_values_of_every_kind(version: str) -> None:
    names = [
        "SNMPv2-MIB::sysDescr.0",
        SYS_UP_TIME,
        "sysObjectID.0",
        "IF-MIB::ifNumber.0",
        "IF-MIB::ifSpeed.1",
    ]

    result = get({"version": version, "oid": names})

    found = [(entry["type"], type(entry["value"])) for entry in result["data"]]
    kinds = ["OctetString", "TimeTicks", "ObjectIdentity", "Integer", "Gauge32"]
    assert found == list(zip(kinds, [str, int, str, int, int], strict=True))
    assert result["data"][2]["value"].startswith("1.3.6.1.4.1.8072.")
    assert seconds(0) < parse_duration(result["time"]) < seconds(5)


@pytest.mark.usefixtures("agent")
def test_says_when_it_was_and_counts_nothing_where_there_is_one_poll() -> None:
    result = get({"oid": [SYS_UP_TIME]})

    (entry,) = result["data"]
    assert entry.keys() == {"timestamp", "type", "value"}
    assert entry["timestamp"] == at(2).isoformat()


@pytest.mark.usefixtures("agent")
def test_waits_for_the_start() -> None:
    host = FakeHost()

    get({"oid": [SYS_DESCR]}, host=host)

    assert host.slept_until[0] == at(2)


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize(("polls", "expected"), [(1, 1), (2, 1), (5, 1), (6, 2)])
def test_a_run_that_begins_late_has_the_polls_that_are_left_and_the_last(polls: int, expected: int) -> None:
    host = FakeHost()
    host.time = at(6.5)  # four and a half seconds after the start

    result = get({"oid": [SYS_UP_TIME], "polls": polls, "period": 1, "timeout": "PT10S"}, host=host)

    assert len(result["data"] if polls == 1 else result["data"][0]) == expected


@pytest.mark.usefixtures("agent")
def test_an_object_that_is_not_there_has_no_type() -> None:
    result = get({"oid": ["1.3.6.1.2.1.1.1.5", "1.3.6.1.2.1.1.77.0"]})

    assert [(entry["value"], "type" in entry) for entry in result["data"]] == [
        ("NoSuchInstance", False),
        ("NoSuchObject", False),
    ]


@pytest.mark.usefixtures("agent")
def test_version_1_fails_for_an_object_that_is_not_there() -> None:
    with pytest.raises(PluginFailed, match=r"noSuchName to 1\.3\.6\.1\.2\.1\.1\.77\.0"):
        get({"version": "1", "oid": [SYS_DESCR, "1.3.6.1.2.1.1.77.0"]})


@pytest.mark.usefixtures("agent")
def test_polls_tell_of_change() -> None:
    host = FakeHost()

    result = get({"oid": [SYS_UP_TIME, SYS_DESCR], "polls": 3, "period": 5}, host=host)

    ticks, texts = result["data"]
    assert host.slept_until == [at(2), at(2), at(7), at(12)]
    assert [entry["seq_num"] for entry in ticks] == [0, 1, 2]
    assert "delta" not in ticks[0]
    assert [entry["delta"] for entry in ticks[1:]] == [
        ticks[1]["value"] - ticks[0]["value"],
        ticks[2]["value"] - ticks[1]["value"],
    ]
    assert all(0 < entry["timedelta"] < 5 for entry in ticks[1:])
    assert all("delta" not in entry for entry in texts)


@pytest.mark.usefixtures("agent")
def test_polls_without_a_period_follow_each_other_at_once() -> None:
    machine = Machine()

    result = get({"oid": [SYS_UP_TIME], "polls": 20, "period": 0}, host=machine, start=machine.now())

    assert len(result["data"][0]) == 20
    assert parse_duration(result["time"]) < seconds(9)


@pytest.mark.usefixtures("agent")
def test_a_result_is_emitted_every_poll() -> None:
    spec = {**SPEC, "oid": [SYS_UP_TIME, SYS_DESCR], "polls": 3, "period": 5}
    emitted: list[dict[str, Any]] = []

    local = pysnmp.run(job(pysnmp.TOOL, spec, test="snmpgetbgm", emit=emitted.append))

    assert all(snmpgetbgm.TEST.result_versions.problem(each) is None for each in [*emitted, local["result"]])
    assert [each["data"][0][0]["seq_num"] for each in emitted] == [0, 1, 2]
    assert [len(each["data"]) for each in emitted] == [2, 2, 2]
    assert "delta" in emitted[2]["data"][0][0]
    assert local["result"]["data"] == emitted[2]["data"]


@pytest.mark.usefixtures("agent")
def test_a_run_started_again_has_the_polls_that_are_left() -> None:
    spec = {**SPEC, "oid": [SYS_UP_TIME], "polls": 4, "period": 5}
    emitted: list[dict[str, Any]] = []
    host = FakeHost()
    host.time = at(13)  # 11 seconds after the start: the polls at 0 and 5 are over

    pysnmp.run(job(pysnmp.TOOL, spec, host, test="snmpgetbgm", emit=emitted.append))

    assert [each["data"][0][0]["seq_num"] for each in emitted] == [2, 3]


@pytest.mark.usefixtures("agent")
def test_a_run_handed_over_has_the_polls_that_nobody_made() -> None:
    spec = {**SPEC, "oid": [SYS_UP_TIME], "polls": 4, "period": 5}
    emitted: list[dict[str, Any]] = []
    host = FakeHost()
    host.time = at(13)

    pysnmp.run(job(pysnmp.TOOL, spec, host, test="snmpgetbgm", emit=emitted.append, since=at(3)))

    assert [each["data"][0][0]["seq_num"] for each in emitted] == [1, 2, 3]


@pytest.mark.usefixtures("silence")
def test_a_poll_that_fails_is_told_and_the_next_is_made() -> None:
    spec = {**SPEC, "oid": [SYS_UP_TIME], "polls": 2, "period": 5}
    emitted: list[dict[str, Any]] = []

    with pytest.raises(PluginFailed, match="No "):
        pysnmp.run(job(pysnmp.TOOL, spec, test="snmpgetbgm", emit=emitted.append))

    assert [each["succeeded"] for each in emitted] == [False, False]
    assert all(each["error"] for each in emitted)
    assert all(snmpgetbgm.TEST.result_versions.problem(each) is None for each in emitted)


@pytest.mark.usefixtures("silence")
def test_no_answer_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match=r"No answer in 0\.1 seconds"):
        get({"oid": [SYS_DESCR]})


@pytest.mark.usefixtures("agent")
def test_polling_ends_when_the_time_is_up() -> None:
    host = FakeHost()

    with pytest.raises(PluginFailed, match="Only 1 of 2 polls"):
        pysnmp.run(
            job(pysnmp.TOOL, {**SPEC, "oid": [SYS_DESCR], "polls": 2, "period": 60, "timeout": "PT5S"}, host)
        )


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize(
    "user",
    [
        {"security-name": "plain", "security-level": "noAuthNoPriv"},
        {"security-name": "plain"},
        {"security-name": "signed", "auth-protocol": "MD5", "_auth-key": KEYS["_auth-key"]},
        pytest.param({**HIDDEN, "security-level": "authPriv"}, marks=needs_ciphers),
        pytest.param({**HIDDEN, "priv-protocol": "AES128"}, marks=needs_ciphers),
    ],
    ids=lambda user: "-".join([user["security-name"], *(name for name in user if name.startswith("_"))]),
)
def test_asks_as_a_user(user: dict[str, Any]) -> None:
    result = get_as(user)

    assert result["data"][0]["type"] == "OctetString"


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize(
    "user",
    [
        {"security-name": "nobody"},
        {"security-name": "hidden"},  # the agent wants more of this one
        {"security-name": "signed", "auth-protocol": "MD5", "_auth-key": "a wrong key"},
        pytest.param({**HIDDEN, "_priv-key": "a wrong key"}, marks=needs_ciphers),
        {"security-name": "plain", "context": "elsewhere"},
    ],
    ids="-".join,
)
def test_a_user_who_may_not_ask_is_a_failure(user: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snmp_session, "PATIENCE", 1.0)

    with pytest.raises(PluginFailed) as error:
        get_as(user)

    assert "key" not in error.value.message


@pytest.mark.usefixtures("silence")
@pytest.mark.parametrize(
    ("oid", "complaint"),
    [
        ("NO-SUCH-MIB::name.0", "The MIB NO-SUCH-MIB, "),
        ("SNMPv2-MIB::noSuchName.0", "has no object noSuchName: give its OID in numbers"),
        ("noSuchName", "has no object noSuchName: give its OID in numbers"),
        ("../../plugins/registry::name.0", "is not an OID"),
        ("SNMPv2-TC::DisplayString.0", "has no object"),
        ('ifDescr."eth0"', "is not an OID"),
        ("5.9999999999999", "could not be queried"),
        ("1", "could not be queried"),
    ],
)
def test_an_oid_that_cannot_be_asked_for_is_a_failure(oid: str, complaint: str) -> None:
    with pytest.raises(PluginFailed) as error:
        get({"oid": [oid]})

    assert complaint in error.value.message


@pytest.mark.usefixtures("silence")
@pytest.mark.parametrize(
    "members",
    [
        {"version": "2c", "_community": "se\u2192cret"},
        {"version": "2c", "_community": ""},
        {"version": "3", "security-name": "se\u2192cret"},
        {"version": "3", "security-name": "secret" * 50},
    ],
)
def test_secrets_are_never_told_whether_they_can_be_used_or_not(members: dict[str, str]) -> None:
    spec = {"dest": "127.0.0.1", "oid": [SYS_DESCR], "polls": 1, **members}

    with pytest.raises(PluginFailed) as error:
        pysnmp.run(job(pysnmp.TOOL, spec))

    assert "secret" not in error.value.message
    assert len(error.value.message) < 400


def test_a_host_without_an_address_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match=r"nowhere\.invalid"):
        get({"dest": "nowhere.invalid", "oid": [SYS_DESCR]})


@pytest.mark.parametrize(
    ("test", "members", "reason"),
    [
        ("snmpget", {"protocol": "tcp"}, "UDP"),
        ("snmpget", {"polls": 0}, "Cannot poll 0 times"),
        ("snmpget", {"polls": 2, "period": -1}, "Cannot poll"),
        ("snmpget", {"polls": 10**30}, "longer than a century"),
        ("snmpget", {"polls": 3, "period": 5, "timeout": "PT9S"}, "do not fit a timeout of PT9S"),
        ("snmpgetbgm", {"polls": 2, "period": 0}, "a period of a second or more"),
        ("snmpget", {"version": "3"}, "Needs security-name for version 3"),
        (
            "snmpget",
            {"version": "3", "security-name": "u", "security-level": "authNoPriv"},
            "Needs auth-protocol",
        ),
        ("snmpget", {"version": "3", **HIDDEN, "_auth-key": "short"}, "_auth-key is shorter than 8"),
        ("rtt", {}, "Does not perform rtt"),
        ("snmpget", {"schema": 2}, "newer than 1"),
    ],
)
def test_declines_what_it_cannot_do(test: str, members: dict[str, Any], reason: str) -> None:
    reasons = pysnmp.TOOL.reasons_against(test, {**SPEC, "oid": [SYS_DESCR], **members})

    assert any(reason in each for each in reasons)
    assert not any("short" in each.split() for each in reasons)  # no key is told


def test_declines_to_encrypt_without_ciphers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    assert pysnmp.TOOL.reasons_against("snmpget", {**USER, **HIDDEN}) == [
        "Cannot encrypt: the Python package cryptography is missing"
    ]


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({}, 11),
        ({"polls": 5}, 15),
        ({"polls": 5.0, "period": 2.0}, 20),  # integers, to JSON Schema
        ({"polls": 5, "period": 2, "timeout": "PT30S"}, 40),
        ({"polls": 5, "period": 0}, 10),
    ],
)
def test_the_time_a_run_needs(members: dict[str, Any], wanted: float) -> None:
    assert pysnmp.TOOL.duration("snmpget", {**SPEC, **members}) == seconds(wanted)

"""The specs and results of snmpget, snmpgetbgm and snmpset."""

from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from plugins import sdk
from plugins.sdk.show import HTML, TEXT, render
from plugins.tests import snmpget, snmpgetbgm, snmpset

GETS = pytest.mark.parametrize("test", [snmpget.TEST, snmpgetbgm.TEST], ids=lambda test: test.name)
ALL = pytest.mark.parametrize(
    "test", [snmpget.TEST, snmpgetbgm.TEST, snmpset.TEST], ids=lambda test: test.name
)

WHERE = ["--dest", "192.0.2.1"]
USER = {"security-name": "u", "security-level": "authPriv", "auth-protocol": "MD5", "priv-protocol": "3DES"}
KEYS = {"_auth-key": "k1", "_priv-key": "k2", "context": "c"}


def spec_of(test: sdk.Test, version: str, **members: Any) -> dict[str, Any]:
    """A spec of a test, bare but for what its version needs."""
    what: dict[str, Any] = {"oid": ["1.3"], "polls": 1}
    if test is snmpset.TEST:
        what = {"oidargs": [{"oid": "1.3", "type": "i", "value": "1"}]}
    community = {} if version == "3" else {"_community": "public"}
    return {"dest": "192.0.2.1", "version": version, **what, **community, **members}


@ALL
@pytest.mark.parametrize("version", ["1", "2c", "3"])
def test_a_bare_spec_is_valid(test: sdk.Test, version: str) -> None:
    assert test.problem(spec_of(test, version)) is None


@ALL
def test_a_user_goes_with_version_3(test: sdk.Test) -> None:
    assert test.problem(spec_of(test, "3", **USER, **KEYS)) is None


@ALL
@pytest.mark.parametrize("version", ["1", "2c"])
@pytest.mark.parametrize(("name", "value"), [*USER.items(), *KEYS.items()])
def test_no_user_goes_with_a_community(test: sdk.Test, version: str, name: str, value: str) -> None:
    problem = test.problem(spec_of(test, version, **{name: value}))

    assert problem == f"/{name}: is only for version 3 of SNMP"


@ALL
def test_no_community_goes_with_version_3(test: sdk.Test) -> None:
    problem = test.problem(spec_of(test, "3", _community="guess"))

    assert problem == "/_community: is only for versions 1 and 2c of SNMP"


@ALL
@pytest.mark.parametrize("version", ["1", "2c"])
def test_a_community_is_needed_where_there_are_no_users(test: sdk.Test, version: str) -> None:
    spec = spec_of(test, version)
    del spec["_community"]

    assert '"_community" is a required property' in str(test.problem(spec))


@ALL
@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"version": "2"}, '/version: "2" is not one of'),
        ({"version": 3}, "/version: 3 is not one of"),
        ({"dest": "192.0.2.1:161"}, '/dest: "192.0.2.1:161" is not a host name'),
        ({"host-node": "node.example.org:8443"}, "/host-node"),
        ({"protocol": "sctp"}, '/protocol: "sctp" is not one of'),
        ({"timeout": "5"}, '/timeout: "5" is not an ISO 8601 duration'),
        ({"security-level": "AUTHPRIV"}, "/security-level"),
        ({"priv-protocol": "AES512"}, "/priv-protocol"),
        ({"_auth-key": 5}, "/_auth-key"),
    ],
)
def test_a_bad_member_is_named(test: sdk.Test, members: dict[str, Any], complaint: str) -> None:
    problem = test.problem({**spec_of(test, "3"), **members})

    assert complaint in str(problem)


@GETS
@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"oid": []}, "/oid: [] "),
        ({"oid": "1.3"}, '/oid: "1.3" is not of type "array"'),
        ({"oid": ["1..3"]}, '/oid/0: "1..3" is not an OID'),
        ({"polls": "2"}, '/polls: "2" is not of type "integer"'),
        ({"period": 0.5}, "/period"),
        ({"auth-protocol": "sha"}, '/auth-protocol: "sha" is not one of'),  # upper case, whatever help said
    ],
)
def test_snmpget_names_a_bad_member(test: sdk.Test, members: dict[str, Any], complaint: str) -> None:
    problem = test.problem(spec_of(test, "3", **members))

    assert complaint in str(problem)


@GETS
def test_the_command_line_says_how_often_to_poll(test: sdk.Test) -> None:
    assert test.parse(WHERE) == {"schema": 1, "dest": "192.0.2.1", "polls": 1, "period": 1}


@GETS
@pytest.mark.parametrize(
    ("version", "kept"),
    [(["--version", "2c"], "_community"), (["--version=1"], "_community"), (["--version", "3"], "context"),
     ([], "context")],
)  # fmt: skip
def test_the_command_line_ignores_what_the_version_does_not_know(
    test: sdk.Test, version: list[str], kept: str
) -> None:
    spec = test.parse([*version, "--community", "public", "--context", "c"])

    assert {"_community", "context"} & set(spec) == {kept}


@GETS
def test_oids_of_every_kind_go_to_the_command_line_and_back(test: sdk.Test) -> None:
    oids = ["1.3.6", "a::b.0", "{odd", '"odd"', {"type": "ObjectIdentity", "value": "1.3"}]

    arguments = test.arguments({"oid": oids})

    assert arguments[:4] == ["--oid", "1.3.6", "--oid", "a::b.0"]
    assert test.parse(arguments)["oid"] == oids


@GETS
def test_an_oid_that_is_no_json_though_it_looks_so_is_refused(test: sdk.Test) -> None:
    with pytest.raises(Invalid, match="--oid: not valid JSON"):
        test.parse(["--oid", "{odd"])


@pytest.mark.parametrize(
    ("argument", "wanted"),
    [
        ("1.3.6:i:5", ("1.3.6", "i", "5")),
        ("SNMPv2-MIB::sysName.0:s:a:b::c", ("SNMPv2-MIB::sysName.0", "s", "a:b::c")),
        ("sysName.0:s:", ("sysName.0", "s", "")),
        ("1.3:s::x", ("1.3", "s", ":x")),
        ("1.3:s:two\nlines", ("1.3", "s", "two\nlines")),
    ],
)
def test_a_value_to_set_is_read_and_written(argument: str, wanted: tuple[str, str, str]) -> None:
    spec = snmpset.TEST.parse(["--version", "3", "--oidargs", argument])

    assert spec["oidargs"] == [dict(zip(("oid", "type", "value"), wanted, strict=True))]
    assert snmpset.TEST.arguments(spec)[-1] == argument


@pytest.mark.parametrize("argument", ["", "1.3", "1.3:i", ":i:5", "a::b", "1.3::5"])
def test_a_value_without_its_parts_is_refused(argument: str) -> None:
    with pytest.raises(Invalid, match="OID:TYPE:VALUE"):
        snmpset.TEST.parse(["--version", "3", "--oidargs", argument])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--version", "2c"], "--oidargs: must be given"),
        (["--oidargs", "1.3:i:5"], "--version: must be given"),
        (
            ["--version=3", "--oidargs", "1.3:i:5", "--community", "x"],
            "--community: must be left out with version 3",
        ),
        (
            ["--version=1", "--oidargs", "1.3:i:5", "--auth-key", "x"],
            "--auth-key: must be left out with version 1",
        ),
    ],
)
def test_snmpset_says_what_does_not_fit(arguments: list[str], complaint: str) -> None:
    with pytest.raises(Invalid) as error:
        snmpset.TEST.parse(arguments)

    assert complaint in error.value.message


@pytest.mark.parametrize(
    ("oidarg", "complaint"),
    [
        ({"oid": "1.3", "type": "i"}, '"value" is a required property'),
        ({"oid": "1.3", "type": "i", "value": 5}, '/oidargs/0/value: 5 is not of type "string"'),
        ({"oid": "1..3", "type": "i", "value": "5"}, '/oidargs/0/oid: "1..3" is not an OID'),
        ({"oid": "a:b", "type": "i", "value": "5"}, "/oidargs/0/oid"),  # would not be the same again
        ({"oid": "1.3", "type": "a:b", "value": "5"}, "/oidargs/0/type"),
        ({"oid": "1.3", "type": "i", "value": "5", "more": 1}, "/oidargs/0"),
    ],
)
def test_a_value_to_set_has_its_parts(oidarg: dict[str, Any], complaint: str) -> None:
    problem = snmpset.TEST.problem(spec_of(snmpset.TEST, "3", oidargs=[oidarg]))

    assert complaint in str(problem)


@pytest.mark.parametrize(
    "members", [{"auth-protocol": "sha"}, {"priv-protocol": "aes"}, {"security-level": "authpriv"}]
)
def test_snmpset_takes_names_in_lower_case_too(members: dict[str, str]) -> None:
    assert snmpset.TEST.problem(spec_of(snmpset.TEST, "3", **members)) is None


@ALL
@pytest.mark.parametrize("mime", [TEXT, HTML])
def test_secrets_are_not_shown(test: sdk.Test, mime: str) -> None:
    for spec in test.examples:
        rendered = render(test.show_spec(spec), mime)

        assert all(value not in rendered for name, value in spec.items() if name.startswith("_"))
        assert "(hidden)" in rendered


@ALL
@pytest.mark.parametrize(
    ("members", "host"),
    [({}, None), ({"host": "a"}, "a"), ({"host": "a", "host-node": "b"}, "b"), ({"host-node": "b"}, "b")],
)
def test_the_host_asks(test: sdk.Test, members: dict[str, str], host: str | None) -> None:
    assert list(test.participants(spec_of(test, "2c", **members))) == [host]


def test_values_are_shown_with_their_oids() -> None:
    now = "2026-11-24T12:00:00+00:00"
    counted = {"type": "Counter32", "value": 15, "seq_num": 1, "timestamp": now, "delta": 5, "timedelta": 1.0}
    data = [{"type": "OctetString", "value": "eth0"}, [counted], {"value": "NoSuchInstance"}]

    shown = render(snmpget.TEST.show({"oid": ["1.1", "a::b"]}, {"data": data, "time": "PT1S"}), TEXT)

    assert shown.splitlines() == [
        "1.1  OctetString: eth0",
        f"a::b  #1  {now}  Counter32: 15  delta 5 in 1.000 s",
        "OID 3  NoSuchInstance",
        "",
        "Time . PT1S",
    ]


def test_what_was_set_is_shown_and_what_was_not() -> None:
    spec = {"oidargs": [{"oid": "1.1", "type": "s", "value": "x"}, {"oid": "1.2", "type": "i", "value": "1"}]}
    data = [{"type": "STRING", "value": "x"}, {"error": "Not writable", "value": None}]

    shown = render(snmpset.TEST.show(spec, {"data": data, "time": "PT1S"}), TEXT)

    assert shown.splitlines() == ["Time . PT1S", "", "1.1  STRING: x", "1.2  Not writable"]


@pytest.mark.parametrize(
    ("test", "result", "valid"),
    [
        (snmpget.TEST, {"succeeded": True, "time": "PT1S", "data": []}, True),
        (snmpget.TEST, {"succeeded": True, "time": "PT1S", "data": ["NO OID"]}, False),
        (snmpget.TEST, {"succeeded": True, "time": "PT1S", "data": [[[{"value": 1}]]]}, False),
        (snmpget.TEST, {"succeeded": True, "time": "PT1S"}, False),
        (snmpgetbgm.TEST, {"succeeded": True, "time": "PT1S", "data": []}, False),  # no schema
        (snmpgetbgm.TEST, {"schema": 1, "succeeded": True, "time": "PT1S", "data": [[]]}, True),
        (snmpgetbgm.TEST, {"schema": 1, "succeeded": True, "time": "PT1S", "data": [{"value": 1}]}, False),
        (snmpset.TEST, {"schema": 1, "succeeded": True, "time": "PT1S", "data": [{"value": 1}]}, True),
        (snmpset.TEST, {"succeeded": True, "time": "PT1S", "data": []}, False),
    ],
)
def test_a_result_has_the_shape_of_its_test(test: sdk.Test, result: dict[str, Any], valid: bool) -> None:
    assert (test.result_versions.problem(result) is None) is valid

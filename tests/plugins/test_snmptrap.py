import ipaddress
import socket
from typing import Any

import pytest
from pyasn1.codec.ber import decoder
from pysnmp.proto import api, rfc1905
from pysnmp.proto.api import v2c
from pysnmp.proto.mpmod.rfc3412 import SNMPv3Message

from plugins.archivers import snmptrap
from plugins.sdk.jobs import Outcome, Parcel

TRAP = {"dest": "127.0.0.1", "trap-oid": "1.3.6.1.4.1.9.9.1"}
COMMUNITY = {**TRAP, "_community": "hidden"}
USER = {**TRAP, "security-name": "somebody"}
SIGNED = {**USER, "auth-protocol": "SHA", "_auth-key": "sign with this"}
ENCRYPTED = {**SIGNED, "priv-protocol": "AES", "_priv-key": "hide with this"}


@pytest.fixture
def manager(receiver: socket.socket) -> socket.socket:
    """Where traps come in."""
    return receiver


def deliver(manager: socket.socket, data: dict[str, Any]) -> Outcome:
    return snmptrap.deliver(Parcel(data, {"is": "not sent"}), port=manager.getsockname()[1])


def read(datagram: bytes) -> tuple[str, dict[str, Any]]:
    """Community and variables of a trap of version 2c, the time left out."""
    assert int(api.decodeMessageVersion(datagram)) == api.SNMP_VERSION_2C
    message, rest = decoder.decode(datagram, asn1Spec=v2c.Message())
    pdu = v2c.apiMessage.get_pdu(message)
    assert (bytes(rest), pdu.isSameTypeWith(rfc1905.SNMPv2TrapPDU())) == (b"", True)
    (uptime, _), *others = v2c.apiTrapPDU.get_varbinds(pdu)
    assert str(uptime) == "1.3.6.1.2.1.1.3.0"
    community = v2c.apiMessage.get_community(message).asOctets().decode()
    return community, {str(oid): value.prettyPrint() for oid, value in others}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (COMMUNITY, None),
        ({**COMMUNITY, "schema": 1, "instance-index": 3}, None),
        ({**COMMUNITY, "trap-varbinds": [{"oid": "ifDescr.1", "value": "eth0"}]}, None),
        (USER, None),
        ({**ENCRYPTED, "security-level": "authPriv"}, None),
        ({**ENCRYPTED, "auth-protocol": "sha", "priv-protocol": "aes256"}, None),
        ({}, "is a required property"),
        (TRAP, "needs _community, for version 2c of SNMP, or security-name, for version 3"),
        ({**USER, "_community": "x"}, "cannot be combined with _community"),
        ({"dest": "127.0.0.1", "_community": "x"}, '"trap-oid" is a required property'),
        ({**COMMUNITY, "trap-varbinds": [{"oid": "1.2"}]}, '"value" is a required property'),
        ({**COMMUNITY, "instance-index": "one"}, "instance-index"),
        ({**SIGNED, "auth-protocol": "SHA3"}, "auth-protocol"),
        ({**COMMUNITY, "wibble": 1}, "wibble"),
        ({**COMMUNITY, "schema": 2}, "version 2 is not supported"),
    ],
)
def test_settings_are_checked(data: dict[str, Any], problem: str | None) -> None:
    found = snmptrap.ARCHIVER.data_versions.problem(data)

    assert found is None if problem is None else problem in (found or "")


def test_sends_the_variables_it_was_given_and_not_the_result(manager: socket.socket) -> None:
    binds = [
        {"oid": "1.3.6.1.4.1.9.9.2", "value": "text, café"},
        {"oid": "IF-MIB::ifIndex", "value": -7},
        {"oid": "ifDescr.4", "value": "eth0"},
    ]

    outcome = deliver(manager, {**COMMUNITY, "trap-varbinds": binds, "instance-index": 3})

    assert outcome == Outcome(True)
    community, variables = read(manager.recv(65536))
    assert community == "hidden"
    assert variables == {
        "1.3.6.1.6.3.1.1.4.1.0": "1.3.6.1.4.1.9.9.1",
        "1.3.6.1.4.1.9.9.2": "0x" + "text, café".encode().hex(),
        "1.3.6.1.2.1.2.2.1.1.3": "-7",
        "1.3.6.1.2.1.2.2.1.2.4": "eth0",
    }


def test_a_trap_may_be_named(manager: socket.socket) -> None:
    outcome = deliver(manager, {**COMMUNITY, "trap-oid": "SNMPv2-MIB::coldStart"})

    assert outcome == Outcome(True)
    assert read(manager.recv(65536))[1] == {"1.3.6.1.6.3.1.1.4.1.0": "1.3.6.1.6.3.1.1.5.1"}


@pytest.mark.parametrize(("data", "flags"), [(USER, 0), (SIGNED, 1), (ENCRYPTED, 3)])
def test_version_3_is_as_safe_as_asked(manager: socket.socket, data: dict[str, Any], flags: int) -> None:
    if flags & 2:
        pytest.importorskip("cryptography")

    outcome = deliver(manager, data)

    assert outcome == Outcome(True)
    datagram = manager.recv(65536)
    assert int(api.decodeMessageVersion(datagram)) == 3
    message, _ = decoder.decode(datagram, asn1Spec=SNMPv3Message())
    header = message.getComponentByPosition(1)
    assert (
        header.getComponentByPosition(2).asOctets()[0] & 3 == flags
    )  # RFC 3412 section 6.4: signed 1, encrypted 2
    assert b"somebody" in datagram
    assert (bytes([0x2B, 6, 1, 4, 1, 9, 9, 1]) in datagram) == (flags != 3)  # the trap, in the clear


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"trap-oid": "NO-SUCH-MIB::trap"}, "no object trap"),
        ({"trap-oid": "not an oid"}, "is not an OID"),
        ({"trap-oid": "9.9.9"}, ""),
        ({"trap-varbinds": [{"oid": "1.3.6.1", "value": 2**31}]}, ""),
        ({"dest": "nowhere.invalid"}, "nowhere.invalid"),
    ],
)
def test_what_cannot_be_sent_fails_for_good(manager: socket.socket, more: dict[str, Any], said: str) -> None:
    outcome = deliver(manager, {**COMMUNITY, **more})

    assert (outcome.succeeded, outcome.retry) == (False, None)
    assert said in (outcome.error or "")
    assert outcome.error
    assert "hidden" not in outcome.error


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({**USER, "security-level": "authNoPriv"}, "Needs auth-protocol"),
        ({**SIGNED, "_auth-key": "short"}, "_auth-key is shorter than 8 characters"),
        ({**USER, "_priv-key": "hide with this"}, "Needs priv-protocol"),
    ],
)
def test_keys_that_are_missing_or_too_short_are_told(
    manager: socket.socket, data: dict[str, Any], said: str
) -> None:
    outcome = deliver(manager, data)

    assert (outcome.succeeded, outcome.retry) == (False, None)
    assert said in (outcome.error or "")


def test_ipv6_works_where_there_is_any() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as end:
        try:
            end.bind((str(ipaddress.IPv6Address("::1")), 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        end.settimeout(10)

        outcome = deliver(end, {**COMMUNITY, "dest": "::1"})

        assert outcome == Outcome(True)
        assert read(end.recv(65536))[0] == "hidden"

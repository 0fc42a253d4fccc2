"""Net-SNMP's snmptrapd: what it makes of traps, signed and encrypted ones too."""

import os
import pathlib
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from plugins.archivers import snmptrap
from plugins.sdk.jobs import Outcome, Parcel
from tests.acceptance.nodes import free_port
from tests.receivers.documents import RESULT
from tests.receivers.processes import folder, lines, needed, running, until

ENGINE = f"0x{snmptrap.ENGINE.hex()}"
CONFIGURATION = f"""
snmpTrapdAddr udp:127.0.0.1:{{port}}
authCommunity log hidden
createUser -e {ENGINE} plain
createUser -e {ENGINE} signed MD5 "sign with this"
createUser -e {ENGINE} hidden SHA "sign with this" AES "hide with this"
authUser log plain noauth
authUser log signed auth
authUser log hidden priv
outputOption nq
format2 %P|%v\\n
"""
TRAP = {
    "dest": "127.0.0.1",
    "trap-oid": "1.3.6.1.4.1.9.9.1",
    "instance-index": 3,
    "trap-varbinds": [
        {"oid": "1.3.6.1.4.1.9.9.2", "value": "a text"},
        {"oid": "IF-MIB::ifIndex", "value": -7},
        {"oid": "ifDescr.4", "value": "eth0"},
    ],
}
VARIABLES = {
    ".1.3.6.1.6.3.1.1.4.1.0": ".1.3.6.1.4.1.9.9.1",
    ".1.3.6.1.4.1.9.9.2": '"a text"',
    ".1.3.6.1.2.1.2.2.1.1.3": "-7",
    ".1.3.6.1.2.1.2.2.1.2.4": '"eth0"',
}
SIGNED = {"security-name": "signed", "auth-protocol": "MD5", "_auth-key": "sign with this"}
HIDDEN = {
    "security-name": "hidden",
    "auth-protocol": "SHA",
    "_auth-key": "sign with this",
    "priv-protocol": "AES",
    "_priv-key": "hide with this",
}


class Manager(NamedTuple):
    port: int
    said: pathlib.Path

    def deliver(self, who: dict[str, Any]) -> Outcome:
        return snmptrap.deliver(Parcel({**TRAP, **who}, RESULT), port=self.port)

    def traps(self, least: int) -> list[tuple[str, dict[str, str]]]:
        """From whom each trap came, and its variables, the time left out; at least so many are waited for."""
        found = [line.partition("|") for line in lines(self.said, least, "TRAP2")]
        return [(who, variables(told)) for who, _, told in found]


def variables(told: str) -> dict[str, str]:
    (uptime, _), *others = (variable.split(" ", 1) for variable in told.split("\t"))
    assert uptime == ".1.3.6.1.2.1.1.3.0"
    return dict(others)


def is_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


@pytest.fixture
def manager() -> Iterator[Manager]:
    program, port = needed("snmptrapd"), free_port()
    with folder() as where:
        configuration = where / "snmptrapd.conf"
        configuration.write_text(CONFIGURATION.format(port=port))
        command = [program, "-f", "-Lo", "-C", "-c", str(configuration), "-m", ""]
        kept = {"SNMP_PERSISTENT_DIR": str(where / "kept"), "MIBS": "", "HOME": os.devnull}
        with running(command, where, lambda: is_bound(port), kept) as said:
            until(lambda: "NET-SNMP version" in said.read_text(), "snmptrapd to have begun")
            yield Manager(port, said)


def test_a_trap_of_version_2c_has_its_community_and_its_variables(manager: Manager) -> None:
    outcomes = [manager.deliver({"_community": who}) for who in ("unknown", "hidden")]

    assert outcomes == [Outcome(True), Outcome(True)], "nobody answers a trap"
    assert manager.traps(1) == [("TRAP2, SNMP v2c, community hidden", VARIABLES)]


@pytest.mark.parametrize(
    ("user", "said"), [({"security-name": "plain"}, "plain"), (SIGNED, "signed"), (HIDDEN, "hidden")]
)
def test_traps_of_version_3_are_known_by_the_engine_they_come_from(
    manager: Manager, user: dict[str, Any], said: str
) -> None:
    outcomes = [manager.deliver(user), manager.deliver(user)]  # the second with an engine of its own

    assert outcomes == [Outcome(True), Outcome(True)]
    assert manager.traps(2) == [(f"TRAP2, SNMP v3, user {said}, context ", VARIABLES)] * 2


def test_a_trap_with_another_key_is_not_taken(manager: Manager) -> None:
    manager.deliver({**SIGNED, "_auth-key": "sign with that"})
    manager.deliver(SIGNED)

    assert len(manager.traps(1)) == 1

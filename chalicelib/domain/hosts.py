"""Participants as they are named in tasks: ``name``, ``name:port``, ``address``, ``[v6 address]:port``."""

import dataclasses
import ipaddress
import re

from chalicelib.domain import numerals
from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid

PORTS = {"http": 80, "https": 443}
"""Where a participant is asked that is named without a port, by how nodes speak to each other."""

_NAME = re.compile(r"(?=.{1,253}\Z)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?)+\Z")


@dataclasses.dataclass(frozen=True)
class Host:
    """A participant taken apart: a name in lower case or an address, without brackets, and its port."""

    name: str
    port: int | None = None

    @property
    def in_url(self) -> str:
        """As it stands in a URL: an IPv6 address in brackets, the port if there is one."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{name}:{self.port}" if self.port else name


def parse(participant: str) -> Host:
    """Raises Invalid for what names no host."""
    address = _address(participant)
    if address is not None:
        return Host(address)
    name, colon, port = participant.rpartition(":")
    if not colon:
        return Host(_name(participant, participant))
    return Host(_name(name, participant), _port(port, participant))


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        return None


def _name(text: str, participant: str) -> str:
    address = _address(text)
    if address is not None:
        return address
    try:
        name = text.encode("idna").decode().lower()
    except UnicodeError as error:
        raise Invalid(f"{shown(participant)} is not a host name or an IP address") from error
    if not _NAME.match(name):
        raise Invalid(f"{shown(participant)} is not a host name or an IP address")
    return name


def _port(text: str, participant: str) -> int:
    port = numerals.whole(text, 5)
    if not port or port > 65535:
        raise Invalid(f"{shown(participant)} must end in a port from 1 to 65535")
    return port

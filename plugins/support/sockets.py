"""What the archivers that write to a socket share: their settings, and where to send."""

import json
import socket
from collections.abc import Mapping

from chalicelib.domain.schemas import JSON
from chalicelib.domain.types import TYPES
from plugins.sdk.base import Outcome, Parcel, retry_after

MEMBERS = {
    "host": TYPES["Host"],
    "port": TYPES["IPPort"],
    "bind": TYPES["Host"],
    "ip-version": TYPES["ip-version"],
    "retry-policy": TYPES["RetryPolicy"],
}
TIMEOUT = 30.0
"""Seconds to connect and to send."""

_FAMILIES = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}


class Unresolvable(Exception):
    """A name without an address, or none of the version asked for: trying again will not help."""


def opened(data: Mapping[str, JSON], kind: socket.SocketKind) -> socket.socket:
    """A socket connected to the host. Raises Unresolvable, or OSError where it cannot be reached."""
    version = data.get("ip-version")
    family, _, _, _, address = _addresses(data["host"], data["port"], _FAMILIES[version], kind)[0]
    end = socket.socket(family, kind)
    try:
        end.settimeout(TIMEOUT)
        if "bind" in data:
            end.bind(_addresses(data["bind"], 0, family, kind)[0][4])
        end.connect(address)
    except BaseException:
        end.close()
        raise
    return end


def _addresses(host: str, port: int, family: int, kind: int) -> list[JSON]:
    try:
        return list(socket.getaddrinfo(host, port, family, kind))
    except (OSError, UnicodeError) as error:
        raise Unresolvable(f"{host} has no such address: {error}") from error


def content(parcel: Parcel) -> bytes:
    """The result as JSON, without anything after it."""
    return json.dumps(parcel.result).encode()


def failed(parcel: Parcel, error: Exception) -> Outcome:
    """The outcome of a delivery that failed, to be tried again as the retry policy says."""
    if isinstance(error, Unresolvable):
        return Outcome(False, str(error))
    again = retry_after(parcel.data.get("retry-policy", ()), parcel.attempts)
    return Outcome(False, f"{type(error).__name__}: {error}", again)

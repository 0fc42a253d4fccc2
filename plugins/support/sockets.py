"""What the archivers that write to a socket share: their settings, and where to send."""

import json
import socket
from collections.abc import Mapping

from chalicelib.domain.schemas import JSON
from chalicelib.domain.types import TYPES
from plugins.sdk.jobs import Outcome, Parcel, retry_after
from plugins.support import guarded_connections, sayings

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


def opened(data: Mapping[str, JSON], kind: socket.SocketKind) -> socket.socket:
    """A socket connected to the host.

    Raises guarded_connections.Unresolvable and Refused, where trying again will not help, or OSError.
    """
    family, address = guarded_connections.places(
        data["host"], data["port"], _FAMILIES[data.get("ip-version")], kind
    )[0]
    end = socket.socket(family, kind)
    try:
        end.settimeout(TIMEOUT)
        if "bind" in data:
            end.bind(guarded_connections.own_place(data["bind"], family, kind))
        guarded_connections.connect(end, address)
    except BaseException:
        end.close()
        raise
    return end


def content(parcel: Parcel) -> bytes:
    """The result as JSON, without anything after it."""
    return json.dumps(parcel.result).encode()


def failed(parcel: Parcel, error: Exception) -> Outcome:
    """The outcome of a delivery that failed, to be tried again as the retry policy says."""
    if isinstance(error, guarded_connections.Unresolvable | guarded_connections.Refused):
        return Outcome(False, error.message)
    return Outcome(
        False, sayings.said(error), retry_after(parcel.data.get("retry-policy", ()), parcel.attempts)
    )

"""udp: sends each result as a datagram (docs/contract/archivers.md section 6)."""

import socket

from chalicelib.domain.schemas import closed
from chalicelib.domain.types import TYPES
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel
from plugins.support import guarded_connections, sockets

PAYLOAD = 508
"""Bytes that arrive in one piece wherever IPv4 does: 576, less the largest headers."""


class TooLarge(Exception):
    """The result does not fit the datagram."""


def deliver(parcel: Parcel) -> Outcome:
    """Send the result as JSON; one that is too large, or cannot be sent, may be tried again.

    That it was sent does not say that anybody was there.
    """
    try:
        _send(parcel)
    except (OSError, TooLarge, guarded_connections.Unresolvable, guarded_connections.Refused) as error:
        return sockets.failed(parcel, error)
    return Outcome(True)


def _send(parcel: Parcel) -> None:
    content, most = sockets.content(parcel), parcel.data.get("payload-size", PAYLOAD)
    if len(content) > most:
        raise TooLarge(f"The result has {len(content)} bytes; a datagram holds at most {most}")
    with sockets.opened(parcel.data, socket.SOCK_DGRAM) as end:
        end.send(content)


ARCHIVER = Archiver(
    name="udp",
    label="UDP",
    description="Send results to a UDP socket",
    data={1: closed({**sockets.MEMBERS, "payload-size": TYPES["Cardinal"]}, required=("host", "port"))},
    deliver=deliver,
)

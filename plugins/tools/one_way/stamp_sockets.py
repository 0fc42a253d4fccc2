"""Sockets for packets whose arrival matters: when, by the kernel's clock, and with what TTL."""

import dataclasses
import socket
import struct
import sys
import time
from collections.abc import Iterable
from typing import Any

from plugins.tools.one_way.packet_records import from_unix

UNKNOWN_TTL = 255
"""Where the kernel does not tell (RFC 8762 section 4.3.1 has it so)."""
_LARGEST = 65535
_ROOM = 256
"""Bytes for what comes with a packet."""

# From asm/socket.h and linux/in.h; the module socket has no names for them.
_LINUX = sys.platform == "linux"
_SO_TIMESTAMPNS, _IP_RECVTTL = 35, 12
_TIMESPEC = struct.Struct("@ll")


@dataclasses.dataclass(frozen=True)
class Datagram:
    """A packet that arrived: from where, when, as an NTP time stamp, and with what TTL."""

    payload: bytes
    sender: Any
    received: int
    ttl: int


def open_socket(version: int, tos: int | None = None) -> socket.socket:
    """A UDP socket for a version of IP, whose packets leave with TTL 255, and this octet of TOS.

    Raises OSError.
    """
    end = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if _LINUX:
            end.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        if version == 6:
            end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
            end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
            if tos is not None:
                end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
        else:
            end.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
            if _LINUX:
                end.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
            if tos is not None:
                end.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
    except OSError:
        end.close()
        raise
    return end


def receive(end: socket.socket) -> Datagram:
    """The next packet. Raises OSError, TimeoutError among it."""
    payload, told, _, sender = end.recvmsg(_LARGEST, _ROOM)
    now = time.time_ns()
    return Datagram(payload, sender, from_unix(_arrival(told) or now), _ttl(told))


Told = Iterable[tuple[int, int, bytes]]
"""What came with a packet: (level, type, data) each."""


def _arrival(told: Told) -> int | None:
    """Nanoseconds since 1970."""
    for level, kind, data in told:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(data) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            return int(seconds * 10**9 + nanoseconds)
    return None


def _ttl(told: Told) -> int:
    wanted = ((socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT))
    found = (data for level, kind, data in told if (level, kind) in wanted)
    return next((int.from_bytes(data[:4], sys.byteorder) for data in found), UNKNOWN_TTL)

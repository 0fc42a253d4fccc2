"""The addresses of this machine."""

import array
import functools
import ipaddress
import pathlib
import socket
import struct
import time

KEPT_FOR = 60
"""Seconds after which the addresses are read again."""

_SIOCGIFCONF = 0x8912  # all IPv4 addresses of all interfaces, see netdevice(7)
_REQUEST = struct.Struct("iP")  # struct ifconf: bytes of room, and where it is
_ENTRY, _ADDRESS = 40, slice(20, 24)  # struct ifreq with 64-bit pointers, and the address in it
_IPV6_TABLE = pathlib.Path("/proc/net/if_inet6")


LOOPBACK = ("127.0.0.1", "::1")
"""The others of 127.0.0.0/8 are not this machine's in pScheduler's eyes: no interface has them."""


def is_local(address: str) -> bool:
    """Whether an address is one of this machine's; text that is no address is not."""
    plain = _plain(address)
    return plain in LOOPBACK or plain in own_addresses()


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own to itself."""
    return _plain(address) in LOOPBACK


def _plain(address: str) -> str | None:
    """An address without its scope, IPv4 as such; None for text that is none."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def own_addresses() -> frozenset[str]:
    """The addresses of this machine's interfaces, read anew once a minute.

    They come from the kernel: what names resolve to is for a name server to say.
    """
    return _read(int(time.monotonic() // KEPT_FOR))


@functools.lru_cache(maxsize=1)
def _read(period: int) -> frozenset[str]:
    return frozenset(_ipv4() | _ipv6())


def _ipv4() -> set[str]:
    try:
        import fcntl

        room = array.array("B", bytes(_ENTRY * 256))
        where, size = room.buffer_info()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            answer = fcntl.ioctl(probe, _SIOCGIFCONF, _REQUEST.pack(size, where))
    except (ImportError, OSError):
        return set()  # no Linux
    used = _REQUEST.unpack(answer)[0]
    return {socket.inet_ntoa(bytes(room[at : at + _ENTRY][_ADDRESS])) for at in range(0, used, _ENTRY)}


def _ipv6() -> set[str]:
    try:
        lines = _IPV6_TABLE.read_text().splitlines()
    except OSError:
        return set()  # no Linux, or no IPv6
    return {str(ipaddress.IPv6Address(int(line.split()[0], 16))) for line in lines}

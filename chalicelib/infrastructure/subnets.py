"""The networks that this machine's interfaces are in, read from the kernel anew once a minute."""

import array
import functools
import ipaddress
import pathlib
import socket
import struct
import time

from chalicelib.domain.limits.networks import Networks
from chalicelib.infrastructure.addresses import KEPT_FOR, own_addresses

_SIOCGIFCONF, _SIOCGIFNETMASK = 0x8912, 0x891B  # netdevice(7)
_REQUEST = struct.Struct("iP")  # struct ifconf: bytes of room, and where it is
_ENTRY, _ADDRESS = 40, slice(20, 24)  # struct ifreq with 64-bit pointers, and the address in it
_IPV6_TABLE = pathlib.Path("/proc/net/if_inet6")


class LocalInterfaces:
    """The interfaces of this machine, as identifiers ask for them."""

    def addresses(self) -> Networks:
        return Networks(ipaddress.ip_network(each) for each in own_addresses())

    def subnets(self) -> Networks:
        return _subnets(int(time.monotonic() // KEPT_FOR))


@functools.lru_cache(maxsize=1)
def _subnets(period: int) -> Networks:
    return Networks([*_ipv4(), *_ipv6()])


def _ipv4() -> list[ipaddress.IPv4Network]:
    try:
        import fcntl

        room = array.array("B", bytes(_ENTRY * 256))
        where, size = room.buffer_info()
        found = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            answer = fcntl.ioctl(probe, _SIOCGIFCONF, _REQUEST.pack(size, where))
            for at in range(0, _REQUEST.unpack(answer)[0], _ENTRY):
                entry = bytes(room[at : at + _ENTRY])
                # The address is left in: an interface may have several, each with a mask of its own.
                mask = fcntl.ioctl(probe, _SIOCGIFNETMASK, entry)[_ADDRESS]
                pair = f"{socket.inet_ntoa(entry[_ADDRESS])}/{socket.inet_ntoa(mask)}"
                found.append(ipaddress.IPv4Network(pair, strict=False))
    except (ImportError, OSError):
        return []  # no Linux
    return found


def _ipv6() -> list[ipaddress.IPv6Network]:
    try:
        lines = _IPV6_TABLE.read_text().splitlines()
    except OSError:
        return []  # no Linux, or no IPv6
    found = []
    for line in lines:
        address, _, length, *_ = line.split()
        found.append(ipaddress.IPv6Network((int(address, 16), int(length, 16)), strict=False))
    return found

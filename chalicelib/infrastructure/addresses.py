"""The addresses of this machine."""

import contextlib
import functools
import ipaddress
import time

import ifaddr

from chalicelib.domain import hosts
from chalicelib.domain.errors import Invalid
from chalicelib.settings import settings

KEPT_FOR = 60
"""Seconds after which the addresses are read again."""

LOOPBACK = ("127.0.0.1", "::1")
"""The others of 127.0.0.0/8 are not this machine's in pScheduler's eyes: no interface has them."""
ANY_ADDRESS = (str(ipaddress.IPv4Address(0)), str(ipaddress.IPv6Address(0)))
"""Where to listen on all of them."""


def is_local(address: str) -> bool:
    """Whether an address is one of this machine's; text that is no address is not."""
    plain = _plain(address)
    return plain in LOOPBACK or plain in own_addresses()


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own to itself."""
    return _plain(address) in LOOPBACK


def listens_on_loopback() -> bool:
    """Whether all that this node listens on is loopback; where nobody has said what, it is not."""
    return _are_loopback(settings().listens)


@functools.lru_cache(maxsize=4)
def _are_loopback(listens: str) -> bool:
    try:
        named = [hosts.parse(place.strip()).name for place in listens.split(",")]
        return all(ipaddress.ip_address(name).is_loopback for name in named)
    except (Invalid, ValueError):
        return False


def leads_here(host: str) -> bool:
    """Whether a host, without a port, is where this node listens, by what needs no name server: its own
    loopback, wherever it listens, and the addresses and names that it was told to listen on."""
    listening, plain = _listening(settings().listens), _plain(host) or host
    if plain in ("localhost", *LOOPBACK, *ANY_ADDRESS, *listening):
        return True
    return is_local(host) and not listening.isdisjoint(ANY_ADDRESS)


@functools.lru_cache(maxsize=4)
def _listening(listens: str) -> frozenset[str]:
    found = set()
    for place in listens.split(","):
        with contextlib.suppress(Invalid):
            name = hosts.parse(place.strip()).name
            found.add(_plain(name) or name)
    return frozenset(found)


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
    found = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    return frozenset(each if isinstance(each, str) else each[0] for each in found)

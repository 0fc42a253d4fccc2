"""Where requests made for a task may go: the rule alone, on addresses that were resolved already.

Whoever posts a task chooses where the node connects to, so what only the node itself is to reach is refused:
its engine and its API, link-local addresses, and the services that tell virtual machines their credentials.
Loopback and private networks are for the operator to allow. An address in which another is embedded - mapped,
translated or tunnelled IPv4 - is refused where either of the two is.
"""

import dataclasses
import enum
import ipaddress
from collections.abc import Iterable, Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Purpose(enum.Enum):
    """What somebody is connected to for."""

    CONVERSATION = "content goes there or comes back"
    PROBE = "a program times packets: link-local addresses may be measured"
    NODE = "a fixed page of a pScheduler node, which may be this one"
    PEER = "another pScheduler node takes part: its name decides, not what may be measured"


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A port of the node's own; ``address`` None is every address of this machine."""

    address: Address | None
    port: int


@dataclasses.dataclass(frozen=True)
class Rules:
    """What the rule knows of a node. ``own`` are the machine's addresses besides loopback, ``allowed`` the
    networks that may be reached though they are private or loopback, ``only`` all that may be reached, where
    the owner of the machine says so."""

    loopback: bool = True
    private: bool = True
    allowed: tuple[Network, ...] = ()
    engine: frozenset[Endpoint] = frozenset()
    api: frozenset[Endpoint] = frozenset()
    own: frozenset[Address] = frozenset()
    only: tuple[Network, ...] | None = None


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(each) for each in text.split())


# From the IANA registries of special-purpose addresses, and the documents of those who run clouds.
_METADATA = _networks(
    "169.254.169.254/32 169.254.170.2/32 169.254.170.23/32 fd00:ec2::/32"  # Amazon, and most others
    " 100.100.100.200/32 168.63.129.16/32 192.0.0.192/32 fd20:ce::254/128"  # Alibaba, Azure, Oracle, Google
)
_UNSPECIFIED = _networks("0.0.0.0/8 ::/128")
_MULTICAST = _networks("224.0.0.0/4 ff00::/8")
_RESERVED = _networks("240.0.0.0/4")
_LINK_LOCAL = _networks("169.254.0.0/16 fe80::/10")
_LOOPBACK = _networks("127.0.0.0/8 ::1/128")
_PRIVATE = _networks(
    "10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 198.18.0.0/15 fc00::/7 fec0::/10"
    " 64:ff9b:1::/48"
)

_ALWAYS = (
    (_METADATA, "it is a cloud's metadata service"),
    (_UNSPECIFIED, "it is not the address of a host"),
    (_MULTICAST, "it is a multicast address"),
    (_RESERVED, "it is a broadcast or reserved address"),
)
_LINK = "it is a link-local address"
_NOT_OWNERS = "it is not among the destinations that the owner of this machine allows"


def forms(address: Address) -> list[Address]:
    """An address without its scope, and the IPv4 addresses that are embedded in it, if any."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    plain = ipaddress.IPv6Address(int(address))
    return [plain, *dict.fromkeys(_embedded(int(plain)))]


_96 = {
    int(ipaddress.IPv6Address(prefix)) >> 32
    for prefix in (
        "::ffff:0:0",
        "::ffff:0:0:0",
        "64:ff9b::",
    )  # mapped; translated (RFC 2765); NAT64 (RFC 6052)
}
_LOCAL_NAT64 = int(ipaddress.IPv6Address("64:ff9b:1::")) >> 80


def _embedded(bits: int) -> Iterator[Address]:
    last = bits & 0xFFFFFFFF
    if bits >> 32 in _96 or (bits >> 32 == 0 and bits > 1):  # the second: IPv4-compatible (RFC 4291)
        yield ipaddress.IPv4Address(last)
    if bits >> 112 == 0x2002:  # 6to4 (RFC 3056)
        yield ipaddress.IPv4Address(bits >> 80 & 0xFFFFFFFF)
    if bits >> 96 == 0x20010000:  # Teredo: the server, and the client inverted (RFC 4380)
        yield ipaddress.IPv4Address(bits >> 64 & 0xFFFFFFFF)
        yield ipaddress.IPv4Address(last ^ 0xFFFFFFFF)
    if bits >> 32 & 0xFDFFFFFF == 0x00005EFE:  # ISATAP (RFC 5214)
        yield ipaddress.IPv4Address(last)
    if bits >> 80 == _LOCAL_NAT64:  # RFC 8215, with a prefix of 48, 56, 64 or 96 bits (RFC 6052 section 2.2)
        laid_out = (
            (bits >> 64 & 0xFFFF) << 16 | bits >> 40 & 0xFFFF,
            (bits >> 64 & 0xFF) << 24 | bits >> 32 & 0xFFFFFF,
            bits >> 24 & 0xFFFFFFFF,
            last,
        )
        # Which of them it is only the network knows; one that begins with 0 is none of them.
        yield from (ipaddress.IPv4Address(each) for each in laid_out if each >> 24)


def refusal(
    rules: Rules, address: Address, port: int | None, purpose: Purpose = Purpose.CONVERSATION
) -> str | None:
    """Why an address is not connected to, as the end of a sentence; None when it is.

    ``port`` None asks about the address alone, for what has no ports.
    """
    found = (_refusal_of(rules, form, port, purpose) for form in forms(address))
    return next((reason for reason in found if reason), None)


def _refusal_of(rules: Rules, address: Address, port: int | None, purpose: Purpose) -> str | None:
    if _is_at(rules, rules.engine, address, port):
        return "it is the node's own engine"
    if purpose in (Purpose.CONVERSATION, Purpose.PROBE) and _is_at(rules, rules.api, address, port):
        return "it is the node's own API"
    for networks, reason in _ALWAYS:
        if _within(address, networks):
            return reason
    if _within(address, _LINK_LOCAL) and (purpose is not Purpose.PROBE or rules.only is None):
        return None if purpose is Purpose.PROBE else _LINK
    return None if purpose is Purpose.PEER else _by_setting(rules, address)


def _by_setting(rules: Rules, address: Address) -> str | None:
    if rules.only is not None and not _within(address, rules.only):
        return _NOT_OWNERS
    if _within(address, rules.allowed):
        return None
    if not rules.loopback and _is_own(rules, address):
        return "it is this machine itself (PSCHEDULER_EGRESS does not have loopback)"
    if not rules.private and _within(address, _PRIVATE):
        return "it is in a private network (PSCHEDULER_EGRESS has neither private nor the network)"
    return None


def refusal_of_network(rules: Rules, network: Network) -> str | None:
    """Why no address of a network is probed; None when all may be.

    A network is refused as a whole where a part of it is: it is handed to a program as one.
    """
    shut = list(_ALWAYS)
    if not rules.loopback:
        shut.append((_LOOPBACK, "it is this machine itself"))
    if not rules.private:
        shut.append((_PRIVATE, "it is private"))
    if network.num_addresses == 1:
        return refusal(rules, network.network_address, None, Purpose.PROBE)
    if rules.only is not None and not any(_covers(one, network) for one in rules.only):
        return _NOT_OWNERS
    if any(_covers(one, network) for one in rules.allowed):
        shut = shut[: len(_ALWAYS)]
    for networks, reason in shut:
        for one in networks:
            if one.version == network.version and one.overlaps(network):
                return f"of {one}, which is in it, {reason}"
    return None


def _covers(outer: Network, inner: Network) -> bool:
    same = outer.version == inner.version and outer.prefixlen <= inner.prefixlen
    return same and inner.network_address in outer


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _is_own(rules: Rules, address: Address) -> bool:
    return _within(address, _LOOPBACK) or address in rules.own


def _is_at(rules: Rules, endpoints: Iterable[Endpoint], address: Address, port: int | None) -> bool:
    own = _is_own(rules, address) or _within(address, _UNSPECIFIED)
    return any(
        port == each.port and (own if each.address is None else address == each.address) for each in endpoints
    )

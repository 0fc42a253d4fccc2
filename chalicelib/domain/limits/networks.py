"""Sets of IP networks, quick to look an address up in however many there are."""

import ipaddress
from collections.abc import Iterable

from chalicelib.domain import echoes
from chalicelib.domain.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_NETWORKS = 200_000
"""Networks a list may have."""


def address(text: object) -> Address | None:
    """An address as a number, without its scope, IPv4 as such; None for what is none."""
    if not isinstance(text, str) or len(text) > 100:
        return None
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def network(text: str) -> Network:
    """A network, or an address as a network of its own. Raises Invalid, for host bits that are set too."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise Invalid(
            f"must be an IP address, or a network without host bits: {echoes.said(error)}"
        ) from error


class Networks:
    """A set of networks."""

    def __init__(self, networks: Iterable[Network] = ()):
        self._by_mask: dict[tuple[int, int], set[int]] = {}
        for one in networks:
            mask = int(one.netmask)
            self._by_mask.setdefault((one.version, mask), set()).add(int(one.network_address))

    def __bool__(self) -> bool:
        return bool(self._by_mask)

    def __contains__(self, wanted: object) -> bool:
        """Whether an ``Address`` lies in one of the networks."""
        if not isinstance(wanted, ipaddress.IPv4Address | ipaddress.IPv6Address):
            return False
        number, version = int(wanted), wanted.version
        return any(number & mask in found for (kind, mask), found in self._by_mask.items() if kind == version)


def listed(texts: Iterable[str], pointer: str) -> Networks:
    """The networks of a policy's array. Raises Invalid, naming the one at fault."""
    found = []
    for number, text in enumerate(texts):
        try:
            found.append(network(text))
        except Invalid as error:
            raise error.inside(f"{pointer}/{number}") from error
    return Networks(found)


def read_lines(text: str) -> Networks:
    """The networks of a text, one a line; # begins a comment, and what is no network is left out."""
    found: list[Network] = []
    for line in text.splitlines():
        word = line.partition("#")[0].strip()
        if word and len(found) < MOST_NETWORKS:
            try:
                found.append(ipaddress.ip_network(word))
            except ValueError:
                continue
    return Networks(found)

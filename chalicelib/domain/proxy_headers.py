"""What a proxy in front says of the client it stands for: believed of named proxies, and of no others.

A header of forwarding also tells that there is a proxy, named or not: whoever comes through one is not a
program of this host, even if the proxy itself is.
"""

import dataclasses
import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAMES = frozenset(
    (
        "forwarded",
        "via",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "fastly-client-ip",
        "x-proxyuser-ip",
        "x-original-host",
        "x-original-forwarded-for",
    )
)


@dataclasses.dataclass(frozen=True)
class Client:
    """Who asks: ``is_forwarded`` through a proxy, ``is_known`` unless that is one nobody has named.

    ``scheme`` and ``host`` are what the client used in asking the proxy, None where that is not known.
    """

    address: str
    is_forwarded: bool = False
    is_known: bool = True
    scheme: str | None = None
    host: str | None = None


def proxies(entries: Iterable[str]) -> tuple[Network, ...]:
    """The networks that a setting names. Raises Invalid."""
    return tuple(map(_network, entries))


def _network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError as error:
        raise Invalid(
            f"PSCHEDULER_TRUSTED_PROXIES: {shown(entry)} is neither an address nor a network such as"
            " 10.1.0.0/16"
        ) from error


def is_header(name: str) -> bool:
    """Whether a header tells of a proxy. An underscore is a dash in disguise to anything that speaks CGI."""
    plain = name.lower().replace("_", "-")
    return plain in _NAMES or plain.startswith("x-forwarded-")


def client(peer: str, headers: Sequence[tuple[str, str]], trusted: Sequence[Network]) -> Client:
    """Who asks over a connection from ``peer``.

    Each proxy adds the address it was asked from at the end of X-Forwarded-For: the last one that is not a
    trusted proxy's is the client. What stands before it anybody may have written.
    """
    told = [(name.lower().replace("_", "-"), text) for name, text in headers if is_header(name)]
    if not told:
        return Client(peer)
    if not _is_trusted(peer, trusted):
        return Client(peer, is_forwarded=True, is_known=False)
    address = _last_untrusted(_values(told, "x-forwarded-for"), trusted)
    if address is None:
        return Client(peer, is_forwarded=True, is_known=False)
    scheme = _values(told, "x-forwarded-proto")[-1:]
    host = _values(told, "x-forwarded-host")[-1:]
    return Client(
        address,
        is_forwarded=True,
        scheme=scheme[0].lower() if scheme and scheme[0].lower() in ("http", "https") else None,
        host=host[0] if host else None,
    )


def _values(told: Sequence[tuple[str, str]], name: str) -> list[str]:
    return [part.strip() for each, text in told if each == name for part in text.split(",") if part.strip()]


def _last_untrusted(chain: Sequence[str], trusted: Sequence[Network]) -> str | None:
    for text in reversed(chain):
        address = _address(text)
        if address is None:
            return None
        if not _is_trusted(address, trusted):
            return address
    return _address(chain[0]) if chain else None


def _address(text: str) -> str | None:
    """An address as proxies write it: with a port, in brackets, with a scope."""
    bare = text.strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _is_trusted(text: str, trusted: Sequence[Network]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in trusted)


def rewritten(headers: Mapping[str, str], found: Client) -> dict[str, str]:
    """Headers without those of forwarding, Host as the client had it."""
    kept = {name: text for name, text in headers.items() if not is_header(name)}
    if found.host is None:
        return kept
    return {name: text for name, text in kept.items() if name.lower() != "host"} | {"Host": found.host}

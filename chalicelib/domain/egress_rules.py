"""The rules of ``egress.py`` as the environment of a process has them.

``PSCHEDULER_EGRESS``
    Which of ``loopback``, ``private`` and networks such as 10.1.0.0/16 may be reached, separated by commas;
    ``none`` for none. Unset, it is the first two on one machine, and none on Lambda.
``PSCHEDULER_LISTENS``
    Where the node's own API listens: ``address:port``, separated by commas.
``AWS_ENDPOINT_URL``, ``AWS_ENDPOINT_URL_...``
    The engine.
``AWS_LAMBDA_RUNTIME_API``, ``AWS_CONTAINER_CREDENTIALS_FULL_URI``, ``ECS_CONTAINER_METADATA_URI...``
    What a function or a container gets its work and its credentials from.
"""

import ipaddress
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping

from chalicelib.domain.echoes import shown
from chalicelib.domain.egress import Address, Endpoint, Network, Rules
from chalicelib.domain.errors import Invalid

_ENGINES = ("AWS_ENDPOINT_URL", "ECS_CONTAINER_METADATA_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_ENGINE_HOSTS = ("AWS_LAMBDA_RUNTIME_API",)
_PORTS = {"http": 80, "https": 443}

Resolve = Callable[[str], Iterable[str]]
"""A name -> its addresses; none where it has none."""


def _known_by_name(name: str) -> Iterable[str]:
    return ("127.0.0.1", "::1") if name == "localhost" else ()


def rules_of(
    environment: Mapping[str, str], own: Iterable[str] = (), resolve: Resolve = _known_by_name
) -> Rules:
    """Raises Invalid for a PSCHEDULER_EGRESS that cannot be read. ``own`` are this machine's addresses."""
    mine = frozenset(ipaddress.ip_address(each) for each in own)
    words, networks = _setting(environment)
    listens = environment.get("PSCHEDULER_LISTENS", "").split(",")
    return Rules(
        loopback="loopback" in words,
        private="private" in words,
        allowed=networks,
        engine=frozenset(_engine(environment, mine, resolve)),
        api=frozenset(_api(filter(None, map(str.strip, listens)), resolve)),
        own=mine,
    )


def _setting(environment: Mapping[str, str]) -> tuple[set[str], tuple[Network, ...]]:
    usual = "none" if "AWS_LAMBDA_FUNCTION_NAME" in environment else "loopback,private"
    entries = [
        part.strip() for part in environment.get("PSCHEDULER_EGRESS", usual).split(",") if part.strip()
    ]
    words = {entry for entry in entries if entry in ("loopback", "private", "none")}
    return words, tuple(_network(entry) for entry in entries if entry not in words)


def _network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError as error:
        raise Invalid(
            f"PSCHEDULER_EGRESS: {shown(entry)} is not loopback, private, none or a network such as"
            " 10.1.0.0/16"
        ) from error


def _engine(environment: Mapping[str, str], own: frozenset[Address], resolve: Resolve) -> Iterator[Endpoint]:
    for name, value in environment.items():
        url = f"http://{value}" if name in _ENGINE_HOSTS else value if name.startswith(_ENGINES) else None
        for address, port in _where(url, resolve) if url else ():
            # What listens on one address of this machine may well do so on the others, or be forwarded to.
            here = address.is_loopback or address.is_unspecified or address in own
            yield Endpoint(None if here else address, port)


def _api(places: Iterable[str], resolve: Resolve) -> Iterator[Endpoint]:
    for place in places:
        for address, port in _where(f"http://{place}", resolve):
            yield Endpoint(None if address.is_unspecified else address, port)


def _where(url: str, resolve: Resolve) -> list[tuple[Address, int]]:
    """The addresses and the port of a URL; nothing for one that cannot be read."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return []
    try:
        return [(ipaddress.ip_address(host.partition("%")[0]), port)]
    except ValueError:
        return [(ipaddress.ip_address(each.partition("%")[0]), port) for each in resolve(host)]

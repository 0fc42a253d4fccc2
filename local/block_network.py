"""Keep this process on loopback, and look no names up: for tests and soaks, whose made-up requests name
hosts that are somebody's. In tests pytest-socket's own option does the first part."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_GETADDRINFO = socket.getaddrinfo


@contextmanager
def only_loopback() -> Iterator[None]:
    """Refuse connections beyond loopback, and the lookup of names, meanwhile."""
    import pytest_socket

    pytest_socket.socket_allow_hosts(["127.0.0.0/8", "::1", "localhost"], allow_unix_socket=True)
    try:
        with no_lookups():
            yield
    finally:
        pytest_socket._remove_restrictions()


@contextmanager
def no_lookups() -> Iterator[None]:
    """Know addresses and this host's own names only, meanwhile."""
    socket.getaddrinfo = _of_addresses
    try:
        yield
    finally:
        socket.getaddrinfo = _GETADDRINFO


def _of_addresses(host: Any, *more: Any, **named: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if name not in (None, "", "localhost", socket.gethostname()):
        try:
            ipaddress.ip_address(str(name).partition("%")[0])
        except ValueError:
            raise socket.gaierror(socket.EAI_NONAME, f"no names are looked up here, not {name}") from None
    return _GETADDRINFO(host, *more, **named)

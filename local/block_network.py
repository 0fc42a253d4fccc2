"""A fence around this process: nothing it does reaches beyond loopback, and no names are looked up.

For tests and soaks, whose made-up requests name hosts that are somebody's.
"""

import ipaddress
import socket
from typing import Any

_CONNECT, _CONNECT_EX, _SENDTO = socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto
_GETADDRINFO = socket.getaddrinfo


class Blocked(OSError):
    """Something tried to reach what is not on this machine."""


def _check(address: Any) -> None:
    if not isinstance(address, tuple) or address[0] in ("", "localhost"):
        return
    if not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise Blocked(f"only loopback may be reached, not {address}")


def _connect(self: socket.socket, address: Any) -> None:
    _check(address)
    _CONNECT(self, address)


def _connect_ex(self: socket.socket, address: Any) -> int:
    _check(address)
    return _CONNECT_EX(self, address)


def _sendto(self: socket.socket, data: Any, *rest: Any) -> int:
    _check(rest[-1])
    return _SENDTO(self, data, *rest)


def _getaddrinfo(host: Any, *more: Any, **named: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if name not in (None, "", "localhost", socket.gethostname()):
        try:
            ipaddress.ip_address(str(name).partition("%")[0])
        except ValueError:
            raise socket.gaierror(socket.EAI_NONAME, f"no names are looked up here, not {name}") from None
    return _GETADDRINFO(host, *more, **named)


def put_up() -> None:
    """Put the fence up, for as long as the process lives or until ``take_down``."""
    for name, guarded in (("connect", _connect), ("connect_ex", _connect_ex), ("sendto", _sendto)):
        setattr(socket.socket, name, guarded)
    socket.getaddrinfo = _getaddrinfo


def take_down() -> None:
    for name, free in (("connect", _CONNECT), ("connect_ex", _CONNECT_EX), ("sendto", _SENDTO)):
        setattr(socket.socket, name, free)
    socket.getaddrinfo = _GETADDRINFO

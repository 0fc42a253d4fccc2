"""Every connection that plugins make goes through here, and is refused where a task must not reach.

The rule stands in ``chalicelib/domain/egress.py``. It is asked of the very address that is connected to,
after the name was looked up, and that address is connected to without looking up again: what a name server
says next, and where a server redirects to, changes nothing. A library that makes its own sockets is handed
an address that was checked in place of the name.
"""

import dataclasses
import functools
import ipaddress
import logging
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from chalicelib.domain import egress
from chalicelib.domain.egress import Purpose as Purpose
from chalicelib.domain.egress import Rules
from chalicelib.domain.egress_rules import rules_of
from chalicelib.domain.errors import PluginFailed
from plugins.support.deadline import ending as ending
from plugins.support.deadline import watch as watch

LOOKUP_LIMIT = 5.0
"""Seconds that looking up a name may take."""

Place = tuple[socket.AddressFamily, Any]
"""A family of addresses, and an address as sockets take it."""


class Refused(PluginFailed):
    """An address that tasks must not reach; trying again will not help."""


class Unresolvable(PluginFailed):
    """A name without an address of the version asked for, or without one in time."""


def _of_environment() -> Rules:
    return rules_of(os.environ)


_source: list[Callable[[], Rules]] = [_of_environment]


def configure(source: Callable[[], Rules]) -> None:
    """Ask ``source`` for the rules from now on; it knows the machine's addresses, which plugins do not."""
    _source[:] = [source]


def rules() -> Rules:
    """The rules in force."""
    return _source[0]()


def check(address: str | egress.Address, port: int | None, purpose: Purpose = Purpose.CONVERSATION) -> None:
    """Raise Refused for what must not be reached. ``address`` is one, not a name."""
    reason = egress.refusal(rules(), ipaddress.ip_address(address), port, purpose)
    if reason:
        where = str(address) if port is None else f"{address} port {port}"
        raise Refused(f"{where} may not be reached by tasks: {reason}")


def check_network(network: egress.Network) -> None:
    """Raise Refused for a network of which a part must not be probed."""
    reason = egress.refusal_of_network(rules(), network)
    if reason:
        raise Refused(f"{network} may not be probed by tasks: {reason}")


def places(
    host: str,
    port: int,
    family: int = socket.AF_UNSPEC,
    kind: int = socket.SOCK_STREAM,
    purpose: Purpose = Purpose.CONVERSATION,
) -> list[Place]:
    """Where a host is, those places left out that must not be reached.

    Raises Unresolvable where it is nowhere, Refused where none is left.
    """
    found = [(where[0], where[4]) for where in _looked_up(host, port, family, kind)]
    allowed, refused = [], None
    for place in found:
        try:
            check(place[1][0], port, purpose)
            allowed.append(place)
        except Refused as error:
            refused = refused or error
    if not allowed and refused:
        raise refused
    if not allowed:
        raise Unresolvable(f"{host} has no address")
    return allowed


def _looked_up(host: str, port: int, family: int, kind: int) -> list[Any]:
    from plugins.support import host_lookup  # which needs this module itself

    try:
        name = host.encode("idna").decode() if not host.isascii() else host
        look = functools.partial(socket.getaddrinfo, name, port, family, kind)
        return list(host_lookup.limited(LOOKUP_LIMIT, look))
    except TimeoutError as error:
        raise Unresolvable(f"{host} was not found in {LOOKUP_LIMIT:g} seconds") from error
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Unresolvable(f"{host} has no such address: {reason}") from error


def address_of(host: str, port: int) -> str:
    """The first address of a host that may be reached, for a library that is to connect by itself.

    Raises as ``places``.
    """
    return str(places(host, port)[0][1][0])


def own_place(host: str, family: int, kind: int) -> Any:
    """An address of this machine to connect from. Raises Unresolvable."""
    return _looked_up(host, 0, family, kind)[0][4]


def connect(end: socket.socket, address: Any, purpose: Purpose = Purpose.CONVERSATION) -> None:
    """Connect a socket of TCP or UDP to an address, which is no name. Raises Refused, or OSError."""
    check(address[0], address[1], purpose)
    watch(end)
    end.connect(address)


@dataclasses.dataclass(frozen=True)
class How:
    """From where a connection is made, with which options of sockets, and what for."""

    source: tuple[str, int] | None = None
    options: Any = ()
    purpose: Purpose = Purpose.CONVERSATION


_PLAINLY = How()


def create_connection(
    host: str, port: int, timeout: float | None = None, how: How = _PLAINLY
) -> socket.socket:
    """A TCP connection to a host, whose addresses are tried one after the other for so many seconds in all.

    Raises Unresolvable or Refused, or the OSError of the last address.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    trouble = OSError("no address")
    for family, address in places(host, port, purpose=how.purpose):
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError("timed out")
        try:
            end = _connected(family, address, left, how)
        except OSError as error:
            trouble = error
        else:
            end.settimeout(timeout)
            return end
    raise trouble


def _connected(family: int, address: Any, seconds: float | None, how: How) -> socket.socket:
    end = socket.socket(family, socket.SOCK_STREAM)
    try:
        for option in how.options or ():
            end.setsockopt(*option)
        end.settimeout(seconds)
        if how.source:
            end.bind(how.source)
        connect(end, address, how.purpose)
    except BaseException:
        end.close()
        raise
    return end


def guarded(connection: Any, purpose: Purpose = Purpose.CONVERSATION) -> Any:
    """A kind of urllib3's connections, also botocore's, that is made through here."""
    return _guarded(connection, purpose)


@functools.cache
def _guarded(connection: Any, purpose: Purpose) -> Any:
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    class Guarded(connection):
        def _new_conn(self) -> socket.socket:
            limit = self.timeout if isinstance(self.timeout, int | float) else None
            how = How(self.source_address, self.socket_options, purpose)
            try:
                return create_connection(self._dns_host.strip("[]"), self.port, limit, how)
            except TimeoutError as error:
                raise ConnectTimeoutError(self, "no connection in time") from error
            except OSError as error:
                raise NewConnectionError(self, error.strerror or str(error)) from error

        def request(self, *given: Any, **named: Any) -> Any:
            if self.sock is not None:  # kept from an earlier exchange
                watch(self.sock)
            return super().request(*given, **named)

    return Guarded


def pool_classes(purpose: Purpose = Purpose.CONVERSATION) -> dict[str, Any]:
    """For ``pool_classes_by_scheme`` of a PoolManager of urllib3."""
    import urllib3

    # It would log URLs with all that is in them, and what headers it could not read.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    return {
        "http": guarded_pool(urllib3.HTTPConnectionPool, purpose),
        "https": guarded_pool(urllib3.HTTPSConnectionPool, purpose),
    }


@functools.cache
def guarded_pool(pool: Any, purpose: Purpose = Purpose.CONVERSATION) -> Any:
    """A kind of urllib3's pools whose connections are made through here."""
    return type(f"Guarded{pool.__name__}", (pool,), {"ConnectionCls": guarded(pool.ConnectionCls, purpose)})

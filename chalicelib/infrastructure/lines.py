"""Connections that another thread can cut: a time-out of a socket bounds one wait, not all of an answer."""

import contextlib
import ipaddress
import os
import socket
import threading
from typing import Any

import urllib3
import urllib3.connection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from chalicelib.domain.egress import Purpose, refusal
from chalicelib.infrastructure.allowed_egress import rules


class Line:
    """The socket of an exchange, held a second time so that another thread can cut it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: socket.socket | None = None
        self._is_cut = False

    def hold(self, connected: socket.socket) -> None:
        """Be the line of this socket, in place of the one before."""
        with self._lock:
            self._close()
            self._held = socket.socket(fileno=os.dup(connected.fileno()))
            if self._is_cut:
                self._shut()

    def cut(self) -> None:
        """End the exchange, whatever it waits for; a connection made later is cut at once."""
        with self._lock:
            self._is_cut = True
            self._shut()

    def let_go(self) -> None:
        """The exchange is over."""
        with self._lock:
            self._close()

    def _shut(self) -> None:
        if self._held is not None:
            with contextlib.suppress(OSError):
                self._held.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None


_USED_BY = threading.local()


def use(line: Line) -> None:
    """Have the connections this thread uses from now on held by a line."""
    _USED_BY.line = line


def _show(connected: socket.socket) -> None:
    _USED_BY.line.hold(connected)


class Refused(OSError):
    """An address that no peer may have: who posts a task chooses the participants."""


def _connected(connection: Any) -> socket.socket:
    """A socket connected to the host of a connection of urllib3's, at an address that may be reached.

    The name is looked up once, and the address that was checked is connected to. Raises urllib3's errors.
    """
    host, port = connection._dns_host.strip("[]"), connection.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(host, connection, reason) from error
    trouble: OSError = OSError("it has no address")
    for family, kind, number, _, address in found:
        try:
            return _connected_to(connection, (family, kind, number), address)
        except TimeoutError as error:
            raise ConnectTimeoutError(connection, f"no connection to {host} in time") from error
        except OSError as error:
            trouble = error
    raise NewConnectionError(connection, str(trouble)) from trouble


def _connected_to(connection: Any, kind: tuple[int, int, int], address: Any) -> socket.socket:
    reason = refusal(rules(), ipaddress.ip_address(address[0]), address[1], Purpose.PEER)
    if reason:
        raise Refused(f"A peer cannot be at {address[0]} port {address[1]}: {reason}")
    end = socket.socket(*kind)
    try:
        for option in connection.socket_options or ():
            end.setsockopt(*option)
        if isinstance(connection.timeout, int | float):
            end.settimeout(connection.timeout)
        if connection.source_address:
            end.bind(connection.source_address)
        end.connect(address)
    except BaseException:
        end.close()
        raise
    return end


class Plain(urllib3.connection.HTTPConnection):
    """A connection that shows its socket to the line in use as soon as there is one."""

    def _new_conn(self) -> socket.socket:
        connected = _connected(self)
        _show(connected)
        return connected

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        _show(self.sock)
        return super().getresponse()


class Secure(urllib3.connection.HTTPSConnection):
    """The same, with TLS."""

    def connect(self) -> None:
        super().connect()
        self.is_verified = True  # or the operator does without: urllib3 would warn at every request

    def _new_conn(self) -> socket.socket:
        connected = _connected(self)
        _show(connected)
        return connected

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        _show(self.sock)
        return super().getresponse()

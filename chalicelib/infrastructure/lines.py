"""Connections that another thread can cut: a time-out of a socket bounds one wait, not all of an answer."""

import contextlib
import os
import socket
import threading

import urllib3
import urllib3.connection


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


class Plain(urllib3.connection.HTTPConnection):
    """A connection that shows its socket to the line in use as soon as there is one."""

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
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
        connected = super()._new_conn()
        _show(connected)
        return connected

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        _show(self.sock)
        return super().getresponse()

"""Sockets of TLS that leave nothing open where a connection ends before its handshake begins.

Python's ssl takes a socket over before it looks whether there is still anybody at the other end. Where that
end has reset the connection, or the connection was cut at a deadline, it raises and forgets the socket, which
stays open until the next collection of garbage: a server that hangs up then could use descriptors up.
"""

import errno
import ssl
from typing import Any


class Closing(ssl.SSLSocket):
    """Closes itself where there is nobody to begin a handshake with."""

    def getpeername(self) -> Any:
        try:
            return super().getpeername()
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                self._close_unless_agreed()
            raise

    def recv(self, *given: Any) -> bytes:
        try:
            return super().recv(*given)
        except ConnectionError:
            self._close_unless_agreed()
            raise

    def _close_unless_agreed(self) -> None:
        if self.version() is None:
            self.close()


def use() -> None:
    """Have all contexts of this process, those of libraries too, make such sockets."""
    ssl.SSLContext.sslsocket_class = Closing

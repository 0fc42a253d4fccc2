"""An end to an exchange over a network, however slowly the other side drips."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator


class _End:
    """The sockets of an exchange, held a second time so that a timer can cut them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: list[socket.socket] = []
        self.is_over = False

    def hold(self, end: socket.socket) -> None:
        with self._lock:
            held = socket.socket(fileno=os.dup(end.fileno()))
            self._held.append(held)
            if self.is_over:
                _shut(held)

    def cut(self) -> None:
        with self._lock:
            self.is_over = True
            for held in self._held:
                _shut(held)

    def let_go(self) -> None:
        with self._lock:
            for held in self._held:
                held.close()
            self._held.clear()


def _shut(held: socket.socket) -> None:
    with contextlib.suppress(OSError):
        held.shutdown(socket.SHUT_RDWR)


_current = threading.local()


def watch(end: socket.socket) -> None:
    """Have a socket that was made elsewhere be cut at the end this thread has set, if any; see ``ending``."""
    found: _End | None = getattr(_current, "end", None)
    if found is not None:
        found.hold(end)


@contextlib.contextmanager
def ending(seconds: float) -> Iterator[None]:
    """Within, what this thread connects through here is cut after so many seconds, however slowly it drips.

    A time-out of a socket bounds one wait; this bounds them all. Raises TimeoutError in place of what the
    cut brought about.
    """
    found = _End()
    timer = threading.Timer(seconds, found.cut)
    timer.daemon = True
    before, _current.end = getattr(_current, "end", None), found
    timer.start()
    try:
        yield
        if found.is_over:
            raise TimeoutError(f"No end in {seconds:g} seconds")
    except Exception as error:
        if found.is_over and not isinstance(error, TimeoutError):
            raise TimeoutError(f"No end in {seconds:g} seconds") from error
        raise
    finally:
        _current.end = before
        timer.cancel()
        found.let_go()

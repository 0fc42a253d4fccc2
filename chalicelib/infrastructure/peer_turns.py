"""How many may ask one peer at a time, so that one which hangs holds no more than that up.

Whoever has no turn waits for one, but not behind requests that get no answer: where none has been answered
for a while, it is told so at once instead of finding out for itself.
"""

import contextlib
import threading
import time
from collections.abc import Iterator

AT_A_TIME = 32
"""Requests under way to one host."""
SILENCE = 3.0
"""Seconds without any answer after which a host with all turns taken is not waited for."""


class Silent(TimeoutError):
    """All turns are taken by requests that the host does not answer."""


class _Host:
    def __init__(self, now: float):
        self.under_way = 0
        self.waiting = 0
        self.heard = now


class PeerTurns:
    """The turns of all hosts; a host that nobody asks is not remembered."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._hosts: dict[str, _Host] = {}

    @contextlib.contextmanager
    def turn(self, host: str, timeout: float) -> Iterator[None]:
        """Have a turn at a host meanwhile. Raises Silent."""
        known = self._take(host, timeout)
        try:
            yield
        except BaseException:
            self._give_back(host, known, was_heard=False)
            raise
        self._give_back(host, known, was_heard=True)

    def _take(self, host: str, timeout: float) -> _Host:
        until = time.monotonic() + timeout
        with self._changed:
            known = self._hosts.setdefault(host, _Host(time.monotonic()))
            if not known.under_way:
                known.heard = time.monotonic()
            known.waiting += 1
            try:
                while known.under_way >= AT_A_TIME:
                    self._wait(known, until)
                known.under_way += 1
            finally:
                known.waiting -= 1
        return known

    def _wait(self, known: _Host, until: float) -> None:
        left = min(until, known.heard + SILENCE) - time.monotonic()
        if left <= 0:
            raise Silent("it does not answer, and others wait for it already")
        self._changed.wait(left)

    def _give_back(self, host: str, known: _Host, was_heard: bool) -> None:
        with self._changed:
            known.under_way -= 1
            if was_heard:
                known.heard = time.monotonic()
            if not known.under_way and not known.waiting and self._hosts.get(host) is known:
                del self._hosts[host]
            self._changed.notify_all()

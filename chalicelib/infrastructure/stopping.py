"""Being told to stop by a signal, whose handler may come between any two steps of the main thread."""

import contextlib
import queue
import signal
from collections.abc import Iterable


class Stop:
    """Whether the process was told to stop. One thread may wait for it.

    It is no ``threading.Event``: a handler runs in the main thread, and where that is just beginning or
    ending a wait, it holds the lock of the event, which the handler would wait for without end. A
    ``SimpleQueue`` is made to be put to meanwhile.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._word: queue.SimpleQueue[None] = queue.SimpleQueue()

    def by(self, numbers: Iterable[signal.Signals]) -> "Stop":
        """Have these signals set it; returns itself."""
        for number in numbers:
            signal.signal(number, lambda *_: self.set())
        return self

    def set(self) -> None:
        self._is_set = True
        self._word.put(None)

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, seconds: float | None = None) -> bool:
        """Until it is set, or for so many seconds; whether it is."""
        if not self._is_set:
            with contextlib.suppress(queue.Empty):
                self._word.get(timeout=seconds)
        return self._is_set

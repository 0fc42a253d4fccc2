"""What was looked up, remembered for a while by this process: so many at most, those used last."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Values by their keys, each for some seconds after it was looked up. Safe for threads."""

    def __init__(self, seconds: float, most: int, clock: Callable[[], float] = time.monotonic):
        self._seconds, self._most, self._clock = seconds, most, clock
        self._known: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, look_up: Callable[[], Value]) -> Value:
        """A value, looked up where it is not known or too old. What ``look_up`` raises is not remembered."""
        with self._lock:
            found = self._known.get(key)
            if found is not None and self._clock() < found[0]:
                self._known.move_to_end(key)
                return found[1]
        value = look_up()
        self.put(key, value)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Remember a value that has just been looked up or written."""
        with self._lock:
            self._known[key] = (self._clock() + self._seconds, value)
            self._known.move_to_end(key)
            while len(self._known) > self._most:
                self._known.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._known.clear()

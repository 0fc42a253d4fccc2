"""How far this host's clock is from the coordinator's, reckoned from the times in its answers."""

import collections
import datetime as dt
import math
import threading
import time
from collections.abc import Callable

from chalicelib.domain.times import UTC

SAMPLES = 8
"""Answers remembered; that with the shortest round trip says most."""

TRIES, INSTANT = 5, 0.1
"""How often two clocks are read at a time, and the seconds that may take."""


def steady() -> float:
    """Seconds that no setting of the clock changes, and that pass while the host sleeps, too."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Offset:
    """The offset, which follows at once when the clock of this host is set. Safe for threads."""

    def __init__(
        self,
        steady: Callable[[], float] = steady,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(UTC),
    ):
        self._steady, self._clock = steady, clock
        self._lock = threading.Lock()
        self._samples: collections.deque[tuple[float, float]] = collections.deque(maxlen=SAMPLES)

    def note(self, sent: float, answered: float, theirs: dt.datetime) -> None:
        """Remember what the coordinator's clock showed between two instants of ``steady``.

        Half the round trip is taken off.
        """
        at_zero = theirs.timestamp() - (sent + answered) / 2
        with self._lock:
            self._samples.append((answered - sent, at_zero))

    def seconds(self, now: dt.datetime) -> float | None:
        """How far this host's clock, showing ``now``, is ahead of the coordinator's; None if not known."""
        found = self._best(now)
        return None if found is None else found[1]

    def at_least(self, now: dt.datetime) -> float | None:
        """The same as far as it is beyond doubt: half the round trip, which may be all of it, taken off."""
        found = self._best(now)
        if found is None:
            return None
        round_trip, off = found
        return math.copysign(max(0.0, abs(off) - round_trip / 2), off)

    def now(self) -> tuple[float, float] | None:
        """How far the clock is ahead at this moment, and how far at least; None if not known.

        Both clocks are read in one instant: on a busy host seconds may pass between two lines, which would
        seem to be the clock's.
        """
        for _ in range(TRIES):
            before, shown = self._steady(), self._clock()
            off, least = self.seconds(shown), self.at_least(shown)
            if self._steady() - before < INSTANT:
                break
        return None if off is None or least is None else (off, least)

    def _best(self, now: dt.datetime) -> tuple[float, float] | None:
        """The shortest round trip, and the offset by it."""
        with self._lock:
            if not self._samples:
                return None
            round_trip, at_zero = min(self._samples)
        return round_trip, now.timestamp() - (at_zero + self._steady())

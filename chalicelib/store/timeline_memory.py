"""What a process has read of the timeline, kept for as long as the guards say that nothing was added to it.

A guard counts the bookings that ever touched its bucket, and is read before the entries. So whoever reads the
same count again knows all that is booked there, without reading it: at most, some of it was given back since.
What is decided for a run by such entries holds; that there is no time for it has to be looked at anew.
"""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from chalicelib.domain.conflicts import Occupation

Counts = tuple[int, int]
"""How many exclusive and normal bookings ever touched a bucket."""

MOST = 50_000
"""Buckets and entries that are kept; when there are more, all are read again."""
TRUSTED = 60.0
"""Seconds for which a bucket is not read again: that the tables were replaced by others no guard tells."""


class Bucket(NamedTuple):
    """All entries of a bucket when its guard had these counts; ``until`` when that is trusted (monotonic)."""

    counts: Counts
    entries: tuple[Occupation, ...]
    until: float


class Memory:
    """The buckets that are known, by the names of their guards; for threads."""

    def __init__(self) -> None:
        self.known: dict[str, Bucket] = {}
        self._size = 0
        self._changing = threading.Lock()

    def forget(self) -> None:
        """Read all of it again: the tables are others."""
        with self._changing:
            self.known.clear()
            self._size = 0

    def recall(self, guards: Mapping[str, Counts]) -> list[Occupation] | None:
        """All entries of some buckets, of which the guards were just read; None where some are not known."""
        now = time.monotonic()
        found: list[Occupation] = []
        for name, counts in guards.items():
            bucket = self.known.get(name)
            if bucket is None or bucket.counts != counts or bucket.until < now:
                return None
            found += bucket.entries
        return found

    def keep(self, name: str, counts: Counts, entries: Iterable[Occupation]) -> None:
        """Remember all entries of a bucket, which were read after its guard."""
        self._put(name, Bucket(counts, tuple(entries), time.monotonic() + TRUSTED))

    def add(self, name: str, counts: Counts, booked: Sequence[Occupation]) -> None:
        """Remember what was just booked in a bucket whose guard was read with these counts.

        Normal runs are booked whatever normal ones came meanwhile: then the guard has moved further than is
        noted here, and whoever believes what is kept has a transaction cancelled that wants it as it was.
        """
        bucket = self.known.get(name)
        if bucket is not None and bucket.counts == counts:
            exclusives = sum(one.exclusive for one in booked)
            moved = (counts[0] + exclusives, counts[1] + len(booked) - exclusives)
            self._put(name, bucket._replace(counts=moved, entries=(*bucket.entries, *booked)))

    def _put(self, name: str, bucket: Bucket) -> None:
        with self._changing:
            before = self.known.get(name)
            self._size += 1 + len(bucket.entries) - (1 + len(before.entries) if before else 0)
            self.known[name] = bucket
            if self._size > MOST:
                self.known.clear()
                self._size = 0


MEMORY = Memory()
"""That of this process."""


def forget() -> None:
    """Read all of it again: the tables are others."""
    MEMORY.forget()

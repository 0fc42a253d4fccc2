"""The contract's rules of shared time, by brute force: second by second, run by run.

An oracle for what ``domain/conflicts.py`` does with intervals (docs/contract/scheduler.md sections 3 and 6).
It shares no code with it: a run is a set of whole seconds, and every question is asked of each.
"""

import dataclasses

MARGIN = 3
"""Seconds before its start in which a run is beyond being displaced."""


@dataclasses.dataclass
class Taken:
    """A run that takes up time: the seconds ``start`` to ``end - 1``, as numbers."""

    name: str
    start: int
    end: int
    exclusive: bool
    rank: int

    def has(self, second: int) -> bool:
        return self.start <= second < self.end


class Calendar:
    """All runs that take up time, in the order they were booked."""

    def __init__(self) -> None:
        self.runs: list[Taken] = []

    def hindered(self, wanted: Taken, now: int) -> set[str]:
        """The runs that keep a wanted one from being booked."""
        return {
            run.name
            for run in self._in_the_way(wanted)
            if run.rank >= wanted.rank or (self._starting(run, now) and self._starting(run, wanted.start))
        }

    def displaced_by(self, mine: Taken) -> set[str]:
        """The runs that take the place of one of these at the moment it would start."""
        return {run.name for run in self._in_the_way(mine) if run.rank >= mine.rank}

    def _in_the_way(self, wanted: Taken) -> list[Taken]:
        seconds = range(wanted.start, wanted.end)
        return [
            run
            for run in self.runs
            if run.name != wanted.name
            and (run.exclusive or wanted.exclusive)
            and any(run.has(second) for second in seconds)
        ]

    @staticmethod
    def _starting(run: Taken, second: int) -> bool:
        return run.start - MARGIN <= second <= run.start

    def free_starts(
        self, within: range, length: int, exclusive: bool, rank: int | None, now: int
    ) -> set[int]:
        """The seconds at which a run could start that has to keep within some.

        ``rank`` None keeps clear of every run; else of those that rank as high or are under way.
        """
        taken = {
            second
            for run in self.runs
            if run.exclusive or exclusive
            if rank is None or run.rank >= rank or run.start - MARGIN <= now < run.end
            for second in range(run.start, run.end)
        }
        return {
            start
            for start in within[: max(0, len(within) - length + 1)]
            if not any(second in taken for second in range(start, start + length))
        }

"""Which runs can share time (docs/contract/scheduler.md sections 3 and 6).

Intervals are half-open, ``[start, end)``: back-to-back runs fit. Only the classes ``normal`` and
``exclusive`` occupy time; the background classes never conflict and are not asked about here.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence

from chalicelib.domain.names import NO_RUN, NO_TASK, RunId, TaskId
from chalicelib.domain.times import SECOND, truncate

START_MARGIN = dt.timedelta(seconds=3)
"""How long before its start a run is beyond being displaced, and the earliest a proposal may be."""

EXCLUSIVE, NORMAL = "exclusive", "normal"
MULTI_RESULT = "background-multi"
ANYTIME = frozenset({"background", MULTI_RESULT})


@dataclasses.dataclass(frozen=True)
class Occupation:
    """Time a run takes up. ``priority`` None counts as 0; ``run`` tells the runs apart."""

    start: dt.datetime
    end: dt.datetime
    exclusive: bool
    priority: int | None = None
    task: TaskId = NO_TASK
    run: RunId = NO_RUN

    @property
    def rank(self) -> int:
        return self.priority or 0

    def overlaps(self, other: "Occupation") -> bool:
        return self.start < other.end and other.start < self.end

    def can_coexist(self, other: "Occupation") -> bool:
        return not (self.exclusive or other.exclusive)


@dataclasses.dataclass(frozen=True)
class Range:
    """A stretch of time, ``[lower, upper)``."""

    lower: dt.datetime
    upper: dt.datetime

    @property
    def length(self) -> dt.timedelta:
        return self.upper - self.lower


def blocker(existing: Iterable[Occupation], proposed: Occupation, now: dt.datetime) -> Occupation | None:
    """The run that keeps a proposed one from being placed; None when it may be.

    A strictly higher priority may be placed over a lower one, except in the last seconds before
    that one starts, when it is beyond being displaced.
    """
    for other in existing:
        apart = other.run == proposed.run or not other.overlaps(proposed) or other.can_coexist(proposed)
        if not apart and (other.rank >= proposed.rank or _about_to_start(other, proposed, now)):
            return other
    return None


def _about_to_start(other: Occupation, proposed: Occupation, now: dt.datetime) -> bool:
    margin = other.start - START_MARGIN
    return margin <= now <= other.start and margin <= proposed.start <= other.start


def preempter(existing: Iterable[Occupation], mine: Occupation) -> Occupation | None:
    """The run that takes a run's place at the moment it would start; None when it may start.

    Equal priority is enough here: such a run can only have come by way of a higher one.
    """
    for other in existing:
        apart = other.run == mine.run or not other.overlaps(mine) or other.can_coexist(mine)
        if not apart and other.rank >= mine.rank:
            return other
    return None


def free_ranges(
    existing: Iterable[Occupation],
    proposed: Occupation,
    duration: dt.timedelta,
    now: dt.datetime,
    avoid_all: bool,
) -> list[Range]:
    """The stretches within the proposed occupation that could hold a run of this duration, in order.

    With ``avoid_all`` every run that cannot coexist is kept clear of, whatever its priority; else
    only those that are running or rank as high as the proposal.
    """
    lower, ranges = proposed.start, []
    for other in _blocking(existing, proposed, now, avoid_all):
        if other.start - lower >= duration:
            ranges.append(Range(lower, other.start))
        lower = max(lower, other.end)  # the furthest end: a short run may lie inside a long one
    if proposed.end - lower >= duration and proposed.end > lower:
        ranges.append(Range(lower, proposed.end))
    return ranges


def _blocking(
    existing: Iterable[Occupation], proposed: Occupation, now: dt.datetime, avoid_all: bool
) -> list[Occupation]:
    def blocks(other: Occupation) -> bool:
        running = other.start - START_MARGIN <= now < other.end
        return avoid_all or running or other.rank >= proposed.rank

    relevant = (other for other in existing if other.overlaps(proposed) and not other.can_coexist(proposed))
    return sorted(filter(blocks, relevant), key=lambda other: other.start)


def window(
    start: dt.datetime | None, end: dt.datetime | None, now: dt.datetime, horizon: dt.timedelta
) -> Range | None:
    """The part of a requested range in which runs may be placed; None when there is none."""
    lower = truncate(max(start or now, now + START_MARGIN))
    upper = truncate(min(end or now + horizon, now + horizon))
    return Range(lower, upper) if lower < upper else None


def intersect(first: Sequence[Range], second: Sequence[Range], duration: dt.timedelta) -> list[Range]:
    """What two lists of ranges have in common, pieces shorter than the duration left out."""
    pieces = (
        Range(max(one.lower, other.lower), min(one.upper, other.upper)) for one in first for other in second
    )
    return [piece for piece in pieces if piece.lower < piece.upper and piece.length >= duration]


def end_when_over(start: dt.datetime, end: dt.datetime, now: dt.datetime) -> dt.datetime:
    """The end of a run that is over: the second it ended in, if that is before its planned end."""
    return min(end, truncate(max(start, now)))


def free_from(over: dt.datetime, end: dt.datetime) -> dt.datetime:
    """When the time of a run that is over can be used again.

    The second in which it ended stays taken: the reference closes the interval there.
    """
    return min(end, over + SECOND)

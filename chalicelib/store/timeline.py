"""Time taken, and booking without double booking.

Runs of class normal and exclusive have an entry each, filed under the day they start in. Time is cut
into buckets, each with a guard that counts its bookings. To book: read the guards of the buckets the
run touches, then the entries, decide, and write the run with its entry while moving the guards, all in
one transaction, on the condition that the guards are as read:

    reader A   guards(x=3) ... entries ... decide ... write if x=3 -> x=4     done
    reader B       guards(x=3) ... entries ... decide ... write if x=3        cancelled: decide again

Guards are read before entries. The other way round, a booking made between the two reads would be in
the guard and not in the entries, and the condition would hold over time already taken.
"""

import contextlib
import dataclasses
import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence

from chalicelib.domain.conflicts import Occupation, Range
from chalicelib.domain.errors import Conflict, Invalid
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.times import EPOCH, format_duration
from chalicelib.store.conditions import on_condition_failed
from chalicelib.store.models import TimelineItem, key

BUCKET = dt.timedelta(minutes=15)
"""A transaction holds 100 items; with one guard a bucket this lets a run take a whole day."""
LONGEST_RUN = dt.timedelta(days=1)
"""The longest run that can be booked."""
SHORT_RUN = dt.timedelta(minutes=10)
"""Runs up to this long are filed by day; a reader need look no further back for them. Most tests that need
time for themselves take less, and what is read of a busy calendar grows with it."""
READ_TOGETHER = dt.timedelta(minutes=30)
"""Between stretches no further apart, reading what lies there costs less than another query."""
KEEP_ENTRIES = dt.timedelta(days=2)

Counts = tuple[int, int]
"""How many exclusive and normal bookings ever touched a bucket."""


@dataclasses.dataclass(frozen=True)
class Guards:
    """The guards of the buckets a run touches, as they were read."""

    counts: Mapping[str, Counts]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """Stretches of time as they were read: what is taken in them, and whether that is still so."""

    node: NodeName
    entries: Sequence[Occupation]
    guards: Guards

    def guards_of(self, start: dt.datetime, end: dt.datetime) -> Guards:
        """The guards of a part."""
        return Guards({name: self.guards.counts[name] for name in _buckets(self.node, start, end)})


def require_bookable(duration: dt.timedelta) -> None:
    """Raise Invalid for a run too long to be booked."""
    if duration > LONGEST_RUN:
        raise Invalid(
            f"The run would take {format_duration(duration)}; tests that need time for themselves"
            f" can have {format_duration(LONGEST_RUN)} at most"
        )


def snapshot(node: NodeName, spans: Sequence[Range]) -> Snapshot:
    """Stretches of time, one after another, strongly consistent."""
    guards = _read_guards(node, spans)  # before the entries: see above
    entries = {
        entry.run: entry for span in _joined(spans) for entry in read_entries(node, span.lower, span.upper)
    }
    return Snapshot(node, list(entries.values()), guards)


def _joined(spans: Sequence[Range]) -> Iterable[Range]:
    """The same, those that are near each other as one."""
    current = spans[0]
    for span in spans[1:]:
        if span.lower - current.upper <= READ_TOGETHER:
            current = Range(current.lower, max(current.upper, span.upper))
        else:
            yield current
            current = span
    yield current


def buckets_in(duration: dt.timedelta) -> int:
    """How many buckets a stretch of such a length can touch."""
    return math.ceil(duration / BUCKET) + 1


def _read_guards(node: NodeName, spans: Sequence[Range]) -> Guards:
    names = dict.fromkeys(name for span in spans for name in _buckets(node, span.lower, span.upper))
    found = TimelineItem.batch_get([(name, "guard") for name in names], consistent_read=True)
    counts = {item.bucket: (int(item.exclusives or 0), int(item.normals or 0)) for item in found}
    return Guards({name: counts.get(name, (0, 0)) for name in names})


def read_entries(node: NodeName, start: dt.datetime, end: dt.datetime) -> list[Occupation]:
    """The occupations that overlap a stretch of time, strongly consistent."""
    entries = [*_filed_long(node, start, end), *_filed_by_day(node, start, end)]
    return [entry for entry in entries if entry.start < end and start < entry.end]


def _filed_by_day(node: NodeName, start: dt.datetime, end: dt.datetime) -> Iterable[Occupation]:
    earliest = start - SHORT_RUN
    day = earliest.date()
    while day <= end.date():
        yield from _query(key(node, day.isoformat()), earliest, end)
        day += dt.timedelta(days=1)


def _filed_long(node: NodeName, start: dt.datetime, end: dt.datetime) -> Iterable[Occupation]:
    return _query(key(node, "long"), start - LONGEST_RUN, end)


def _query(bucket: str, start: dt.datetime, end: dt.datetime) -> Iterable[Occupation]:
    between = TimelineItem.entry.between(_stamp(start), _stamp(end))
    for item in TimelineItem.query(bucket, between, consistent_read=True):
        yield Occupation(
            start=item.start,
            end=item.end,
            exclusive=item.exclusive,
            priority=None if item.priority is None else int(item.priority),
            task=TaskId(item.task),
            run=RunId(item.run),
        )


def entry(node: NodeName, occupation: Occupation) -> TimelineItem:
    """The entry of a run."""
    return TimelineItem(
        *_filing(node, occupation),
        start=occupation.start,
        end=occupation.end,
        exclusive=occupation.exclusive,
        priority=occupation.priority,
        task=occupation.task,
        run=occupation.run,
        expires=_expiry(occupation.end),
    )


def guard(bucket: str, occupation: Occupation) -> TimelineItem:
    """A bucket's guard, for the update that counts one more booking in it."""
    return TimelineItem(bucket, "guard", expires=_expiry(occupation.end))


def shorten(node: NodeName, was: Occupation, end: dt.datetime) -> None:
    """Give back the time of a run after its new end; one that then takes none is forgotten.

    Needs no guard: a reader who has not seen it yet only keeps clear of more than it must. What was
    given back before, or more of it, stays so.
    """
    item = reference(node, was)
    if end <= was.start:
        item.delete()
        return
    with contextlib.suppress(Conflict), on_condition_failed(Conflict("It takes up less already")):
        item.update([TimelineItem.end.set(end)], condition=TimelineItem.end > end)


def reference(node: NodeName, occupation: Occupation) -> TimelineItem:
    """The item of an entry with its key alone."""
    return TimelineItem(*_filing(node, occupation))


def _filing(node: NodeName, occupation: Occupation) -> tuple[str, str]:
    # By the booked length: an entry that is shortened stays where it is, so the caller passes it as booked.
    is_long = occupation.end - occupation.start > SHORT_RUN
    day = "long" if is_long else occupation.start.date().isoformat()
    return key(node, day), f"{_stamp(occupation.start)}#{occupation.run}"


def _stamp(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _buckets(node: NodeName, start: dt.datetime, end: dt.datetime) -> Sequence[str]:
    first, last = (start - EPOCH) // BUCKET, math.ceil((end - EPOCH) / BUCKET)
    return [key(node, "guard", _stamp(EPOCH + BUCKET * number)) for number in range(first, last)]


def _expiry(end: dt.datetime) -> int:
    return math.ceil((end + KEEP_ENTRIES).timestamp())

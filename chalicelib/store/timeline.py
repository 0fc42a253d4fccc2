"""Time taken, and booking without double booking.

Runs of class normal and exclusive have an entry each, filed under the day they start in. Time is cut
into buckets, each with a guard that counts its bookings. To book: read the guards of the buckets the
run touches, then the entries, decide, and write the run with its entry while moving the guards, all in
one transaction, on the condition that the guards are as read:

    reader A   guards(x=3) ... entries ... decide ... write if x=3 -> x=4     done
    reader B       guards(x=3) ... entries ... decide ... write if x=3        cancelled: decide again

Guards are read before entries. The other way round, a booking made between the two reads would be in
the guard and not in the entries, and the condition would hold over time already taken. Entries that were
read at the same guards before are not read again (``timeline_memory.py``).
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
from chalicelib.infrastructure.turns import Turns
from chalicelib.store import raw_items
from chalicelib.store.models.instants import written
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.timeline_models import TimelineItem
from chalicelib.store.raw_items import RawItem, Stretch
from chalicelib.store.store_errors import on_condition_failed
from chalicelib.store.timeline_memory import MEMORY, Counts

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

_turns = Turns()


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
    is_recalled: bool = False
    """Whether some of it was read before: all that is booked is there, and maybe what was given back."""

    def guards_of(self, start: dt.datetime, end: dt.datetime) -> Guards:
        """The guards of a part."""
        return Guards({name: self.guards.counts[name] for name in _buckets(self.node, start, end)})


def require_bookable(duration: dt.timedelta) -> None:
    """Raise Invalid for a run too long to be booked."""
    if duration > LONGEST_RUN:
        raise Invalid(
            f"The run would take {format_duration(duration)}; runs of the classes normal and exclusive"
            f" can last {format_duration(LONGEST_RUN)} at most"
        )


def snapshot(node: NodeName, spans: Sequence[Range], anew: bool = False) -> Snapshot:
    """Stretches of time, one after another, strongly consistent; what was given back is free for certain
    where all of it is read ``anew``."""
    guards = _read_guards(node, spans)  # before the entries: see above
    found: list[Occupation] = []
    unknown: list[Range] = []
    for span in spans:
        known = None if anew else MEMORY.recall(_part(guards, node, span))
        if known is None:
            unknown.append(span)
        else:
            found += _within(span, known)
    for stretch in _joined([_whole_buckets(span) for span in unknown]):
        read = read_entries(node, stretch.lower, stretch.upper)
        _remember(node, stretch, guards, read)
        found += [entry for span in unknown for entry in _within(span, read)]
    entries = list({entry.run: entry for entry in found}.values())
    return Snapshot(node, entries, guards, is_recalled=len(unknown) < len(spans))


def _within(span: Range, entries: Iterable[Occupation]) -> list[Occupation]:
    return [entry for entry in entries if entry.start < span.upper and span.lower < entry.end]


def turn(node: NodeName, spans: Sequence[Range]) -> contextlib.AbstractContextManager[bool]:
    """One's turn among the threads of this process: to look for exclusive time in stretches and book it.

    Yields whether another had it first.
    """
    return _turns.of({name for span in spans for name in _buckets(node, span.lower, span.upper)})


def _part(guards: Guards, node: NodeName, span: Range) -> Mapping[str, Counts]:
    return {name: guards.counts[name] for name in _buckets(node, span.lower, span.upper)}


def _remember(node: NodeName, span: Range, guards: Guards, entries: Sequence[Occupation]) -> None:
    """Keep what was read of a stretch of whole buckets, as far as their guards were."""
    lower = span.lower
    for name in _buckets(node, span.lower, span.upper):
        upper = lower + BUCKET
        if name in guards.counts:
            MEMORY.keep(name, guards.counts[name], _within(Range(lower, upper), entries))
        lower = upper


def _whole_buckets(span: Range) -> Range:
    """The buckets a stretch touches: read together, they need not be read for the next one near it."""
    first, last = _numbers(span.lower, span.upper)
    return Range(EPOCH + BUCKET * first, EPOCH + BUCKET * last)


def _joined(spans: Sequence[Range]) -> Iterable[Range]:
    """The same, those that are near each other as one."""
    if not spans:
        return
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
    wanted = [{"bucket": name, "entry": "guard"} for name in names]
    found = raw_items.batch_get(TimelineItem, wanted, consistent=True)
    counts = {item.bucket: (item.exclusives or 0, item.normals or 0) for item in found}
    return Guards({name: counts.get(name, (0, 0)) for name in names})


def read_entries(node: NodeName, start: dt.datetime, end: dt.datetime) -> list[Occupation]:
    """The occupations that overlap a stretch of time, strongly consistent."""
    filed = _filed_by_day(node, start, end)
    filed.append(Stretch(("bucket", key(node, "long")), "entry", _stamp(start - LONGEST_RUN), _stamp(end)))
    begun_by, over_by = written(end), written(start)
    return [
        _occupation(item)
        for stretch in filed
        for item in raw_items.query(TimelineItem, dataclasses.replace(stretch, consistent=True))
        # A busy hour has hundreds of entries, and most are over: instants are compared as they are written.
        if item.text("start") < begun_by and over_by < item.text("end")
    ]


def _filed_by_day(node: NodeName, start: dt.datetime, end: dt.datetime) -> list[Stretch]:
    earliest = start - SHORT_RUN
    filed, day = [], earliest.date()
    while day <= end.date():
        filed.append(Stretch(("bucket", key(node, day.isoformat())), "entry", _stamp(earliest), _stamp(end)))
        day += dt.timedelta(days=1)
    return filed


def _occupation(item: RawItem) -> Occupation:
    return Occupation(
        start=item.start,
        end=item.end,
        exclusive=item.exclusive,
        priority=item.priority,
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


def _numbers(start: dt.datetime, end: dt.datetime) -> tuple[int, int]:
    """The number of the first bucket a stretch touches, and of the one behind its last."""
    return (start - EPOCH) // BUCKET, math.ceil((end - EPOCH) / BUCKET)


def _buckets(node: NodeName, start: dt.datetime, end: dt.datetime) -> Sequence[str]:
    first, last = _numbers(start, end)
    return [key(node, "guard", _stamp(EPOCH + BUCKET * number)) for number in range(first, last)]


def _expiry(end: dt.datetime) -> int:
    return math.ceil((end + KEEP_ENTRIES).timestamp())

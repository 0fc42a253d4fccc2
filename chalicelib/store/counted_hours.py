"""How many runs of each state began in an hour, of hours in which nothing changes any more.

Counting runs reads their places in an index, and those of an hour long over come to the same each time. So
what they came to is kept, in one item a node, by whoever counted many (``store/run_totals.py``). Nobody
counts as runs begin and end: that would be a write more for each change of state.

Whether the runs of an hour may still change, its end does not tell: one may go on for a day, or be told late
that it failed. An hour is settled once it was counted twice and came to the same, with all of it over:

    |-- the hour --|
                   |- SETTLING -| first count
                                |- SETTLING -| second count, the same: settled

An index is behind by less than SETTLING, so what the first count missed is in the second. Whoever then
writes a run of such an hour all the same takes the hour out first. A count is noted only over the item as it
was read before it, so none is noted that such a write has overtaken.

Runs expire two days after their end, so an hour is of no use from two days after its beginning on.
"""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.errors import Conflict
from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN
from chalicelib.domain.times import EPOCH, UTC, hour_of
from chalicelib.settings import settings
from chalicelib.store import node_table
from chalicelib.store.models.item_keys import key

HOUR = dt.timedelta(hours=1)
SETTLING = dt.timedelta(minutes=5)
"""How long after its end an hour is counted first, and how long after that again."""
SKEW = dt.timedelta(minutes=1)
"""How far the clocks of those who count and of those who write may be apart."""
REMEMBERED = dt.timedelta(seconds=10)
"""How old what this process knows of the hours may be; what it changes itself it knows at once."""
TRIES = 5

_HOURS, _EARLY = "counted-hours", "runs-expire-early-until"
Counts = Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Counted:
    """What an hour came to by state, when that was counted, and whether it stays so."""

    at: dt.datetime
    counts: Counts
    is_settled: bool

    def packed(self) -> list[JSON]:
        return [int(self.at.timestamp()), int(self.is_settled), dict(self.counts)]

    @classmethod
    def unpack(cls, packed: Any) -> "Counted":
        at, is_settled, counts = packed
        return cls(dt.datetime.fromtimestamp(at, UTC), counts, bool(is_settled))


@dataclasses.dataclass(frozen=True)
class Known:
    """What is kept of a node: its item as it was read, and until which start runs may expire early."""

    item: JSON
    early: dt.datetime

    def hours(self, now: dt.datetime) -> dict[dt.datetime, Counted]:
        """The hours that are of use now."""
        found = {_instant(name): Counted.unpack(packed) for name, packed in (self.item or {}).items()}
        return {hour: counted for hour, counted in found.items() if self.is_of_use(hour, now)}

    def is_of_use(self, hour: dt.datetime, now: dt.datetime) -> bool:
        """Whether nothing has expired of the runs that began in an hour."""
        return hour + KEEP_AFTER_LAST_RUN > now and hour >= self.early


def _present() -> dt.datetime:
    return dt.datetime.now(UTC)


clock: Callable[[], dt.datetime] = _present
"""For those who write runs, and are not told what time it is."""
_known: dict[str, tuple[dt.datetime, Known]] = {}
_early: dict[str, float] = {}


def forget() -> None:
    """Look again on next use: the tables are others."""
    _known.clear()
    _early.clear()


def known(node: NodeName, now: dt.datetime) -> Known:
    """What is kept of a node, or was a few seconds ago."""
    at, found = _known.get(_place(node), (None, None))
    if found is None or at is None or not _is_fresh(now - at):
        found = read(node)
        _known[_place(node)] = now, found
    return found


def _is_fresh(age: dt.timedelta) -> bool:
    return dt.timedelta(0) <= age < REMEMBERED


def read(node: NodeName) -> Known:
    """The same, as it is."""
    found = node_table.read_many(node, (_HOURS, _EARLY), consistent=True)
    return Known(found.get(_HOURS), dt.datetime.fromtimestamp(found.get(_EARLY, 0), UTC))


def note(node: NodeName, before: Known, counted: Mapping[dt.datetime, Counted], now: dt.datetime) -> None:
    """Keep what hours were counted to be, unless something was changed since ``before`` was read; those of no
    more use go."""
    kept = {hour: one for hour, one in before.hours(now).items() if hour not in counted} | dict(counted)
    after = {_name(hour): kept[hour].packed() for hour in sorted(kept)}
    with contextlib.suppress(Conflict):
        node_table.move(node, _HOURS, before.item, after, now + KEEP_AFTER_LAST_RUN)
    _known.pop(_place(node), None)


def changing(run: Run) -> None:
    """Have nothing be known of the hour in which a run began that is about to be written, or deleted.

    There is something to be known only where that hour was over a while ago, and the run is new, or over: an
    hour in which one is not over yet is not settled. So it costs a read for runs of more than an hour and for
    what is told late, and a write where the hour was settled.
    """
    hour = hour_of(run.start)
    if run.purge_at is not None and run.purge_at < hour + KEEP_AFTER_LAST_RUN:
        _expires_early(run, hour)
    is_to_be_found = run.state.is_final or not run.revision
    if is_to_be_found and HOUR + SETTLING - SKEW <= clock() - hour < KEEP_AFTER_LAST_RUN + SKEW:
        _take_out(run.node, hour)


def _expires_early(run: Run, hour: dt.datetime) -> None:
    place, until = _place(run.node), (hour + HOUR).timestamp()
    if _early.get(place, 0.0) < until:
        _early[place] = node_table.raise_to(run.node, _EARLY, int(until))
        _known.pop(place, None)


def _take_out(node: NodeName, hour: dt.datetime) -> None:
    for _ in range(TRIES):
        item = node_table.read(node, _HOURS) or {}
        if _name(hour) not in item:
            return
        left = {name: packed for name, packed in item.items() if name != _name(hour)}
        with contextlib.suppress(Conflict):
            node_table.move(node, _HOURS, item, left, clock() + KEEP_AFTER_LAST_RUN)
            _known.pop(_place(node), None)
            return
    node_table.write(node, _HOURS, {})  # others keep changing it: all is counted anew
    _known.pop(_place(node), None)


def _name(hour: dt.datetime) -> str:
    return str((hour - EPOCH) // HOUR)


def _instant(name: str) -> dt.datetime:
    return EPOCH + int(name) * HOUR


def _place(node: NodeName) -> str:
    return "/".join((settings().prefix, key(node, _HOURS)))

"""How many runs there are in a state: those of hours that are settled are known, the others are counted."""

import datetime as dt
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

from chalicelib.domain.names import NodeName
from chalicelib.domain.run_states import FINAL, State
from chalicelib.domain.times import INSTANT, hour_of
from chalicelib.store import counted_hours, node_table, run_counts
from chalicelib.store.counted_hours import HOUR, SETTLING, Counted, Known

MANY = 1000
"""Runs that were counted for an answer, from which on it pays to keep what hours come to: 23 units."""
HOURS_AT_ONCE = 4
"""Hours that are counted for whoever counts next."""
PATIENCE = dt.timedelta(hours=1)
"""How long an hour is left alone of which a run was not over."""
TURN = dt.timedelta(minutes=1)
NOT_OVER = tuple(state for state in State if state not in FINAL and state is not State.RUNNING)
"""States that are looked for; who is running is filed as pending."""

_counting = threading.Lock()


def count(
    node: NodeName,
    state: State,
    now: dt.datetime,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
) -> int:
    """How many runs in a state start within bounds, both included; a moment behind, or a few seconds where a
    run of an hour long over has changed."""
    known = counted_hours.known(node, now)
    settled = {hour: each.counts for hour, each in known.hours(now).items() if each.is_settled}
    within = [hour for hour in sorted(settled) if _holds(start, end, hour)]
    counted = sum(run_counts.count(node, state, now, *gap) for gap in _between(within, start, end))
    if counted >= MANY:
        settle(node, now)
    return counted + sum(settled[hour].get(state.value, 0) for hour in within)


def _holds(start: dt.datetime | None, end: dt.datetime | None, hour: dt.datetime) -> bool:
    return (start is None or start <= hour) and (end is None or hour + HOUR - INSTANT <= end)


def _between(
    hours: Iterable[dt.datetime], start: dt.datetime | None, end: dt.datetime | None
) -> Iterator[tuple[dt.datetime | None, dt.datetime | None]]:
    """What of the time within bounds is not in any of some hours, which are in order."""
    for hour in hours:
        if start is None or start < hour:
            yield start, hour - INSTANT
        start = hour + HOUR
    if start is None or end is None or start <= end:
        yield start, end


def settle(node: NodeName, now: dt.datetime) -> None:
    """Count some of the hours that are over, and not settled: one at a time does, others leave it to that."""
    if not _counting.acquire(blocking=False):
        return
    try:
        wanted = _to_be_counted(counted_hours.known(node, now), now)
        if wanted:
            with node_table.lease(node, "counting-hours", now, now + TURN) as is_mine:
                if is_mine:
                    _count_hours(node, now)
    finally:
        _counting.release()


def _count_hours(node: NodeName, now: dt.datetime) -> None:
    before = counted_hours.read(node)
    hours, wanted = before.hours(now), _to_be_counted(before, now)
    if wanted:
        found = _counts(node, wanted)
        counted = {hour: _judged(found[hour], hours.get(hour), now) for hour in wanted}
        counted_hours.note(node, before, counted, now)


def _to_be_counted(known: Known, now: dt.datetime) -> list[dt.datetime]:
    """Some of the hours that are over, the last of them first: they are of use for the longest time."""
    hours = known.hours(now)
    found: list[dt.datetime] = []
    hour = hour_of(now - SETTLING) - HOUR
    while known.is_of_use(hour, now) and len(found) < HOURS_AT_ONCE:
        counted = hours.get(hour)
        if counted is None or _is_due(counted, now):
            found.append(hour)
        hour -= HOUR
    return found


def _is_due(counted: Counted, now: dt.datetime) -> bool:
    is_over = not _unfinished(counted.counts)
    return not counted.is_settled and counted.at + (SETTLING if is_over else PATIENCE) <= now


def _unfinished(counts: Mapping[str, int]) -> int:
    return sum(counts.get(state.value, 0) for state in NOT_OVER)


def _counts(node: NodeName, hours: Sequence[dt.datetime]) -> dict[dt.datetime, dict[str, int]]:
    """What some hours come to. Most states have no runs in any of them."""
    found: dict[dt.datetime, dict[str, int]] = {hour: {} for hour in hours}
    for state in (*NOT_OVER, *FINAL):
        if run_counts.filed(node, state, min(hours), max(hours) + HOUR - INSTANT):
            for hour in hours:
                if total := run_counts.filed(node, state, hour, hour + HOUR - INSTANT):
                    found[hour][state.value] = total
    return found


def _judged(counts: dict[str, int], before: Counted | None, now: dt.datetime) -> Counted:
    """What an hour comes to; settled, where it came to the same before and nothing in it goes on."""
    return Counted(now, counts, before is not None and before.counts == counts and not _unfinished(counts))

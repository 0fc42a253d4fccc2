"""Runs of all tasks by their state: how many there are, and which, in time order.

Each function reads one stretch of the index ``states`` per state, so it costs what it finds. What it
finds may be a moment behind. Those that are running are filed as pending: of those that are to have begun,
which are few, the items themselves are read.
"""

import dataclasses
import datetime as dt
import heapq
import itertools
from collections.abc import Collection, Iterable, Iterator

from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.times import SECOND
from chalicelib.settings import settings
from chalicelib.store import ordering, raw_items, run_table
from chalicelib.store.models import RunItem, key
from chalicelib.store.ordering import Place
from chalicelib.store.raw_items import Stretch, written
from chalicelib.store.run_items import listed
from chalicelib.store.run_table import EARLIEST_START, LATEST_START, starting

Bounds = tuple[State, dt.datetime | None, dt.datetime | None]
"""A state, and the earliest and the latest start of its runs that is meant; None for any."""
MAY_HAVE_BEGUN = (State.PENDING, State.RUNNING)
"""States that are told apart by the item alone."""
SPARE = 15 * SECOND
"""How much earlier than it should a run may begin: queues count in whole seconds, and clocks differ."""
READ_TOGETHER = 100


def count(
    node: NodeName,
    state: State,
    now: dt.datetime,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
) -> int:
    """How many runs in a state start within bounds, both included. Reads keys, and sends back a number; the
    runs themselves of those that are to have begun."""
    if state not in MAY_HAVE_BEGUN:
        return filed(node, state, start, end)
    latest = _latest_begun(now)
    begun = in_order(node, within([state], start, min(end or latest, latest)), now)
    return sum(1 for _ in begun) + (_still_to_come(node, latest, start, end) if state is State.PENDING else 0)


def _still_to_come(
    node: NodeName, latest: dt.datetime, start: dt.datetime | None, end: dt.datetime | None
) -> int:
    after = latest + dt.datetime.resolution
    return filed(node, State.PENDING, max(start or after, after), end)


def filed(node: NodeName, state: State, start: dt.datetime | None, end: dt.datetime | None) -> int:
    """How many runs filed in a state start within bounds, both included; those that are running are filed as
    pending."""
    return RunItem.states_index.count(key(node, state.value), starting(start, end))


def within(
    states: Iterable[State], start: dt.datetime | None = None, end: dt.datetime | None = None
) -> list[Bounds]:
    """The same bounds for several states."""
    return [(state, start, end) for state in states]


def in_order(
    node: NodeName,
    bounds: Iterable[Bounds],
    now: dt.datetime,
    backwards: bool = False,
    limit: int | None = None,
) -> Iterator[Run]:
    """The runs in states, each within bounds of its own, both included; each without its documents.

    In the order of their starts, or ``backwards``; with ``limit`` so many at most.
    """
    found = [_filed(node, part, now, backwards, limit) for part in _parts(bounds)]
    merged = heapq.merge(*found, key=lambda run: run.start, reverse=backwards)
    return itertools.islice(merged, limit)


def behind(
    node: NodeName,
    bounds: Iterable[Bounds],
    now: dt.datetime,
    after: Place | None,
    page_size: int | None = None,
) -> Iterator[Run]:
    """The runs in states, each within bounds of its own, by start and then uuid: those behind a place."""
    lowest = EARLIEST_START if after is None else after[0]
    later = [(state, max(start or lowest, lowest), end) for state, start, end in bounds]
    found = [_filed(node, part, now, False, page_size) for part in _parts(later)]
    merged = heapq.merge(*found, key=lambda run: run.start)
    return ordering.behind(merged, lambda run: (run.start, run.uuid), after)


@dataclasses.dataclass(frozen=True)
class _Part:
    """A stretch of the index: what it is filed under, the states that are meant of that, and between when."""

    filed: State
    states: Collection[State]
    start: dt.datetime
    end: dt.datetime


def _parts(bounds: Iterable[Bounds]) -> Iterator[_Part]:
    """The stretches to be read. Of two states that share one, what lies within the bounds of either is."""
    shared: list[_Part] = []
    for state, start, end in bounds:
        lower, upper = max(start or EARLIEST_START, EARLIEST_START), min(end or LATEST_START, LATEST_START)
        if state in MAY_HAVE_BEGUN:
            shared.append(_Part(State.PENDING, (state,), lower, upper))
        elif lower <= upper:
            yield _Part(state, (state,), lower, upper)
    if shared:
        states = [state for part in shared for state in part.states]
        start, end = min(part.start for part in shared), max(part.end for part in shared)
        if start <= end:
            yield _Part(State.PENDING, states, start, end)


def _filed(
    node: NodeName, part: _Part, now: dt.datetime, backwards: bool, page_size: int | None
) -> Iterator[Run]:
    stretch = Stretch(
        ("state_key", key(node, part.filed.value)),
        "start",
        written(part.start),
        written(part.end),
        "states",
        backwards=backwards,
    )
    found = map(listed, raw_items.query(RunItem, stretch, page_size))
    return _told_apart(node, found, part.states, now) if part.filed is State.PENDING else found


def _latest_begun(now: dt.datetime) -> dt.datetime:
    """When a run starts at the latest that may have begun."""
    return now + settings().head_start * SECOND + SPARE


def _told_apart(
    node: NodeName, found: Iterator[Run], states: Collection[State], now: dt.datetime
) -> Iterator[Run]:
    """Those of the runs filed as pending that are in one of the states."""
    latest = _latest_begun(now)
    for may_have_begun, some in itertools.groupby(found, lambda run: run.start <= latest):
        while may_have_begun and (together := list(itertools.islice(some, READ_TOGETHER))):
            known = run_table.summaries(node, [(run.task, run.uuid) for run in together])
            there = (known.get(run.uuid) for run in together)
            yield from (run for run in there if run and run.state in states)
        if not may_have_begun and State.PENDING in states:
            yield from some

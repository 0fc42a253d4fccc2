"""Runs of all tasks by their state: how many there are, and which, in time order.

Each function reads one stretch of the index ``states`` per state, so it costs what it finds. What it
finds may be a moment behind.
"""

import datetime as dt
import heapq
import itertools
from collections.abc import Iterable, Iterator

from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.store import ordering, raw_items
from chalicelib.store.models import RunItem, key
from chalicelib.store.ordering import Place
from chalicelib.store.raw_items import Stretch, written
from chalicelib.store.run_table import EARLIEST_START, LATEST_START, starting, to_summary

Bounds = tuple[State, dt.datetime | None, dt.datetime | None]
"""A state, and the earliest and the latest start of its runs that is meant; None for any."""


def count(
    node: NodeName, state: State, start: dt.datetime | None = None, end: dt.datetime | None = None
) -> int:
    """How many runs in a state start within bounds, both included. Reads keys, and sends back a number."""
    return RunItem.states_index.count(key(node, state.value), starting(start, end))


def in_order(
    node: NodeName,
    states: Iterable[State],
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    backwards: bool = False,
    limit: int | None = None,
) -> Iterator[Run]:
    """The runs in these states that start within bounds, both included; each without its documents.

    In the order of their starts, or ``backwards``; with ``limit`` so many at most.
    """
    found = [_one_state(node, state, start, end, backwards, limit) for state in states]
    merged = heapq.merge(*found, key=lambda run: run.start, reverse=backwards)
    return itertools.islice(merged, limit)


def behind(
    node: NodeName, bounds: Iterable[Bounds], after: Place | None, page_size: int | None = None
) -> Iterator[Run]:
    """The runs in states, each within bounds of its own, by start and then uuid: those behind a place."""
    lowest = EARLIEST_START if after is None else after[0]
    found = [
        _one_state(node, state, max(start or lowest, lowest), end, False, page_size)
        for state, start, end in bounds
    ]
    merged = heapq.merge(*found, key=lambda run: run.start)
    return ordering.behind(merged, lambda run: (run.start, run.uuid), after)


def _one_state(
    node: NodeName,
    state: State,
    start: dt.datetime | None,
    end: dt.datetime | None,
    backwards: bool,
    page_size: int | None,
) -> Iterator[Run]:
    lower, upper = max(start or EARLIEST_START, EARLIEST_START), min(end or LATEST_START, LATEST_START)
    if lower > upper:
        return iter(())
    stretch = Stretch(
        ("state_key", key(node, state.value)),
        "start",
        written(lower),
        written(upper),
        "states",
        backwards=backwards,
    )
    return map(to_summary, raw_items.query(RunItem, stretch, page_size))

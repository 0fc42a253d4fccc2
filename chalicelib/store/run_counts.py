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
from chalicelib.store.models import RunItem, key
from chalicelib.store.run_table import starting, to_summary


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


def _one_state(
    node: NodeName,
    state: State,
    start: dt.datetime | None,
    end: dt.datetime | None,
    backwards: bool,
    limit: int | None,
) -> Iterator[Run]:
    found = RunItem.states_index.query(
        key(node, state.value), starting(start, end), scan_index_forward=not backwards, limit=limit
    )
    return map(to_summary, found)

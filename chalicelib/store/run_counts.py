"""Runs of all tasks by their state: how many there are, and which, in time order.

Each function reads one or two stretches of the index ``states`` per state, so it costs what it finds. What it
finds may be a moment behind. Those that are running are filed as pending: of those that are to have begun,
which are few, the items themselves are read. Brief ones are all filed as finished from the beginning, where
their entries say which are pending; of such that are not over those alone are found that started lately.
"""

import dataclasses
import datetime as dt
import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence

from pynamodb.expressions.condition import Condition

from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.times import INSTANT, SECOND
from chalicelib.settings import settings
from chalicelib.store import list_order, raw_items, run_table
from chalicelib.store.list_order import Place
from chalicelib.store.models.instants import written
from chalicelib.store.models.item_keys import bare, key
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.raw_items import RawItem, Stretch
from chalicelib.store.run_items import BRIEF_UNTIL, listed
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
    to_come = _still_to_come(node, latest, start, end) if state is State.PENDING else 0
    return sum(1 for _ in begun) + to_come


def _still_to_come(
    node: NodeName, latest: dt.datetime, start: dt.datetime | None, end: dt.datetime | None
) -> int:
    after = latest + INSTANT
    return filed(node, State.PENDING, max(start or after, after), end)


def filed(node: NodeName, state: State, start: dt.datetime | None, end: dt.datetime | None) -> int:
    """How many runs start within bounds, both included, that are in a state by their entries; those that are
    running are pending there."""
    return sum(_counted(node, place, state, starting(start, end)) for place in _places(state))


def _counted(node: NodeName, place: State, state: State, bounds: Condition) -> int:
    is_in_state = RunItem.state == state.value if place is State.FINISHED else None
    return RunItem.states_index.count(key(node, place.value), bounds, is_in_state)


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
    found = [_filed(node, part, now, backwards, limit) for part in _parts(bounds, now)]
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
    found = [_filed(node, part, now, False, page_size) for part in _parts(later, now)]
    merged = heapq.merge(*found, key=lambda run: run.start)
    return list_order.behind(merged, lambda run: (run.start, run.uuid), after)


@dataclasses.dataclass(frozen=True)
class _Part:
    """A stretch of the index: what it is filed under, and which states are meant of that, between when."""

    filed: State
    bounds: Sequence[tuple[State, dt.datetime, dt.datetime]]

    @property
    def start(self) -> dt.datetime:
        return min(start for _, start, _ in self.bounds)

    @property
    def end(self) -> dt.datetime:
        return max(end for _, _, end in self.bounds)

    @property
    def is_mixed(self) -> bool:
        """Whether other states are filed there too."""
        return self.filed in (State.PENDING, State.FINISHED)

    @property
    def is_of_those_over(self) -> bool:
        return not any(state in MAY_HAVE_BEGUN for state, _, _ in self.bounds)

    @property
    def only_entries_that_say(self) -> tuple[str, str] | None:
        """What entries have to say that are of use, where brief runs are filed that are over and such that
        are not: hardly any is not, but the latest are."""
        if self.filed is not State.FINISHED:
            return None
        if self.is_of_those_over:
            return "state", State.FINISHED.value
        is_of_those_not_over = all(state in MAY_HAVE_BEGUN for state, _, _ in self.bounds)
        return ("state", State.PENDING.value) if is_of_those_not_over else None

    def has(self, run: Run) -> bool:
        return any(state is run.state and start <= run.start <= end for state, start, end in self.bounds)


def _parts(bounds: Iterable[Bounds], now: dt.datetime) -> list[_Part]:
    """The stretches to be read. Of states that share one, all is read together."""
    shared: dict[State, list[tuple[State, dt.datetime, dt.datetime]]] = {}
    for state, start, end in bounds:
        for place in _places(state):
            lower, upper = (
                max(start or EARLIEST_START, EARLIEST_START),
                min(end or LATEST_START, LATEST_START),
            )
            if place is State.FINISHED and state in MAY_HAVE_BEGUN:
                lower = max(lower, now - BRIEF_UNTIL)
            elif state is State.FINISHED:
                upper = min(upper, _latest_begun(now))
            if lower <= upper:
                shared.setdefault(place, []).append((state, lower, upper))
    return [_Part(place, those) for place, those in shared.items()]


def _places(state: State) -> Sequence[State]:
    """What runs in a state are filed under."""
    return (State.PENDING, State.FINISHED) if state in MAY_HAVE_BEGUN else (state,)


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
    found = raw_items.query(RunItem, stretch, page_size, growing=2, having=part.only_entries_that_say)
    return _told_apart(node, found, part, now) if part.is_mixed else map(listed, found)


def _latest_begun(now: dt.datetime) -> dt.datetime:
    """When a run starts at the latest that may have begun."""
    return now + settings().head_start * SECOND + SPARE


def _told_apart(node: NodeName, found: Iterator[RawItem], part: _Part, now: dt.datetime) -> Iterator[Run]:
    """Those of the runs filed in one place that are in one of the states."""
    latest = written(_latest_begun(now))

    def is_doubtful(entry: RawItem) -> bool:
        return entry.text("state") == State.PENDING and entry.text("start") <= latest

    for may_have_begun, some in itertools.groupby(found, is_doubtful):
        if not may_have_begun:
            yield from filter(part.has, map(listed, some))
        elif not part.is_of_those_over:
            yield from filter(part.has, _as_they_are(node, some))


def _as_they_are(node: NodeName, some: Iterator[RawItem]) -> Iterator[Run]:
    while together := [
        (TaskId(bare(entry.text("task"))), RunId(entry.text("run")))
        for entry in itertools.islice(some, READ_TOGETHER)
    ]:
        known = run_table.summaries(node, together)
        yield from (known[uuid] for _, uuid in together if uuid in known)

"""Processes of functions in simulated time: what one comes to know, another has to look up itself.

On Lambda a function is called in a process that handles nothing else meanwhile, and a further one is started
where none is free. The product runs here in one process: so what it remembers is put back as each has it.
"""

import contextlib
import datetime as dt
import heapq
import importlib
import itertools
from collections import defaultdict
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Protocol
from unittest import mock

REMEMBERED = (
    ("service.node.heartbeats", "_noted"),
    ("service.node.heartbeats", "_beats"),
    ("service.node.debug", "_looked"),
    ("service.node.node_directory", "_nodes"),
    ("service.node.node_directory", "_unused"),
    ("service.alerts.rules", "_seen"),
    ("service.series.points", "_current"),
)
"""What a process keeps in memory, which one that is started anew has not."""
Memory = dict[Any, Any]
LEFT_AFTER = dt.timedelta(minutes=10)
"""How long a process that has nothing to do is kept; AWS does not say, and was seen to keep them longer."""


class Clock(Protocol):
    now: dt.datetime


class Processes:
    """Those that are free, the one that was busy last first, as there are then fewest in the end."""

    def __init__(self) -> None:
        self._free: defaultdict[str, list[tuple[dt.datetime, int, Memory]]] = defaultdict(list)
        self._order = itertools.count()
        self.started = 0

    def take(self, function: str, now: dt.datetime) -> Memory:
        """The memory of a process of a function that is free, or of one that is started."""
        there = self._free[function]
        free = [each for each in there if now - LEFT_AFTER <= each[0] <= now]
        if not free:
            self.started += 1
            return {}
        last = max(free, key=lambda each: each[:2])
        there[:] = [each for each in there if each is not last and now - LEFT_AFTER <= each[0]]
        heapq.heapify(there)
        return last[2]

    def leave(self, function: str, memory: Memory, until: dt.datetime) -> None:
        """Have a process be free from an instant on."""
        heapq.heappush(self._free[function], (until, next(self._order), memory))


@contextlib.contextmanager
def remembering(known: Memory) -> Iterator[None]:
    """Have in memory what a process has there, and keep with it what it comes to remember."""
    for place in REMEMBERED:
        content = _held(place)
        content.clear()
        if isinstance(content, list):
            content.extend(known.get(place, ()))
        else:
            content.update(known.get(place, {}))
    yield
    for place in REMEMBERED:
        content = _held(place)
        known[place] = type(content)(content)


def _held(place: tuple[str, str]) -> Any:
    from chalicelib.service.node.remembered import Remembered

    held = getattr(importlib.import_module(f"chalicelib.{place[0]}"), place[1])
    return held._known if isinstance(held, Remembered) else held


@contextlib.contextmanager
def clocks_of(clock: Clock) -> Iterator[None]:
    """Have what is remembered for a while grow old in simulated time."""
    from chalicelib.service.node import debug, node_directory

    beginning = clock.now
    seconds = lambda: (clock.now - beginning).total_seconds() + 1000  # noqa: E731
    with (
        mock.patch.object(debug, "time", SimpleNamespace(monotonic=seconds)),
        mock.patch.object(node_directory._nodes, "_clock", seconds),
        mock.patch.object(node_directory._unused, "_clock", seconds),
    ):
        yield


def notice(function: str, is_of_queue: bool, now: dt.datetime) -> None:
    """What every handler does of an event before it looks into it."""
    from chalicelib.service.node import debug, heartbeats
    from chalicelib.settings import settings

    debug.follow()
    if is_of_queue:
        heartbeats.note(settings().node, f"handled-{function}", now)

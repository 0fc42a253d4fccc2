"""The host of an agent in simulated time: its disk, its clock, its locks, and what goes wrong with them."""

import contextlib
import datetime as dt
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

from agent import state_file
from agent.agent_state import State
from agent.clock_offset import Offset
from chalicelib.domain.errors import StorageFull
from chalicelib.domain.times import format_timestamp
from tests.acceptance.history.network import Weather
from tests.acceptance.history.world import Fiber, SimulatedMachine, World

AFTER_THAT = 10**6
"""Seconds after which a fiber looks again whose turn it is, though nobody woke it."""
SURE = 1.0
"""Seconds of a round trip by which an agent knows how far its clock is off well enough to be judged by it."""


class Event:
    """What the product uses of threading.Event."""

    def __init__(self, world: World):
        self._world = world
        self._is_set = False
        self._waiting: list[Fiber] = []

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        for fiber in self._waiting:
            self._world.wake(fiber)

    def clear(self) -> None:
        self._is_set = False

    def wait(self, timeout: float) -> bool:
        fiber = self._world.current
        assert fiber is not None
        if not self._is_set:
            self._waiting.append(fiber)
            try:
                self._world.sleep(timeout)
            finally:
                self._waiting.remove(fiber)
        return self._is_set


class Lock:
    """What the product uses of threading's locks: one fiber at a time, which may enter again."""

    def __init__(self, world: World):
        self._world = world
        self._owner: Fiber | None = None
        self._depth = 0
        self._waiting: list[Fiber] = []

    def __enter__(self) -> None:
        fiber = self._world.current
        assert fiber is not None
        while self._owner not in (None, fiber):
            self._waiting.append(fiber)
            try:
                self._world.sleep(AFTER_THAT)
            finally:
                self._waiting.remove(fiber)
        self._owner, self._depth = fiber, self._depth + 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = None
            for fiber in self._waiting:
                self._world.wake(fiber)

    def notify_all(self) -> None:
        """Nobody waits here for what was done: see ``SimulatedSpool``."""


class Medium:
    """What is on an agent's disk, whoever reads it; ``is_full`` as long as nothing more can be written."""

    def __init__(self, instance: str) -> None:
        self.database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.database.executescript(state_file.TABLES)
        self.database.execute("INSERT INTO identity VALUES ('instance', ?)", (instance,))
        self.is_full = False


class Disk(State):
    """The disk, as one life of the agent sees it: a write takes time, and may be the last thing it does."""

    def __init__(self, medium: Medium, strikes: Callable[[], None] = lambda: None):
        self._medium, self._database, self._strikes = medium, medium.database, strikes
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        self._strikes()
        if self._medium.is_full:
            raise StorageFull("The state cannot be written: the disk is full")
        with super()._changing() as database:
            yield database
        self._strikes()

    def left(self, before: dt.datetime) -> list[str]:
        """What is still noted of runs that ended before an instant, and of results."""
        runs = self._rows("SELECT run, stage FROM runs WHERE finish < ?", format_timestamp(before))
        return [
            *(f"run {run[:8]}, {stage}" for run, stage in runs),
            *(f"a result of run {run[:8]}" for (run,) in self._rows("SELECT run FROM results")),
        ]


class Host:
    """Where one agent is: what it keeps through its deaths, and how far its clock is off."""

    def __init__(self, world: World, weather: Weather, instance: str):
        self.world, self._weather, self.instance = world, weather, instance
        self.medium = Medium(instance)
        self.ahead = 0.0
        """Seconds by which its clock is ahead of everybody's."""
        self.new_life()

    def new_life(self) -> None:
        """What a process begins with."""
        self.disk = Disk(self.medium, self._write)
        self.offset = Offset(steady=lambda: self.world.now, clock=self.now)

    def now(self) -> dt.datetime:
        return self.world.moment() + dt.timedelta(seconds=self.ahead)

    def knows_its_clock(self) -> bool:
        """Whether it can tell whether its clock is off by seconds."""
        found = self.offset._best(self.now())
        return found is not None and found[0] < SURE

    def left(self, before: dt.datetime) -> list[str]:
        return Disk(self.medium).left(before)

    def fill(self) -> None:
        self.medium.is_full = True

    def free(self) -> None:
        self.medium.is_full = False

    def _write(self) -> None:
        slow = self._weather.strikes(self._weather.faults.slow)
        self.world.sleep(self.world.chance.uniform(0.001, 2 if slow else 0.02))
        assert self.world.current is not None
        if self._weather.strikes(self._weather.faults.agent_crash):
            self.world.current.killed = True
        self.world.current.check()


class HostMachine(SimulatedMachine):
    """The machine of a run at an agent, which goes by the host's clock."""

    def __init__(self, host: Host, run: str):
        super().__init__(host.world, run)
        self._host, self.ahead = host, host.ahead
        self._is_sure = host.knows_its_clock()
        self.instance = host.instance

    def anew(self) -> "HostMachine":
        return HostMachine(self._host, self.run)

    def now(self) -> dt.datetime:
        return self._host.now()

    def by_known_clock(self) -> bool:
        """Whether its agent knew how far the clock was off as it began, and nobody set it since."""
        return self._is_sure and self._host.ahead == self.ahead


def in_place(world: World, of: Any, **names: str) -> None:
    """Put locks and events of this world in the place of an object's: ``_lock="lock"``."""
    for name, kind in names.items():
        setattr(of, name, Lock(world) if kind == "lock" else Event(world))

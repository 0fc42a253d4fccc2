"""Simulated time: a clock, a heap of what comes when, and threads of which one runs at a time.

A *fiber* is a greenlet in the place of a thread: it runs until it sleeps, and then the world goes on, so that
a day passes in seconds, and in the same order each time. Threads that hand each other a baton would do the
same, and wait for a processor each time. ``standing_in`` puts this clock and these threads in the place of
the real ones that the product reads.
"""

import contextlib
import datetime as dt
import heapq
import itertools
import math
import random
import types
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chalice.local import LocalChalice
from greenlet import GreenletExit, getcurrent, greenlet

from chalicelib.domain.errors import Cancelled
from chalicelib.infrastructure.machine import Machine

BEGINNING = dt.datetime(2030, 1, 7, 12, 0, tzinfo=dt.timezone.utc)
_CLOCKS = (
    "chalicelib.api.http.router",
    "chalicelib.service.limits.lookups",
    "chalicelib.service.node.debug",
    "chalicelib.service.peers.peer_client",
    "chalicelib.service.scheduling.placement",
    "local.gateway",
)


class Crash(BaseException):
    """The process ends here and now. No handler of errors may catch it."""


class Fiber:
    """A thread of the simulation. ``node`` is whom it works for, ``kind`` what it does, where that matters;
    past ``limit`` it is ended."""

    def __init__(self, world: "World", work: Callable[[], Any], node: str, limit: float | None, kind: str):
        self.world, self.node, self._work, self.kind = world, node, work, kind
        self.deadline = None if limit is None else world.now + limit
        self.process: list[Fiber] = []
        """Those that end with it: its own threads, and who started it."""
        self.then: list[Callable[[], None]] = []
        self.turn = 0
        self.killed = self.over = False
        self.failure: BaseException | None = None
        self.began, self.ended = world.now, math.inf
        self.number = next(world.numbers)
        self._greenlet = greenlet(self._run, parent=world.greenlet)

    def _run(self) -> None:
        try:
            self.check()
            self._work()
        except GreenletExit:  # nobody will resume it any more: the test has failed
            return
        except BaseException as error:
            self.failure = error
        self.over, self.ended = True, self.world.now
        if self.died:
            for other in self.process:
                if not other.over:
                    other.kill()
        for follow in self.then:
            follow()

    @property
    def died(self) -> bool:
        """Whether it ended in the middle of its work."""
        return isinstance(self.failure, Crash)

    def resume(self) -> None:
        """Called by the world alone: the fiber runs until it waits again."""
        self.world.current = self
        self._greenlet.switch()
        self.world.current = None

    def pause(self) -> None:
        """Called by the fiber itself: it waits until it is resumed."""
        self.world.greenlet.switch()
        self.check()

    def check(self) -> None:
        if self.deadline is not None and self.world.now > self.deadline:
            self.killed = True
        if self.killed:
            raise Crash

    def kill(self) -> None:
        self.killed = True
        self.world.wake(self)


class World:
    """The clock, in seconds from the beginning, and what is to come."""

    def __init__(self, seed: int):
        self.chance = random.Random(seed)
        self.now = 0.0
        self.current: Fiber | None = None
        self.greenlet = getcurrent()
        self.fibers: list[Fiber] = []
        self._many = 1000
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self.numbers = itertools.count()

    @property
    def node(self) -> str:
        """The node that the current fiber works for."""
        assert self.current is not None
        return self.current.node

    def moment(self) -> dt.datetime:
        return BEGINNING + dt.timedelta(seconds=self.now)

    def at(self, when: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (max(when, self.now), next(self._count), happens))

    def start(self, work: Callable[[], Any], node: str, limit: float | None = None, kind: str = "") -> Fiber:
        """A fiber that begins now."""
        fiber = Fiber(self, work, node, limit, kind)
        self.fibers.append(fiber)
        self.wake(fiber)
        return fiber

    def wake(self, fiber: Fiber, after: float = 0) -> None:
        """Have a fiber resumed, unless something else resumes it before."""
        turn = fiber.turn

        def resume() -> None:
            if not fiber.over and fiber.turn == turn:
                fiber.turn += 1
                fiber.resume()

        self.at(self.now + after, resume)

    def sleep(self, seconds: float) -> None:
        """Let the current fiber wait, or until it is woken."""
        fiber = self.current
        assert fiber is not None
        fiber.check()
        self.wake(fiber, seconds)
        fiber.pause()

    def run_until(self, end: float) -> None:
        while self._heap and self._heap[0][0] <= end:
            self.now, _, happens = heapq.heappop(self._heap)
            happens()
            if len(self.fibers) > self._many:
                self.fibers = [fiber for fiber in self.fibers if not fiber.over]
                self._many = max(1000, 2 * len(self.fibers))
        self.now = end

    def end(self) -> None:
        """End all that still waits, so that no thread stays."""
        for fiber in self.fibers:
            if not fiber.over:
                fiber.kill()
        self.run_until(self.now)


class SimulatedMachine(Machine):
    """The machine of one run, in simulated time; ``instance`` is that of the agent whose host it is, and
    ``ahead`` the seconds by which the clock there is."""

    instance = ""
    ahead = 0.0

    def __init__(self, world: World, run: str):
        super().__init__()
        self.run = run
        self._world = world
        self._waiting: list[Fiber] = []

    def anew(self) -> "SimulatedMachine":
        return SimulatedMachine(self._world, self.run)

    def now(self) -> dt.datetime:
        return self._world.moment()

    def by_known_clock(self) -> bool:
        """Whether what is done here is done by a clock that is right, or known not to be."""
        return True

    def cancel(self) -> None:
        super().cancel()
        for fiber in self._waiting:
            self._world.wake(fiber)

    def sleep_until(self, moment: dt.datetime) -> None:
        fiber = self._world.current
        assert fiber is not None
        self._waiting.append(fiber)
        while (left := (moment - self.now()).total_seconds()) > 0 and not self._stop.is_set():
            self._world.sleep(left)
        self._waiting.remove(fiber)
        if self._stop.is_set():
            raise Cancelled("The run was cancelled")


def _thread(world: World) -> type:
    class Thread:
        """What the product uses of threading.Thread."""

        def __init__(self, target: Callable[..., Any], args: tuple[Any, ...] = (), **named: Any):
            self._work = lambda: target(*args)

        def start(self) -> None:
            parent = world.current
            assert parent is not None
            self._fiber = world.start(self._work, parent.node)
            self._fiber.then.append(lambda: world.wake(parent))
            parent.process.append(self._fiber)
            self._fiber.process.append(parent)

        def is_alive(self) -> bool:
            return not self._fiber.over

        def join(self, timeout: float) -> None:
            if self.is_alive():
                world.sleep(timeout)

    return Thread


def _of_greenlet(name: str) -> property:
    """An attribute that each greenlet has for itself, as a thread has what is in a ``threading.local``."""
    return property(
        lambda _: getattr(getcurrent(), name), lambda _, value: setattr(getcurrent(), name, value)
    )


@contextlib.contextmanager
def standing_in(world: World) -> Iterator[None]:
    """Let the product read this clock, start these threads, and draw from this chance."""
    now = types.SimpleNamespace(now=lambda zone: world.moment(), fromtimestamp=dt.datetime.fromtimestamp)
    clock = types.SimpleNamespace(
        monotonic=lambda: world.now, sleep=world.sleep, time=lambda: world.moment().timestamp()
    )
    drawn = random.Random(world.chance.random())
    before = random.getstate()
    with pytest.MonkeyPatch.context() as patch:
        for module in _CLOCKS:
            patch.setattr(f"{module}.time", clock)
        for module in ("request_event", "router"):
            calendar = types.SimpleNamespace(datetime=now, timedelta=dt.timedelta)
            patch.setattr(f"chalicelib.api.http.{module}.dt", calendar)
        patch.setattr(
            "chalicelib.service.execution.supervisor.threading", types.SimpleNamespace(Thread=_thread(world))
        )
        patch.setattr(LocalChalice, "current_request", _of_greenlet("current_request"))
        patch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=drawn.getrandbits(128), version=4))
        random.seed(drawn.random())
        yield
    random.setstate(before)

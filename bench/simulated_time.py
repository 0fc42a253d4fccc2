"""A clock that is set to what is due next: ticks and messages, in the place of clocks and queues; and tools
that take time by it."""

import datetime as dt
import functools
import heapq
import itertools
from collections.abc import Callable
from typing import Any

from chalicelib.domain.messages import Message
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND

MINUTE = dt.timedelta(minutes=1)
Due = tuple[dt.datetime, int, str, Callable[[], object]]


class SimulatedTime:
    """What is due, in order. Who inherits says what work is (``perform``) and counts what is sent."""

    def __init__(self, beginning: dt.datetime):
        self.now = beginning
        self._due: list[Due] = []
        self._order = itertools.count()

    def at(self, moment: dt.datetime, function: str, work: Callable[[], object]) -> None:
        """Have a function work at an instant, or at once where that has passed."""
        heapq.heappush(self._due, (max(moment, self.now), next(self._order), function, work))

    def every_minute(self, function: str, tick: Callable[[dt.datetime], object]) -> None:
        def again() -> None:
            self.at(self.now + MINUTE, function, again)
            tick(self.now)

        self.at(self.now, function, again)

    def until(self, end: dt.datetime) -> None:
        """Let time pass."""
        while self._due and self._due[0][0] <= end:
            self.now, _, function, work = heapq.heappop(self._due)
            self.perform(function, work)
        self.now = end

    def perform(self, function: str, work: Callable[[], object]) -> None:
        """Do what is due."""
        raise NotImplementedError

    def wait(self, seconds: float) -> None:
        """Take note that the function under way does nothing for so long."""
        raise NotImplementedError

    def count_sent(self, queue: str, messages: int) -> None:
        """Take note of what is sent."""
        raise NotImplementedError

    # --- in the place of the queues

    def send(self, queue: Any, message: Message, delay: dt.timedelta = dt.timedelta(0)) -> None:
        self.send_at(queue, [(message, self.now + delay)])

    def send_many(self, queue: Any, outgoing: Any) -> None:
        self.send_at(queue, [(message, self.now + delay) for message, delay in outgoing])

    def send_at(self, queue: Any, outgoing: Any) -> None:
        for message, moment in outgoing:
            self.at(moment, queue.name, functools.partial(self._handle, message))
        self.count_sent(queue.name, len(outgoing))

    def _handle(self, message: Message) -> None:
        from chalicelib.events import queue_handlers

        queue_handlers.handle(message, self.now, self.machine())

    def machine(self) -> Any:
        """A machine on which time passes by sleeping alone."""
        from chalicelib.infrastructure.machine import Machine

        time = self

        class Simulated(Machine):
            def __init__(self) -> None:
                super().__init__()
                self._at = time.now

            def now(self) -> dt.datetime:
                return self._at

            def sleep_until(self, moment: dt.datetime) -> None:
                time.wait(max(0.0, (moment - self._at).total_seconds()))
                self._at = max(self._at, moment)

            def anew(self) -> "Simulated":
                return self

        return Simulated()


class SimulatedTool:
    """A tool at work, as its runner watches it: it is over after so many seconds. In the place of
    ``supervisor._ToolAtWork``."""

    def __init__(self, run: Any, machine: Any, lasts: float, result: JSON):
        from chalicelib.domain.assignment import LocalResult

        self._machine = machine
        self._end = max(run.start, machine.now()) + lasts * SECOND
        said = {"succeeded": True, "result": result, "error": None, "diags": ""}
        self.result, self.came_to = LocalResult(result=said), machine.now()

    def is_alive(self) -> bool:
        return bool(self._machine.now() < self._end)

    def join(self, seconds: float) -> None:
        self._machine.sleep_until(min(self._end, self._machine.now() + seconds * SECOND))

    def stop(self) -> None:
        raise AssertionError("Nobody cancels anything here")

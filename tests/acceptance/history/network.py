"""The network between the nodes and the queues of each, in simulated time, with all that goes wrong there."""

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Sequence
from typing import Any

from chalicelib.domain import messages
from chalicelib.domain.errors import PeerError, TimedOut, Unreachable
from chalicelib.domain.messages import EndWait, Message, PerformRun
from chalicelib.domain.names import NodeName
from chalicelib.events import queue_handlers
from chalicelib.infrastructure import queues
from chalicelib.infrastructure.machine import Machine
from chalicelib.infrastructure.peer_http import Call, Reply
from tests.acceptance.history.faults import Faults
from tests.acceptance.history.world import Fiber, SimulatedMachine, World
from tests.cluster import Cluster

PAGE = 30.0
"""Seconds a page may take before its process is ended."""
NEVER = 10**9


class Weather:
    """The faults of the day, and which nodes are off."""

    def __init__(self, world: World, faults: Faults):
        self.world, self.faults = world, faults
        self.off: dict[str, str] = {}

    def strikes(self, probability: float) -> bool:
        return self.world.chance.random() < probability


@dataclasses.dataclass
class _Exchange:
    call: Call
    deadline: float
    outcome: Reply | PeerError | None = None


class Network:
    """Calls are handled by the pages of the node they are for. Whoever asks waits no longer than it says."""

    def __init__(self, world: World, weather: Weather, cluster: Cluster):
        self._world, self._weather, self._party = world, weather, cluster

    def ask(self, calls: Sequence[Call]) -> list[Reply | PeerError]:
        world, caller = self._world, self._world.current
        assert caller is not None
        open_ = [_Exchange(call, world.now + call.timeout) for call in calls]
        for exchange in open_:
            self._send(exchange, caller.node, lambda: world.wake(caller))
        for exchange in open_:
            while exchange.outcome is None and world.now < exchange.deadline:
                world.sleep(exchange.deadline - world.now)
        # What comes later is not heard: whoever asks has gone on.
        return [each.outcome or TimedOut(each.call.host, "did not answer in time") for each in open_]

    def _send(self, exchange: _Exchange, caller: str, heard: Callable[[], None]) -> None:
        world, faults, draw = self._world, self._weather.faults, self._world.chance
        host, way = exchange.call.host, draw.uniform(0.005, 0.2)

        def answer(outcome: Reply | PeerError) -> None:
            def arrive() -> None:
                exchange.outcome = outcome
                heard()

            world.at(world.now + way, arrive)

        if self._weather.strikes(faults.refused) or self._weather.off.get(host) == "refuses":
            return answer(Unreachable(host, "cannot be reached: Connection refused"))
        if self._weather.strikes(faults.unheard) or self._weather.off.get(host) == "hangs":
            return None
        silent = self._weather.strikes(faults.unanswered)
        late = draw.uniform(0, faults.latest) if self._weather.strikes(faults.late) else 0
        times = [late]
        if self._weather.strikes(faults.doubled):
            times.append(late + draw.choice([0.1, 60]) * draw.random())
        for after in times:
            world.at(world.now + way + after, lambda: self._arrive(exchange.call, caller, silent, answer))
        return None

    def _arrive(
        self, call: Call, caller: str, silent: bool, answer: Callable[[Reply | PeerError], None]
    ) -> None:
        if call.host in self._weather.off:
            return
        answers: list[Reply] = []

        def handle() -> None:
            status, text = self.request(call, caller)
            answers.append(Reply(call.host, status, text))

        page = self._world.start(handle, call.host, PAGE)
        broken = Reply(
            call.host, 502, "Internal server error"
        )  # what API Gateway says of a process that ended
        page.then.append(lambda: None if silent else answer(answers[0] if answers else broken))

    def request(self, call: Call, caller: str) -> tuple[int, str]:
        """(status, text) of a call, from the node it is for."""
        return self._party.request(call.host, call.method, call.target, call.body, caller)


@dataclasses.dataclass(frozen=True)
class Sent:
    """A message put into a queue of a node, and who did that: what that does, from when to when it was at
    work, and whether it died in the middle of it."""

    node: str
    queue: str
    told: dict[str, Any]
    sender: int
    kind: str
    began: float
    ended: float
    died: bool


class Queues:
    """The queues: a message comes at least once, perhaps late, and again when its handler ended badly."""

    def __init__(self, world: World, weather: Weather, cluster: Cluster, write: Callable[[], None]):
        self._world, self._weather, self._party, self._write = world, weather, cluster, write
        self.broken: list[BaseException] = []
        self._sent: list[tuple[str, str, dict[str, Any], Fiber]] = []

    @property
    def sent(self) -> list[Sent]:
        """All that was sent so far, in its order."""
        return [Sent(*what, by.number, by.kind, by.began, by.ended, by.died) for *what, by in self._sent]

    def send(self, queue: queues.Queue, message: Message, delay: dt.timedelta = dt.timedelta(0)) -> None:
        self.send_many(queue, [(message, delay)])

    def send_at(self, queue: queues.Queue, outgoing: Sequence[tuple[Message, dt.datetime]]) -> None:
        now = self._world.moment()
        self.send_many(queue, [(message, moment - now) for message, moment in outgoing])

    def send_many(self, queue: queues.Queue, outgoing: Sequence[tuple[Message, dt.timedelta]]) -> None:
        if not outgoing:
            return
        by = self._world.current
        assert by is not None
        self._write()
        for message, delay in outgoing:
            told = messages.to_json(message)
            # What is for the deployment itself is handled by who sent it.
            node = message.node if message.node in self._party.hosts else self._world.node
            self._sent.append((node, queue.name, told, by))
            seconds = min(max(0, int(delay.total_seconds())), queues.LONGEST_DELAY)
            self._deliver(node, queue, json.dumps(told), seconds + self._world.chance.uniform(0.02, 1))
            if self._weather.strikes(self._weather.faults.duplicate):
                again = self._world.chance.choice([0.1, 1, 300]) * self._world.chance.random()
                self._deliver(node, queue, json.dumps(told), seconds + again)
        self._write()

    def _deliver(self, node: str, queue: queues.Queue, text: str, after: float) -> None:
        self._world.at(self._world.now + after, lambda: self._receive(node, queue, text))

    def _receive(self, node: str, queue: queues.Queue, text: str) -> None:
        if node in self._weather.off:
            return self._deliver(node, queue, text, 10)
        told = json.loads(text)
        kind = told.get("what", queue.name)
        handler = self._world.start(lambda: self._handle(queue, told), node, queue.timeout, kind)
        handler.then.append(lambda: self._over(handler, queue, text))
        return None

    def _handle(self, queue: queues.Queue, told: dict[str, Any]) -> None:
        message = messages.from_json(queue.carries, told, NodeName("nobody"))
        of_a_run = isinstance(message, PerformRun | EndWait)
        machine = SimulatedMachine(self._world, told["run"]) if of_a_run else Machine()
        queue_handlers.handle(message, self._world.moment(), machine)

    def _over(self, handler: Fiber, queue: queues.Queue, text: str) -> None:
        if handler.failure is None:
            return
        if isinstance(handler.failure, Exception):
            self.broken.append(handler.failure)
        self._deliver(handler.node, queue, text, self._world.chance.uniform(5, queue.visibility / 4))

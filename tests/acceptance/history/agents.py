"""Agents of nodes in simulated time: what decides is the agent's own code, on a disk of this world.

What an agent keeps (``agent.state``), takes, starts and refuses (``agent.runs``), does (``agent.work``) and
hands over (``agent.spool``) is the product's. Here are its threads, which are fibers, its requests, and its
death: before and after any write of its disk, each of which is whole or not made.
"""

import contextlib
import dataclasses
import datetime as dt
import json
import pathlib
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from agent import spool, state
from agent.client import Later, Oversized, Rejected, Unanswered
from agent.clock import Offset
from agent.policy import PolicyFile
from agent.runs import Runs
from agent.spool import Spool
from agent.state import Held, Result, State
from agent.work import Announce, Work
from chalicelib.domain.assignment import Assignment
from chalicelib.domain.errors import PeerError
from chalicelib.domain.schemas import JSON
from chalicelib.domain.served_nodes import digest
from chalicelib.domain.times import parse_timestamp
from chalicelib.infrastructure.peer_http import Call, Reply
from tests.acceptance.history.network import Network, Weather
from tests.acceptance.history.work import CLASSES
from tests.acceptance.history.world import Crash, Fiber, SimulatedMachine, World

HEADERS = {"X-Agent-Protocol": "1"}
FACTS: dict[str, JSON] = {
    "schema": 1,
    "tools": {"noting": {"version": "1.0", "unmet": []}},
    "tests": {f"idle-{name}": "1.0" for name in CLASSES},
}
EVERY = 15
LOOK_EVERY = 20.0
"""Seconds between looks at what is at work, where nothing is to be started."""
NO_POLICY = pathlib.Path("/nonexistent/policy.toml")


class AgentName(str):
    """The name of a node, as what works for it elsewhere: equal to it, and not ended with it."""

    __slots__ = ()


class Wire(Network):
    """The network between agents and coordinators: requests say who asks."""

    def request(self, call: Call, caller: str) -> tuple[int, str]:
        secret = {"Authorization": f"Bearer {call.args['secret']}"}
        bare = dataclasses.replace(call, args={})
        return self._party.request(
            bare.host, bare.method, bare.target, bare.body, caller, headers={**HEADERS, **secret}
        )


def secret_of(node: str) -> str:
    return f"psa.{node}.{uuid.uuid5(uuid.NAMESPACE_DNS, node).hex + 'A' * 11}"


def sha256_of(node: str) -> str:
    return digest(secret_of(node))


@dataclasses.dataclass
class Acknowledged:
    """A result that was, and as what."""

    node: str
    run: str
    kept: str
    final: bool


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


class Disk(State):
    """What survives the agent, who may die before and after each write of it."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._database.executescript(state._TABLES)
        self._lock = threading.RLock()
        self.strikes: Callable[[], None] = lambda: None
        assert self.instance

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        self.strikes()
        with super()._changing() as database:
            yield database
        self.strikes()


class Lines:
    """The coordinator, as the agent's own client shows it: an answer, or what there is instead of one."""

    def __init__(self, ask: Callable[..., JSON], notes: "AgentNotes", node: str):
        self._ask, self._notes, self._node = ask, notes, node

    def _told(self, what: str, body: JSON, within: float = 20) -> JSON:
        answer = self._ask(what, body, within)
        if answer is None:
            raise Later("The coordinator does not answer")
        if "status" in answer:
            raise (Oversized if answer["status"] == 413 else Rejected)(f"It said {answer['status']}")
        return answer

    def contact(self, body: JSON) -> JSON:
        return self._told("contact", body)

    def claims(self, body: JSON) -> JSON:
        return self._told("claims", body)

    def starts(self, body: JSON, within: float) -> JSON:
        return self._told("starts", body, within)

    def results(self, body: JSON) -> JSON:
        answer = self._told("results", body)
        acknowledged = Acknowledged(self._node, body["run"], answer["kept"], body["final"])
        self._notes.acknowledged.append(acknowledged)
        return answer


class SimulatedSpool(Spool):
    """A spool for whose results a fiber waits."""

    def __init__(self, disk: Disk, world: World):
        super().__init__(disk)
        self._news = Event(world)

    def add(self, result: Result) -> None:
        super().add(result)
        self._news.set()

    def first(self, seconds: float) -> Result | None:
        self._news.clear()
        found = self._first()
        if found is None:
            self._news.wait(seconds)
            found = self._first()
        return found


class SimulatedRuns(Runs):
    """The runs of an agent, each of which is worked on by fibers."""

    def __init__(self, of: "SimulatedAgent", world: World, lines: Any, results: SimulatedSpool):
        super().__init__(of.disk, results, lines, PolicyFile(NO_POLICY, wanted=False), of.offset)
        self._of, self._world = of, world
        self.resolve = lambda name: []
        self._changed = Event(world)  # type: ignore[assignment]

    def _work(self, held: Held, assignment: Assignment, now: dt.datetime) -> None:
        announce = Announce(self._client, self._state.instance, held)
        announce.answered = Event(self._world)  # type: ignore[assignment]
        machine = SimulatedMachine(self._world, assignment.run)
        work = SimulatedWork(assignment, self._spool, machine, held.number, announce)
        work._heard = Event(self._world)  # type: ignore[assignment]
        work.begin = self._of.begin
        work.declined = self.cancel
        self._works[held.run] = work
        work.start()

    def keep_on(self) -> None:
        """Start and look after runs, as ``keep`` does."""
        while True:
            now = self._world.moment()
            self.start_due(now)
            self.look_after(now)
            self._changed.wait(self.seconds_to_next(now, LOOK_EVERY) + 0.01)
            self._changed.clear()


class SimulatedWork(Work):
    """A run at work, whose threads are fibers."""

    begin: Callable[[Callable[[], None]], Any]

    def start(self) -> None:
        self.begin(self._say)
        self.begin(self._work)


class SimulatedAgent:
    """One agent of a node; ``notes`` are of all agents."""

    def __init__(self, world: World, weather: Weather, wire: Wire, node: str, notes: "AgentNotes"):
        self._world, self._weather, self._wire, self._notes = world, weather, wire, notes
        self.node = AgentName(node)
        self.disk = Disk()
        self.disk.strikes = self._maybe_die
        self.offset = Offset(steady=lambda: world.now)
        self._fibers: list[Fiber] = []
        self.is_cut = False
        self._is_dead = True

    # --- life and death

    def start(self) -> None:
        """Begin, or begin again, with what is on disk."""
        self._is_dead = False
        self._fibers = []
        self.begin(self._resume)

    def begin(self, work: Callable[[], None]) -> None:
        """Have a thread of the agent, which ends with it."""

        def guarded() -> None:
            try:
                work()
            except Crash:
                self._die()
                raise

        if not self._is_dead:
            self._fibers.append(self._world.start(guarded, self.node))

    def kill(self) -> None:
        """End now; somebody starts it again in a while."""
        if self._is_dead:
            return
        self._is_dead = True
        for fiber in self._fibers:
            if not fiber.over and fiber is not self._world.current:
                fiber.kill()
        self._fibers = []
        self._world.at(self._world.now + self._world.chance.uniform(2, 120), self.start)

    def _die(self) -> None:
        if any(fiber is self._world.current for fiber in self._fibers):
            self.kill()

    def cut(self) -> None:
        """No way to the coordinator for some minutes."""
        self.is_cut = True
        self._world.at(self._world.now + self._world.chance.uniform(60, 1200), self.mend)

    def mend(self) -> None:
        self.is_cut = False

    def _maybe_die(self) -> None:
        assert self._world.current is not None
        if self._weather.strikes(self._weather.faults.crash):
            self._world.current.killed = True
        self._world.current.check()

    # --- what it says

    def _ask(self, what: str, body: JSON, timeout: float) -> JSON:
        """The answer; None where there is none that helps, and the status where it is a refusal."""
        if self.is_cut:
            self._world.sleep(0.01)
            return None
        args = {"secret": secret_of(self.node)}
        call = Call("POST", str(self.node), f"/agent/{what}", args, body, timeout)
        (outcome,) = self._wire.ask([call])
        if isinstance(outcome, PeerError):
            return None
        assert isinstance(outcome, Reply)
        if outcome.status in (200, 204):
            return json.loads(outcome.text) if outcome.text else {}
        if outcome.status < 500:
            self._notes.refused.append(f"{what}: {outcome.status} {outcome.text}")
            return {"status": outcome.status}
        return None

    def _resume(self) -> None:
        lines: Any = Lines(self._ask, self._notes, str(self.node))
        results = SimulatedSpool(self.disk, self._world)
        runs = SimulatedRuns(self, self._world, lines, results)
        never: Any = Event(self._world)
        wanted = Event(self._world)
        runs.wanted = wanted.set
        runs.resume(self._world.moment())
        self.begin(runs.keep_on)
        self.begin(lambda: spool.send(results, lines, self.disk.instance, never, lambda _: None))
        while True:
            wanted.clear()
            with contextlib.suppress(Unanswered):
                self._contact(lines, runs, results)
            wanted.wait(self._world.chance.uniform(2, EVERY))

    def _contact(self, lines: Lines, runs: Runs, results: Spool) -> None:
        said = {
            "instance": self.disk.instance,
            "version": "1",
            "facts": None,
            "held": runs.held(),
            "waiting": results.waiting()[0],
        }
        sent = self._world.now
        answer = lines.contact(said)
        self.offset.note(sent, self._world.now, parse_timestamp(answer["time"]))
        for each in answer["cancelled"]:
            runs.cancel(each["run"])
        runs.offer(answer["runs"], self._world.moment())
        runs.claim(self.disk.instance)


@dataclasses.dataclass
class AgentNotes:
    """What agents were told: results that were acknowledged, and refusals."""

    acknowledged: list[Acknowledged] = dataclasses.field(default_factory=list)
    refused: list[str] = dataclasses.field(default_factory=list)

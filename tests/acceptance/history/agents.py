"""Agents of nodes in simulated time: what decides is the agent's own code, on a host of this world.

What an agent keeps (``agent.agent_state``), says and heeds (``agent.contact``), takes, starts and refuses
(``agent.taken_runs``), does (``agent.work``) and hands over (``agent.spool``) is the product's. Here are its
threads, which are fibers, its requests, and its death: before and after any write of its disk, each of which
is whole or not made.
"""

import contextlib
import dataclasses
import datetime as dt
import json
import uuid
from collections.abc import Callable
from typing import Any

from agent import spool
from agent.agent_state import TAKEN
from agent.contact import Contacts
from agent.failures import Unanswered
from chalicelib.domain.errors import PeerError, StorageFull
from chalicelib.domain.schemas import JSON
from chalicelib.domain.served_nodes import digest
from chalicelib.infrastructure.peer_http import Call, Reply
from tests.acceptance.history.agent_host import Event, Host
from tests.acceptance.history.agent_notes import AgentNotes
from tests.acceptance.history.agent_parts import Lines, SimulatedRuns, SimulatedSpool
from tests.acceptance.history.faults import AgentTrouble
from tests.acceptance.history.network import Network, Weather
from tests.acceptance.history.work import CLASSES
from tests.acceptance.history.world import Crash, Fiber, World

HEADERS = {"X-Agent-Protocol": "1"}
FACTS: dict[str, JSON] = {
    "schema": 1,
    "tools": {"noting": {"version": "1.0", "unmet": []}},
    "tests": {f"idle-{name}": "1.0" for name in CLASSES},
}
EVERY, RUNG_EVERY = 45, 15
"""Seconds between contacts at most, and between rings."""


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


class SimulatedAgent:
    """One agent of a node; ``notes`` are of all agents.

    ``forbids``: its owner does not allow all; ``claims``: nothing is taken for it as it is offered; ``rung``:
    it makes contact when others do, as where a bell calls them all.
    """

    def __init__(
        self,
        world: World,
        weather: Weather,
        wire: Wire,
        node: str,
        notes: AgentNotes,
        *,
        forbids: bool = False,
        claims: bool = False,
        rung: bool = False,
    ):
        self.world, self._wire, self.notes, self.claims = world, wire, notes, claims
        self.node, self.forbids, self._rung = AgentName(node), forbids, rung
        # One that were drawn would not be the same when the seed is played again.
        instance = uuid.uuid5(uuid.NAMESPACE_DNS, f"{'claims' if claims else 'takes'}.{node}")
        self.host = Host(world, weather, str(instance))
        self._fibers: list[Fiber] = []
        self._memory: list[SimulatedSpool | SimulatedRuns] = []
        self.is_cut = False
        self._is_dead = True
        if forbids:
            notes.forbidding.add(node)

    # --- life and death

    def start(self) -> None:
        """Begin, or begin again, with what is on disk."""
        self._is_dead = False
        self._fibers, self._memory = [], []
        self.host.new_life()
        self.begin(self._live)

    def begin(self, work: Callable[[], None]) -> Fiber | None:
        """Have a thread of the agent, which ends with it."""

        def guarded() -> None:
            try:
                work()
            except Crash:
                self._die()
                raise

        if self._is_dead:
            return None
        self._fibers = [fiber for fiber in self._fibers if not fiber.over]
        self._fibers.append(self.world.start(guarded, self.node))
        return self._fibers[-1]

    def kill(self) -> None:
        """End now; somebody starts it again, at once or in a while."""
        if self._is_dead:
            return
        self._is_dead = True
        for each in self._memory:
            each.forgotten()
        for fiber in self._fibers:
            if not fiber.over and fiber is not self.world.current:
                fiber.kill()
        self._fibers = []
        draw = self.world.chance
        self.world.at(self.world.now + draw.choice([0.2, draw.uniform(2, 120)]), self.start)

    def _die(self) -> None:
        if any(fiber is self.world.current for fiber in self._fibers):
            self.kill()

    # --- trouble

    def troubles(self, often: AgentTrouble) -> list[Callable[[], None]]:
        """What is to befall it, at some time or other."""
        return [
            *(self.kill for _ in range(often.kills)),
            *(self.cut for _ in range(often.cuts)),
            *(self.set_clock for _ in range(often.clocks)),
            *(self.fill_disk for _ in range(often.disks)),
        ]

    def cut(self) -> None:
        """No way to the coordinator for some minutes."""
        self.is_cut = True
        self._later(60, 1200, self.mend)

    def mend(self) -> None:
        self.is_cut = False

    def set_clock(self) -> None:
        """Have the clock off for some minutes."""
        self._set(self.world.chance.choice([-30, -8, 8, 30]))
        self._later(60, 600, self.correct_clock)

    def correct_clock(self) -> None:
        self._set(0)

    def _set(self, ahead: float) -> None:
        self.host.ahead = ahead
        self.notes.clocks.append((self.host.instance, self.world.now))
        for fiber in self._fibers:
            if not fiber.over and fiber is not self.world.current:
                self.world.wake(fiber)  # a wait reads the clock every now and then

    def fill_disk(self) -> None:
        self.host.fill()
        self._later(30, 300, self.host.free)

    def _later(self, least: float, most: float, what: Callable[[], None]) -> None:
        self.world.at(self.world.now + self.world.chance.uniform(least, most), what)

    def recover(self) -> None:
        """Have nothing be wrong any more."""
        self.mend()
        self.correct_clock()
        self.host.free()

    # --- what it does

    def ask(self, what: str, body: JSON, timeout: float) -> JSON:
        """The answer; None where there is none that helps, and the status where it is a refusal."""
        if self.is_cut:
            self.world.sleep(0.01)
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
            self.notes.rejected.append(f"{what}: {outcome.status} {outcome.text}")
            return {"status": outcome.status}
        return None

    def _live(self) -> None:
        draw = self.world.chance.uniform
        host, lines = self.host, Lines(self, self.notes)
        client: Any = lines
        results = SimulatedSpool(host, self.notes, str(self.node))
        runs = SimulatedRuns(self, client, results)
        self._memory = [results, runs]
        contacts = Contacts(client, host.disk, results, runs, host.offset, lambda: self.world.now)
        never: Any = Event(self.world)
        wanted = Event(self.world)
        runs.wanted = wanted.set
        runs.resume(host.now())
        self.begin(runs.keep_on)
        self.begin(lambda: spool.send(results, client, host.instance, never, lambda _: None))
        while True:
            wanted.clear()
            with contextlib.suppress(Unanswered, StorageFull):
                answer = contacts.say(host.now(), synchronized=True, facts=None)
                contacts.heed(answer)
            self.notes.taken |= {(host.instance, each.run) for each in host.disk.held(TAKEN)}
            wanted.wait(RUNG_EVERY - self.world.now % RUNG_EVERY if self._rung else draw(2, EVERY))

    def left(self, before: dt.datetime) -> list[str]:
        """What is on its disk of what should be over."""
        return [f"{self.node} still has {each}" for each in self.host.left(before)]

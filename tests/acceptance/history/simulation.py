"""Many nodes in one process in simulated time, given work and trouble, and the history of what they did.

A stretch with faults is followed by one without, in which all that has a deadline comes to its end.
"""

import contextlib
import dataclasses
import json
import logging
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.client import BaseClient

from chalicelib.domain.errors import PSchedulerError
from chalicelib.domain.names import NodeName
from chalicelib.domain.served_nodes import AGENT, ServedNode
from chalicelib.events.clock_handlers import TIMEOUTS
from chalicelib.infrastructure import peer_http, queues, shard_work
from chalicelib.service.agents import rates
from chalicelib.service.alerts import rules
from chalicelib.service.archiving import announce
from chalicelib.service.coordination import shard_planner
from chalicelib.service.execution import overdue, reaper
from chalicelib.service.node import (
    agent_facts,
    debug,
    heartbeats,
    node_directory,
    posting_backfill,
    state_upgrade,
)
from chalicelib.service.node import pause as pausing
from chalicelib.service.node.remembered import Remembered
from chalicelib.service.scheduling import dispatch_tick
from chalicelib.service.series import points
from chalicelib.settings import Settings, forget_settings
from chalicelib.store import long_runs, node_registry, shards, timeline, timeline_memory
from chalicelib.store.models.all_tables import TABLES
from tests.acceptance.history import faults as weathers
from tests.acceptance.history import work
from tests.acceptance.history.agent_notes import AgentNotes
from tests.acceptance.history.agents import FACTS, AgentName, SimulatedAgent, Wire, sha256_of
from tests.acceptance.history.faults import TROUBLE, Faults
from tests.acceptance.history.network import PAGE, Network, Queues, Sent, Weather
from tests.acceptance.history.tables import SLOWEST, Called, Change, Tables
from tests.acceptance.history.work import Order
from tests.acceptance.history.world import Crash, SimulatedMachine, World, standing_in
from tests.cluster import Cluster

CLIENT = "198.51.100.9"
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")
TICKS: dict[str, tuple[Callable[..., Any], float]] = {
    "plan": (shard_planner.tick, TIMEOUTS["plan"]),
    "dispatch": (dispatch_tick.tick, TIMEOUTS["dispatch"]),
    "reap": (reaper.tick, TIMEOUTS["reap"]),
    "archive": (announce.tick, TIMEOUTS["archive"]),
}
"""The clocks, with the seconds they may take."""
QUIET = 40 * 60.0
"""Seconds without faults at the end: a request that is never answered takes 12 minutes and a few tries."""
KEPT = 20 * 60 * work.SECOND
"""After this long what is over is forgotten."""
LONG_OVER = 10 * 60 * work.SECOND
"""Time after which agents know no more of a run that ended, where nothing is wrong."""
JOIN = "join"
"""What nobody dies of: whoever registers a node does it again until it is done."""
LIFE = 240
"""Seconds a runner lives, as if on Lambda: what takes longer is handed over."""


@dataclasses.dataclass(frozen=True)
class Scale:
    """How many nodes, tasks each, seconds of posting, of trouble; ``cohosted``: all of one deployment.

    ``agents`` is how many of its nodes have their tools at agents, the first at two, one of which claims what
    it is offered; the owner of the last one's host does not allow all. They make contact together where they
    are ``rung``. ``mix`` says of which kinds tasks are.
    """

    nodes: int = 4
    tasks: int = 10
    posting: float = 20 * 60
    error: float = 40 * 60
    cohosted: bool = False
    agents: int = 0
    rung: bool = False
    mix: work.Mix = work.USUAL


@dataclasses.dataclass
class History:
    """What was done and seen. ``posted`` has an order by the task it became, ``cancelled`` when that was.

    ``by_hand`` are the tasks of which a client asked for a run; ``calm_at`` is when the faults end.
    """

    seed: int
    calm_at: float = 0
    changes: list[Change] = dataclasses.field(default_factory=list)
    notes: work.Notes = dataclasses.field(default_factory=work.Notes)
    sent: list[Sent] = dataclasses.field(default_factory=list)
    posted: dict[str, Order] = dataclasses.field(default_factory=dict)
    refused: list[str] = dataclasses.field(default_factory=list)
    cancelled: dict[str, float] = dataclasses.field(default_factory=dict)
    by_hand: set[str] = dataclasses.field(default_factory=set)
    broken: list[str] = dataclasses.field(default_factory=list)
    conditions: set[str] = dataclasses.field(default_factory=set)
    over_at: float = 0
    at_agents: set[str] = dataclasses.field(default_factory=set)
    agents: AgentNotes = dataclasses.field(default_factory=AgentNotes)


class Simulation:
    def __init__(self, seed: int, scale: Scale, faults: Faults, without: str | None):
        self.world = World(seed)
        self.scale = scale
        self.weather = Weather(self.world, faults)
        self.hosts = [f"192.0.2.{number + 1}" for number in range(scale.nodes)]
        self.cluster = Cluster(*self.hosts)
        self.history = History(seed)
        draw = self.world.chance
        definitions = [table.definition() for table in TABLES]
        first: Tables | None = None
        self.tables: dict[str, Tables] = {}
        for host in self.hosts:
            if first is None or not scale.cohosted:
                own = Tables(definitions, lambda: self.world.now, lambda: draw.uniform(0, SLOWEST), first)
                own.without = without
            first = first or own
            self.tables[host] = own
        self.queues = Queues(self.world, self.weather, self.cluster, self._write_of_a_queue)
        self.history.at_agents = set(self.hosts[: scale.agents])
        wire = Wire(self.world, self.weather, self.cluster)
        last = self.hosts[scale.agents - 1] if scale.agents else None
        places = [*self.hosts[: scale.agents], *self.hosts[: min(1, scale.agents)]]
        self.agents = [
            SimulatedAgent(
                *(self.world, self.weather, wire, host, self.history.agents),
                forbids=host == last,
                claims=number == scale.agents,
                rung=scale.rung,
            )
            for number, host in enumerate(places)
        ]

    # --- the store, as every process reaches it

    def store(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        slow = self.weather.strikes(self.weather.faults.slow)
        self.world.sleep(self.world.chance.uniform(0.002, 2 if slow else 0.03))
        if operation not in WRITES:
            return self.tables[self.world.node].call(operation, request)
        self._maybe_crash()
        answer = self.tables[self.world.node].call(operation, request)
        self._maybe_crash()
        return answer

    def _write_of_a_queue(self) -> None:
        self.world.sleep(self.world.chance.uniform(0.002, 0.03))
        self._maybe_crash()

    def _maybe_crash(self) -> None:
        current = self.world.current
        assert current is not None
        if self.weather.strikes(self.weather.faults.crash) and current.kind != JOIN:
            current.killed = True
            raise Crash

    # --- the clocks

    def tick(self, node: str, name: str) -> None:
        work_, limit = TICKS[name]
        times = 0 if self.weather.strikes(self.weather.faults.tick_dropped) else 1
        times += self.weather.strikes(self.weather.faults.tick_doubled)
        late = self.world.chance.uniform(0, 5)
        for _ in range(times):
            if node not in self.weather.off:
                self._later(late, node, lambda: work_(self.world.moment()), limit, name)
        self.world.at(self.world.now + 60, lambda: self.tick(node, name))

    def _later(self, after: float, node: str, what: Callable[[], Any], limit: float, kind: str) -> None:
        self.world.at(self.world.now + after, lambda: self._start(node, what, limit, kind))

    def _start(self, node: str, what: Callable[[], Any], limit: float, kind: str = "") -> None:
        fiber = self.world.start(what, node, limit, kind)

        def note() -> None:
            if isinstance(fiber.failure, Exception):
                self.history.broken.append(f"{node}: {fiber.failure!r}")

        fiber.then.append(note)

    # --- the clients

    def order(self, order: Order) -> None:
        """Post a task as a client does, and perhaps cancel it later."""
        if order.lead in self.weather.off:
            return
        answers: list[tuple[int, str]] = []

        def post() -> None:
            answers.append(
                self.cluster.request(order.lead, "POST", "/pscheduler/tasks", order.document, CLIENT)
            )

        def answered() -> None:
            if answers and answers[0][0] == 200:
                uuid = json.loads(answers[0][1]).rpartition("/")[2]
                self.history.posted[uuid] = order
                if order.cancelled is not None:
                    self.world.at(order.cancelled, lambda: self.cancel(uuid, order))
                if order.by_hand is not None and order.over_by < self.scale.error + QUIET:
                    self.world.at(order.by_hand, lambda: self.place(uuid, order))
            elif answers:
                self.history.refused.append(f"{answers[0][0]} {answers[0][1]}")

        self.world.start(post, order.lead, PAGE).then.append(answered)

    def place(self, uuid: str, order: Order) -> None:
        """Ask for a run of a task, as a client does."""
        if order.lead in self.weather.off:
            return
        start = self.world.moment() + work.SECOND * self.world.chance.randint(5, work.LATEST_BY_HAND)
        target = f"/pscheduler/tasks/{uuid}/runs?key={work.KEY}"

        def post() -> None:
            self.cluster.request(order.lead, "POST", target, {"start-time": start.isoformat()}, CLIENT)

        self.history.by_hand.add(uuid)
        self.world.start(post, order.lead, PAGE)

    def cancel(self, uuid: str, order: Order) -> None:
        """Cancel a task, again until that was answered."""
        answers: list[int] = []
        target = f"/pscheduler/tasks/{uuid}?key={work.KEY}"

        def delete() -> None:
            answers.append(self.cluster.request(order.lead, "DELETE", target, None, CLIENT)[0])

        def answered() -> None:
            if answers == [200]:
                self.history.cancelled[uuid] = self.world.now
            else:
                self.world.at(self.world.now + 20, lambda: self.cancel(uuid, order))

        if order.lead in self.weather.off:
            self.world.at(self.world.now + 20, lambda: self.cancel(uuid, order))
        else:
            self.world.start(delete, order.lead, PAGE).then.append(answered)

    # --- trouble with whole nodes

    def vanish(self, node: str) -> None:
        """A node is gone for minutes, with all that was under way there."""
        draw = self.world.chance
        self.weather.off[node] = draw.choice(["refuses", "hangs"])
        for fiber in self.world.fibers:
            if fiber.node == node and not fiber.over and not isinstance(fiber.node, AgentName):
                fiber.kill()
        self.world.at(self.world.now + draw.uniform(30, 400), lambda: self.weather.off.pop(node, None))

    def pause(self, node: str) -> None:
        until = self.world.moment() + 60 * work.SECOND * self.world.chance.randint(1, 4)
        self._start(node, lambda: pausing.pause(node, until), PAGE)

    # --- agents

    def join(self, host: str) -> None:
        """Register a node whose tools are at its agent."""
        node = NodeName(host)
        url = f"https://{host}/pscheduler"
        node_registry.add(ServedNode(node, host, url, AGENT, secrets=(sha256_of(host),)))
        agent_facts.take(node, FACTS)

    # --- all of it

    def run(self) -> History:
        draw, world, scale = self.world.chance, self.world, self.scale
        for order in work.orders(draw, self.hosts, scale.tasks, scale.posting, scale.mix):
            world.at(order.at, lambda order=order: self.order(order))  # type: ignore[misc]
        for host in self.hosts[: scale.agents]:
            world.at(0, lambda host=host: self._start(host, lambda: self.join(host), PAGE, JOIN))  # type: ignore[misc]
        for agent in self.agents:
            world.at(draw.uniform(1, 5), agent.start)
            for trouble in agent.troubles(self.weather.faults.agents):
                world.at(draw.uniform(60, scale.error), trouble)
        for node in self.hosts:
            for name in TICKS:
                world.at(draw.uniform(0, 60), lambda node=node, name=name: self.tick(node, name))  # type: ignore[misc]
            if self.weather.faults != weathers.NONE:
                world.at(draw.uniform(60, scale.error), lambda node=node: self.vanish(node))  # type: ignore[misc]
                world.at(draw.uniform(60, scale.error), lambda node=node: self.pause(node))  # type: ignore[misc]
        world.run_until(scale.error)
        self.weather.faults = weathers.NONE
        self.weather.off.clear()
        for agent in self.agents:
            agent.recover()
        world.run_until(scale.error + QUIET)
        self.history.calm_at, self.history.over_at = scale.error, world.now
        self.history.sent = self.queues.sent
        self.history.changes = list(self.tables[self.hosts[0]].changes)
        self.history.conditions = set(self.tables[self.hosts[0]].conditions)
        self.history.broken += [repr(broken) for broken in self.queues.broken]
        long_over = world.moment() - LONG_OVER
        self.history.agents.left = [each for agent in self.agents for each in agent.left(long_over)]
        world.end()
        return self.history


class _Broken(logging.Handler):
    """Notes what the product logs as broken: it carries on, but nothing should break."""

    def __init__(self, notes: list[str]):
        super().__init__(logging.ERROR)
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, PSchedulerError):
            self._notes.append(f"{record.getMessage()}: {error!r}")


@contextlib.contextmanager
def _in_place(simulation: Simulation) -> Iterator[None]:
    """The simulated network, queues, tables and tool in the place of the real ones."""
    network = Network(simulation.world, simulation.weather, simulation.cluster)
    handler = _Broken(simulation.history.broken)
    logging.getLogger("chalicelib").addHandler(handler)
    with pytest.MonkeyPatch.context() as patch, peer_http.use(network), standing_in(simulation.world):
        patch.setenv("PSCHEDULER_LONGEST_RUN", str(LIFE))
        for module in ("domain.task", "domain.run", "store.run_items"):
            patch.setattr(f"chalicelib.{module}.KEEP_AFTER_LAST_RUN", KEPT)
        if simulation.scale.cohosted:
            patch.setenv("PSCHEDULER_NODES", ",".join(f"{host}={host}" for host in simulation.hosts))
        forget_settings()
        patch.setattr("chalicelib.api.http.request_event.addressed_by", simulation.cluster.addressed_by)
        patch.setattr(heartbeats, "_noted", {})
        patch.setattr(heartbeats, "_beats", {})
        patch.setattr(debug, "_looked", [])
        patch.setattr(posting_backfill, "_complete", set())
        patch.setattr(shards, "_most_ever", lambda prefix, now: now)  # asked for once a process
        patch.setattr(shard_work, "AT_TICK", 2)  # more than that of a shard is left to others
        patch.setattr(timeline, "turn", lambda *_: contextlib.nullcontext())  # each is a process of its own
        timeline_memory.forget()
        long_runs.forget()
        patch.setattr(state_upgrade, "advance", lambda tick, now: None)  # no earlier version was here
        patch.setattr(
            node_directory, "_unused", Remembered(math.inf, 1)
        )  # asked for once, whatever the time is
        patch.setattr(node_directory, "_of_environment", _with_agents(simulation.history.at_agents))
        patch.setattr(agent_facts, "_known", Remembered(math.inf, 100))
        patch.setattr(rates, "A_SECOND", math.inf)
        machine = lambda: SimulatedMachine(simulation.world, "")  # noqa: E731
        patch.setattr("chalicelib.api.pages.agent_runs.Machine", machine)
        patch.setattr(points, "_current", {})
        patch.setattr(overdue, "_views", _Forgetful())
        patch.setattr(rules, "_seen", {})
        patch.setattr(BaseClient, "_make_api_call", lambda _, name, request: simulation.store(name, request))
        patch.setattr(queues, "send", simulation.queues.send)
        patch.setattr(queues, "send_many", simulation.queues.send_many)
        patch.setattr(queues, "send_at", simulation.queues.send_at)
        with work.plugged_in(simulation.world, simulation.history.notes, simulation.scale.mix):
            yield
    forget_settings()
    logging.getLogger("chalicelib").removeHandler(handler)


class _Forgetful(dict[Any, Any]):
    """What a process knows, where each is used once: nothing."""

    def get(self, *_: Any) -> None:
        return None


def _with_agents(hosts: set[str]) -> Callable[[Settings], dict[NodeName, ServedNode]]:
    """The nodes of the environment, some of them with their tools at agents."""
    usual = node_directory._of_environment

    def found(known: Settings) -> dict[NodeName, ServedNode]:
        nodes = usual(known)
        return {name: each.evolve(tools_at=AGENT) if name in hosts else each for name, each in nodes.items()}

    return found


def simulate(seed: int, scale: Scale, faults: Faults = TROUBLE, without: str | None = None) -> History:
    """The history of one simulation; of the same arguments, the same history."""
    return _play(Simulation(seed, scale, faults, without))


def recorded(seed: int, scale: Scale) -> list[Called]:
    """All that the tables were asked in one simulation, and what they answered."""
    simulation = Simulation(seed, scale, TROUBLE, None)
    calls: list[Called] = []
    for tables in simulation.tables.values():
        tables.calls = calls
    _play(simulation)
    return calls


def _play(simulation: Simulation) -> History:
    with _in_place(simulation):
        return simulation.run()

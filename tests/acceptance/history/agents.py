"""Agents of nodes in simulated time: what they keep on disk, what they say, and how they die.

An agent is two or more fibers that share a disk. Each write of the disk is whole or not made, and the agent
may die before and after it. It starts what it has taken by its own clock, at most once, and hands over
results until they are acknowledged, as docs/agent-protocol.md has it.
"""

import copy
import dataclasses
import datetime as dt
import json
import uuid
from collections.abc import Callable
from typing import Any

from chalicelib.domain.assignment import Assignment, LocalResult
from chalicelib.domain.errors import PeerError
from chalicelib.domain.schemas import JSON
from chalicelib.domain.served_nodes import digest
from chalicelib.domain.times import SECOND, format_timestamp
from chalicelib.host import tool_execution
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
AHEAD = 2 * SECOND
TAKEN, STARTED, OVER = "taken", "started", "over"


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


@dataclasses.dataclass
class Disk:
    """What survives: runs by their stage, and results that nobody acknowledged."""

    instance: str
    runs: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    spool: list[dict[str, Any]] = dataclasses.field(default_factory=list)


class SimulatedAgent:
    """One agent of a node; ``notes`` are of all agents."""

    def __init__(self, world: World, weather: Weather, wire: Wire, node: str, notes: "AgentNotes"):
        self._world, self._weather, self._wire, self._notes = world, weather, wire, notes
        self.node = AgentName(node)
        self._disk = Disk(str(uuid.UUID(int=world.chance.getrandbits(128), version=4)))
        self._fibers: list[Fiber] = []
        self._machines: dict[str, SimulatedMachine] = {}
        self.is_cut = False
        self._is_dead = True

    # --- life and death

    def start(self) -> None:
        """Begin, or begin again, with what is on disk."""
        self._is_dead = False
        self._machines = {}
        self._fibers = [self._begin(self._resume)]

    def _begin(self, work: Callable[[], None]) -> Fiber:
        def guarded() -> None:
            try:
                work()
            except Crash:
                self._die()
                raise

        return self._world.start(guarded, self.node)

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

    def _write(self, change: Callable[[Disk], None]) -> None:
        """Change the disk, whole or not at all."""
        self._maybe_die()
        after = copy.deepcopy(self._disk)
        change(after)
        self._disk = after
        self._maybe_die()

    def _maybe_die(self) -> None:
        assert self._world.current is not None
        if self._weather.strikes(self._weather.faults.crash):
            self._world.current.killed = True
        self._world.current.check()

    # --- what it says

    def _ask(self, what: str, body: JSON, timeout: float = 20, method: str = "POST") -> JSON:
        """The answer; None where there is none that helps, and the status where it is a refusal."""
        if self.is_cut:
            self._world.sleep(0.01)
            return None
        args = {"secret": secret_of(self.node)}
        call = Call(method, str(self.node), f"/agent/{what}", args, body, timeout)
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
        for run, kept in list(self._disk.runs.items()):
            assignment = Assignment.from_json(kept["assignment"])
            if kept["stage"] == STARTED:
                if assignment.streams and self._world.moment() < assignment.end:
                    since = kept.get("came_to")
                    self._perform_beside(assignment, since and dt.datetime.fromisoformat(since))
                else:
                    self._keep(
                        assignment, LocalResult(errors="The agent stopped while it worked"), final=True
                    )
            elif kept["stage"] == TAKEN:
                self._fibers.append(self._begin(lambda run=run: self._wait_and_work(run)))  # type: ignore[misc]
        self._fibers.append(self._begin(self._hand_over))
        while True:
            self._contact()
            self._world.sleep(self._world.chance.uniform(2, EVERY))

    def _contact(self) -> None:
        held = {
            run: each["assignment"] for run, each in self._disk.runs.items() if each["stage"] != "offered"
        }
        said = {
            "instance": self._disk.instance,
            "version": "1",
            "facts": None,
            "held": [
                {"task": each["task"], "run": run, "start": each["start"]} for run, each in held.items()
            ],
            "waiting": len(self._disk.spool),
        }
        answer = self._ask("contact", said)
        if not answer or "runs" not in answer:
            return
        for each in answer["cancelled"]:
            self._let_go(each["run"])
        self._claim([Assignment.from_json(each) for each in answer["runs"]])

    def _let_go(self, run: str) -> None:
        if run in self._machines:
            self._machines.pop(run).cancel()
        if run in self._disk.runs:
            self._write(lambda disk: disk.runs.pop(run, None) and None)

    def _claim(self, offered: list[Assignment]) -> None:
        fresh = [each for each in offered if each.run not in self._disk.runs]
        if not fresh:
            return
        take = [{"task": each.task, "run": each.run} for each in fresh]
        answer = self._ask("claims", {"instance": self._disk.instance, "take": take, "refuse": []})
        for each in fresh:
            if answer and each.run in answer.get("taken", ()):
                kept = {"stage": TAKEN, "assignment": each.to_json()}
                self._write(lambda disk, run=each.run, kept=kept: disk.runs.update({run: kept}))  # type: ignore[misc]
                self._fibers.append(self._begin(lambda run=each.run: self._wait_and_work(run)))  # type: ignore[misc]

    # --- its runs

    def _wait_and_work(self, run: str) -> None:
        assignment = Assignment.from_json(self._disk.runs[run]["assignment"])
        machine = SimulatedMachine(self._world, run)
        self._world.sleep(max(0.0, (assignment.start - AHEAD - machine.now()).total_seconds()))
        if run not in self._disk.runs:
            return
        names = {"instance": self._disk.instance, "task": assignment.task, "run": run}
        answer = self._ask(
            "starts", names, timeout=max(0.1, (assignment.start - machine.now()).total_seconds())
        )
        if run not in self._disk.runs or (answer is not None and answer.get("go") is not True):
            self._let_go(run)
            return
        latest = assignment.end if assignment.streams else assignment.start + SECOND
        if machine.now() >= latest:
            refused = {
                "task": assignment.task,
                "run": run,
                "code": "agent-late",
                "message": "It came too late",
            }
            if self._ask("claims", {"instance": self._disk.instance, "take": [], "refuse": [refused]}):
                self._let_go(run)
            return  # else it is held, reported by nobody, and given up
        self._write(lambda disk: disk.runs[run].update(stage=STARTED))
        self._perform(assignment, None)

    def _perform_beside(self, assignment: Assignment, since: dt.datetime | None) -> None:
        self._fibers.append(self._begin(lambda: self._perform(assignment, since)))

    def _perform(self, assignment: Assignment, since: dt.datetime | None) -> None:
        machine = self._machines[assignment.run] = SimulatedMachine(self._world, assignment.run)
        limit = (assignment.end - machine.now()).total_seconds() + 2
        self._world.at(self._world.now + limit, machine.cancel)

        def emit(result: JSON) -> None:
            machine.check()
            self._keep(assignment, LocalResult(result), final=False)

        local = tool_execution.perform(assignment.evolve(since), machine, emit)
        if assignment.run in self._disk.runs and assignment.run in self._machines:
            self._keep(assignment, local, final=True)

    def _keep(self, assignment: Assignment, local: LocalResult, final: bool) -> None:
        """Put a result into the spool, and note how far its run has come, in one write."""
        now = format_timestamp(self._world.moment())

        def change(disk: Disk) -> None:
            kept = disk.runs[assignment.run]
            number = kept["number"] = kept.get("number", 0) + 1
            kept["came_to"] = now
            if final:
                kept["stage"] = OVER
            disk.spool.append(
                {
                    "instance": disk.instance,
                    "task": assignment.task,
                    "run": assignment.run,
                    "number": number,
                    "at": now,
                    "local": local.to_json(),
                    "final": final,
                }
            )

        self._write(change)

    def _hand_over(self) -> None:
        while True:
            if not self._disk.spool:
                self._world.sleep(1)
                continue
            first = self._disk.spool[0]
            answer = self._ask("results", first)
            if answer is None:
                self._world.sleep(self._world.chance.uniform(1, 20))
                continue
            if "kept" in answer:
                self._notes.acknowledged.append(
                    Acknowledged(str(self.node), first["run"], answer["kept"], first["final"])
                )
            self._write(self._drop_first)

    def _drop_first(self, disk: Disk) -> None:
        first = disk.spool.pop(0)
        if first["final"]:
            disk.runs.pop(first["run"], None)


@dataclasses.dataclass
class AgentNotes:
    """What agents were told: results that were acknowledged, and refusals."""

    acknowledged: list[Acknowledged] = dataclasses.field(default_factory=list)
    refused: list[str] = dataclasses.field(default_factory=list)

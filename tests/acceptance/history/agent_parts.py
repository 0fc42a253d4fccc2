"""The parts of an agent in simulated time that are more than its own code: whom it asks, and what is noted.

What decides is inherited. Where the agent would start a thread a fiber begins, and what its memory holds as
it dies is noted (``agent_notes.py``).
"""

import contextlib
import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agent.failures import Later, Oversized, Rejected
from agent.policy import Policy
from agent.spool import Spool
from agent.state_records import Held, Result
from agent.taken_runs import Runs
from agent.work import Announce, Work
from chalicelib.domain.assignment import Assignment
from chalicelib.domain.errors import StorageFull
from chalicelib.domain.schemas import JSON
from tests.acceptance.history.agent_host import Event, Host, HostMachine, in_place
from tests.acceptance.history.agent_notes import AgentNotes, Told
from tests.acceptance.history.work import CLASSES
from tests.acceptance.history.world import Fiber

if TYPE_CHECKING:
    from tests.acceptance.history.agents import SimulatedAgent

FORBIDDEN = "background"
"""The class of runs that the owner of one host does not allow."""
LOOK_EVERY = 20.0
"""Seconds between looks at what is at work, where nothing is to be started."""


class Owner:
    """The last word of a host's owner."""

    problem = None

    def __init__(self, forbids: str | None):
        self._forbids = forbids

    def policy(self) -> Policy:
        allowed = frozenset(f"idle-{name}" for name in CLASSES if name != self._forbids)
        return Policy(tests=allowed)


class Lines:
    """The coordinator, as the agent's own client shows it: an answer, or what there is instead of one."""

    def __init__(self, agent: "SimulatedAgent", notes: AgentNotes):
        self._agent, self._notes = agent, notes

    def _told(self, what: str, body: JSON, within: float = 20) -> JSON:
        answer = self._agent.ask(what, body, within)
        if answer is None:
            raise Later("The coordinator does not answer")
        if "status" in answer:
            raise (Oversized if answer["status"] == 413 else Rejected)(f"It said {answer['status']}")
        return answer

    def contact(self, body: JSON) -> JSON:
        answer = self._told("contact", body)
        for each in answer["cancelled"]:
            self._notes.not_to_be_done(body["instance"], each["run"], self._agent.world.now)
        self._notes.given |= {(body["instance"], run) for run in answer["taken"]}
        return answer

    def claims(self, body: JSON) -> JSON:
        answer = self._told("claims", body)
        self._notes.given |= {(body["instance"], run) for run in answer["taken"]}
        self._notes.refused |= {(body["instance"], each["run"]) for each in body["refuse"]}
        return answer

    def starts(self, body: JSON, within: float) -> JSON:
        self._notes.announced.setdefault((body["instance"], body["run"]), self._agent.world.now)
        answer = self._told("starts", body, within)
        if not answer["go"]:
            self._notes.not_to_be_done(body["instance"], body["run"], self._agent.world.now)
        return answer

    def results(self, body: JSON) -> JSON:
        answer = self._told("results", body)
        told = Told.of(str(self._agent.node), body, self._agent.world.now, kept=answer["kept"])
        self._notes.acknowledged.append(told)
        return answer


class SimulatedSpool(Spool):
    """A spool for whose results a fiber waits."""

    def __init__(self, host: Host, notes: AgentNotes, node: str):
        super().__init__(host.disk)
        self._host, self._notes, self._node = host, notes, node
        self._news = Event(host.world)
        self._roomless: list[Result] = []
        in_place(host.world, self, _lock="lock")

    def add(self, result: Result) -> None:
        was_room = not self._host.medium.is_full and not self._memory
        super().add(result)
        was_room = was_room and not self._host.medium.is_full
        if not was_room:
            self._roomless.append(result)
        self._notes.results.append(self._told(result, was_room=was_room))
        self._news.set()

    def _told(self, result: Result, **more: bool) -> Told:
        return Told.of(self._node, result.body(self._host.instance), self._host.world.now, **more)

    def forgotten(self) -> None:
        """The agent dies: note what goes with its memory."""
        for result in self._memory:
            if any(result is each for each in self._roomless):
                self._notes.lost.add(self._told(result).what)
                streamed = None if result.final else result.local["result"]
                if streamed:
                    self._notes.lost_places.add((self._node, result.run, streamed["number"]))
        for result in (*self._memory, *self._unnoted):
            self._notes.unnoted.add((self._host.instance, result.run))

    def first(self, seconds: float) -> Result | None:
        self._news.clear()
        found = self._first()
        if found is None:
            self._news.wait(seconds)
            found = self._first()
        return found


class SimulatedRuns(Runs):
    """The runs of an agent, each of which is worked on by fibers."""

    def __init__(self, of: "SimulatedAgent", lines: Any, results: SimulatedSpool):
        owner: Any = Owner(FORBIDDEN if of.forbids else None)
        super().__init__(of.host.disk, results, lines, owner, of.host.offset)
        self._of = of
        self.claims = of.claims
        self.objections.resolve = lambda name: []
        in_place(of.world, self, _lock="lock", _claiming="lock", _changed="event")

    def room(self) -> int:
        return 0 if self.claims else super().room()

    def cancel(self, run: str) -> None:
        super().cancel(run)
        self._of.notes.heeded.setdefault((self._of.host.instance, run), self._of.world.now)

    def forgotten(self) -> None:
        """The agent dies: note what goes with its memory."""
        self._of.notes.forgotten(self._of.host.instance, self._cancelled)

    def _work(self, held: Held, assignment: Assignment, now: dt.datetime) -> None:
        announce = Announce(self._client, self._state.instance, held)
        machine = HostMachine(self._of.host, assignment.run)
        work = SimulatedWork(assignment, self._spool, machine, held.number, announce)
        in_place(self._of.world, announce, answered="event")
        in_place(self._of.world, work, _lock="lock", _heard="event")
        work.begin = self._of.begin
        work.declined = self.cancel
        self._works[held.run] = work
        work.start()

    def keep_on(self) -> None:
        """Start and look after runs, as ``keep`` does."""
        while True:
            wait = LOOK_EVERY
            with contextlib.suppress(StorageFull):
                wait = self.advance(self._of.host.now(), LOOK_EVERY)
            self._changed.wait(wait + 0.01)
            self._changed.clear()


class SimulatedWork(Work):
    """A run at work, whose threads are fibers."""

    begin: Callable[[Callable[[], None]], Fiber | None]
    _fiber: Fiber | None = None

    def start(self) -> None:
        self.begin(self._say)
        self._fiber = self.begin(self._work)

    def is_over(self) -> bool:
        return self._reported and (self._fiber is None or self._fiber.over)

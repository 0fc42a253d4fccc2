"""Who has to agree to what is done with a task: a kind of participation each, chosen where a task is read.

    Alone      this node by itself: nobody else takes part, or another node leads the task
    CoHosted   its lead, all of whose participants are nodes of this deployment: agreed in a transaction
    Remote     its lead, some of whose participants are nodes elsewhere: agreed by requests

``of(task)`` is the only place where that is decided. What differs between the three is a method of all.
"""

import abc
import dataclasses
import datetime as dt
import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence

from chalicelib.domain.errors import Conflict, NotFound, PeerForgot, Refused
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.outbox_request import withdrawal
from chalicelib.domain.run import Run
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import truncate
from chalicelib.domain.tool_choice import Offer
from chalicelib.infrastructure.machine import Machine
from chalicelib.infrastructure.peer_http import Reply
from chalicelib.service.coordination import cohosted, invitation, planner
from chalicelib.service.coordination.agreement import Agreement
from chalicelib.service.node import agent_questions, cohosting
from chalicelib.service.node.registry import of_participant, runs_at_agent
from chalicelib.service.peers import outbox
from chalicelib.service.peers.client import Deadline, Outcome, PeerGroup
from chalicelib.service.scheduling import cancellation, placement
from chalicelib.service.scheduling.cancellation import RUNS_AT_ONCE
from chalicelib.service.scheduling.reservation import Placed
from chalicelib.store import run_table, task_table, timeline
from chalicelib.store.transactions.booking import New

LOG = logging.getLogger(__name__)

SECONDS_TO_AGREE = 25.0
"""Seconds a run that a client asks for may take to be agreed on, the client waiting."""
CLOCKS = 5.0
"""Seconds in which the clocks of all others are collected."""
MARGIN = 0.5
"""Seconds a participant that is asked to wait has beyond that to answer."""

Leave = Callable[[Task], None]


@dataclasses.dataclass(frozen=True)
class Known:
    """What this node says of its tools, and how to learn what others of the deployment say of theirs."""

    own: list[Offer]
    of: Callable[[NodeName], list[Offer]]


@dataclasses.dataclass(frozen=True)
class Participation(abc.ABC):
    """What this node does about a task with those who take part in it."""

    task: Task
    have_to_agree = False
    """Whether runs take a while to be agreed on, so that the first is placed a little later."""

    @classmethod
    def offers(
        cls, known: Known, others: Sequence[str], document: Mapping[str, JSON], deadline: Deadline
    ) -> list[list[Offer]]:
        """What each participant says of its tools for a test, this node first. Raises PeerError."""
        return [known.own]

    @classmethod
    def require_bookable(cls, duration: dt.timedelta, participants: int) -> None:
        """Raise Invalid for a run too long to be booked."""
        timeline.require_bookable(duration)

    @abc.abstractmethod
    def take_in(self, now: dt.datetime, new: New, deadline: Deadline) -> Placed:
        """Store a new task at all participants, with its first run if it comes inside the horizon."""

    @abc.abstractmethod
    def place_at(self, start: dt.datetime, now: dt.datetime, run: RunId | None = None) -> Run:
        """Place a run at a second. Raises Conflict where the time is taken, and PeerError."""

    @abc.abstractmethod
    def place_next(self, now: dt.datetime) -> Placed:
        """Place the task's next run, or several, as far as that takes no waiting."""

    def fill(self, now: dt.datetime, deadline: Deadline, leave: Leave | None = None) -> None:
        """Place the runs up to the horizon; what takes waiting is left to others, if given to ``leave``."""
        began = now - dt.timedelta(seconds=deadline.spent)
        at = self
        while at.task.is_due(now) and deadline.left > 0:
            placed = at.place_next(now)
            if not placed.runs:
                return
            at = dataclasses.replace(at, task=placed.task)
            now = began + dt.timedelta(seconds=deadline.spent)

    def cancel(self, now: dt.datetime, at_once: int = RUNS_AT_ONCE) -> None:
        """Place no more runs, forget those to come, cancel the one under way, at all participants."""
        cancellation.cancel_task(self.task, now, at_once=at_once)

    def withdraw(self, run: Run, now: dt.datetime) -> None:  # noqa: B027 - only some have anybody to tell
        """Have the others forget a run on which nobody came to agree; they may or may not know it."""

    def local_results(self, run: Run, missing: Collection[int], deadline: Deadline) -> dict[int, Outcome]:
        """The run as the other participants of these numbers have it, once it is over there."""
        return {}

    def clocks(self, own: JSON, machine: Machine) -> dict[int, JSON]:
        """The clocks of all others; ``{"error": ...}`` of one that does not say."""
        return {}

    def has_patience(self) -> bool:
        """Whether another participant may report long after the end: its tools are at its agent."""
        return False


class Alone(Participation):
    """This node by itself."""

    def take_in(self, now: dt.datetime, new: New, deadline: Deadline) -> Placed:
        return placement.place_next(self.task, now, new)

    def place_at(self, start: dt.datetime, now: dt.datetime, run: RunId | None = None) -> Run:
        return placement.place_at(self.task, start, now, run).runs[0]

    def place_next(self, now: dt.datetime) -> Placed:
        return placement.place_next(self.task, now)


class CoHosted(Participation):
    """Nodes of one deployment: what one would ask the others is read from their tables."""

    @classmethod
    def offers(
        cls, known: Known, others: Sequence[str], document: Mapping[str, JSON], deadline: Deadline
    ) -> list[list[Offer]]:
        found = [of_participant(name) for name in others]
        return [known.own, *(known.of(each.node) if each else [] for each in found)]

    @classmethod
    def require_bookable(cls, duration: dt.timedelta, participants: int) -> None:
        super().require_bookable(duration, participants)
        cohosted.require_bookable(duration, participants)

    def take_in(self, now: dt.datetime, new: New, deadline: Deadline) -> Placed:
        return cohosted.place_first(self.task, now, new)

    def place_at(self, start: dt.datetime, now: dt.datetime, run: RunId | None = None) -> Run:
        return cohosted.place_at(self.task, truncate(start), now, run).runs[0]

    def place_next(self, now: dt.datetime) -> Placed:
        return cohosted.place_next(self.task, now)

    def cancel(self, now: dt.datetime, at_once: int = RUNS_AT_ONCE) -> None:
        cohosted.cancel(self.task, now, at_once=at_once)

    def local_results(self, run: Run, missing: Collection[int], deadline: Deadline) -> dict[int, Outcome]:
        return {number: self._as_answered(run, number) for number in missing}

    def _as_answered(self, run: Run, number: int) -> Outcome:
        """The run of another participant, as it would have answered."""
        host = self.task.participants[number]
        try:
            theirs = run_table.get(cohosting.node_of(self.task, number), self.task.uuid, run.uuid)
        except NotFound as error:
            return PeerForgot(host, error.message, 404)
        shown = {"state": theirs.state.value, "result": theirs.documents.result}
        return Reply(host, 200, json.dumps(shown))

    def clocks(self, own: JSON, machine: Machine) -> dict[int, JSON]:
        nodes = {number: cohosting.node_of(self.task, number) for number in self.task.others}
        return {number: clock_of(node, machine) for number, node in nodes.items()}

    def has_patience(self) -> bool:
        found = map(of_participant, self.task.others.values())
        return any(each is not None and each.runs_at_agent for each in found)


class Remote(Participation):
    """Nodes elsewhere: each has to be asked, and may not answer."""

    have_to_agree = True

    @classmethod
    def offers(
        cls, known: Known, others: Sequence[str], document: Mapping[str, JSON], deadline: Deadline
    ) -> list[list[Offer]]:
        bind = document.get("lead-bind")
        return [known.own, *invitation.offers(others, document["test"], bind, deadline)]

    def take_in(self, now: dt.datetime, new: New, deadline: Deadline) -> Placed:
        ours = invitation.invite(self.task, now, deadline, new.idempotency_record)
        try:
            return Placed(planner.plan_first(ours, now, deadline))
        except Exception:  # the task is taken in: what is wrong with its first run is for the planner
            LOG.exception("The first run of task %s is left to the planner", ours.uuid)
            return Placed(ours)

    def place_at(self, start: dt.datetime, now: dt.datetime, run: RunId | None = None) -> Run:
        peer_group = PeerGroup(self.task, Deadline(SECONDS_TO_AGREE))
        return Agreement(peer_group, truncate(start), now, run).reach().runs[0]

    def place_next(self, now: dt.datetime) -> Placed:
        planner.delegate(self.task, now)
        return Placed(self.task)

    def fill(self, now: dt.datetime, deadline: Deadline, leave: Leave | None = None) -> None:
        if leave:
            leave(self.task)
        else:
            self.place_next(now)

    def cancel(self, now: dt.datetime, at_once: int = RUNS_AT_ONCE) -> None:
        cancellation.cancel_task(self.task, now, at_once=at_once, tell=self.task.others.values())

    def withdraw(self, run: Run, now: dt.datetime) -> None:
        hosts = self.task.others.values()
        outbox.begin([withdrawal(self.task, host, now, run.uuid) for host in hosts])

    def local_results(self, run: Run, missing: Collection[int], deadline: Deadline) -> dict[int, Outcome]:
        peer_group, wait = PeerGroup(self.task, deadline), int(deadline.left)
        args = {"wait-local": "True", "wait": str(wait)}
        return peer_group.send(
            {
                number: peer_group.call(number, "GET", f"/runs/{run.uuid}", args=args, timeout=wait + MARGIN)
                for number in missing
            }
        )

    def clocks(self, own: JSON, machine: Machine) -> dict[int, JSON]:
        asked = PeerGroup(self.task, Deadline(CLOCKS)).ask("GET", path="/clock")
        return {number: _clock(outcome) for number, outcome in asked.items()}


def clock_of(node: NodeName, machine: Machine) -> JSON:
    """The clock of the host that a node of this deployment measures at."""
    if runs_at_agent(node):
        return agent_questions.last_clock(node, machine.now())
    return machine.clock_state()


def _clock(outcome: Outcome) -> JSON:
    try:
        if isinstance(outcome, Reply):
            return outcome.json()
    except Refused as error:
        return {"error": error.message}
    return {"error": outcome.status if isinstance(outcome, Refused) else outcome.message}


def of(task: Task) -> Participation:
    """How this node takes part in a task."""
    return kind(task.node, task.participants, task.participant)(task)


def kind(node: NodeName, participants: Sequence[str], number: int = 0) -> type[Participation]:
    """How a node takes part, as the participant of a number, in a task that has these."""
    if len(participants) == 1 or number != 0:
        return Alone
    return CoHosted if cohosting.are_cohosted(node, participants) else Remote


def cancel(node: NodeName, uuid: TaskId, now: dt.datetime, at_once: int = RUNS_AT_ONCE) -> None:
    """Cancel a task as it now is, at all its participants. Raises NotFound."""
    of(task_table.get(node, uuid)).cancel(now, at_once)


def place_once(task: Task, start: dt.datetime, now: dt.datetime, run: RunId) -> Run:
    """Place a run under its uuid; asked for twice, also at a time, it is placed once, and both hear of it.

    Raises Conflict where the time is taken, and PeerError where another participant is in the way.
    """
    try:
        return of(task).place_at(start, now, run)
    except Conflict:
        there = run_table.get_many(task.node, task.uuid, [run]).get(run)
        if there is None or there.start != truncate(start):
            raise
        return there

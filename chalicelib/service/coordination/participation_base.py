"""What this node does about a task with those who take part in it, and how it does that by itself."""

import abc
import dataclasses
import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence

from chalicelib.domain.names import NodeName, RunId
from chalicelib.domain.run import Run
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.tool_choice import Offer
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.peers.peer_client import Deadline, Outcome
from chalicelib.service.scheduling import cancellation, placement
from chalicelib.service.scheduling.cancellation import RUNS_AT_ONCE
from chalicelib.service.scheduling.reservation import Placed
from chalicelib.store import timeline
from chalicelib.store.transactions.booking import New

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

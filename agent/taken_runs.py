"""The runs an agent has taken: claimed, started on the second, at most once, and reported.

offers ─objections─> (stored) ──claims──> taken ──two seconds ahead──> started ──> its result, in the spool
          │  └──────── taken as they were offered ──┘
          └──> refused, with a reason
"""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Collection, Sequence

from agent.agent_state import OFFERED, OVER, REFUSED, STARTED, TAKEN, State
from agent.clock_offset import Offset
from agent.coordinator_client import Client
from agent.objections import TOOL, Objections
from agent.policy import PolicyFile
from agent.spool import Spool
from agent.state_records import Held, Result
from agent.work import Announce, Perform, Work
from chalicelib.domain.assignment import Assignment, LocalResult
from chalicelib.domain.errors import Invalid, StorageFull
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_timestamp
from chalicelib.infrastructure.machine import Machine
from plugins import registry

LOG = logging.getLogger(__name__)
AHEAD = 2 * SECOND
"""How long before its start a run is begun, so that its tool may prepare."""
MOST_HELD, MOST_OFFERED = 1000, 50
MOST_CLAIMED, LONGEST_MESSAGE = 100, 1000
"""Of either kind at a time; characters of a reason."""
LOOK_EVERY = 0.5
"""Seconds between looks at what is at work, and at a clock that may have been set."""
SHORTEST = 0.01
INTERRUPTED = "The agent stopped while the tool was at work"


class Runs:
    """All runs of one agent. Safe for threads."""

    def __init__(self, state: State, spool: Spool, client: Client, policy: PolicyFile, offset: Offset):
        self._state, self._spool, self._client = state, spool, client
        self.objections = Objections(policy, offset)
        self._lock = threading.RLock()
        self._works: dict[str, Work] = {}
        self._cancelled: set[str] = set()
        self._changed = threading.Event()
        self._claiming = threading.Lock()
        self.perform: Perform | None = None
        """What lets a tool work, where it is not the host's own."""
        self.wanted: Callable[[], None] = lambda: None
        """Asks for a contact: there is something to be said."""
        self.may_start = True
        """Whether the coordinator knows this agent: unknown, it starts nothing."""

    # --- What the coordinator says

    def room(self) -> int:
        """How many more runs may be taken."""
        return max(0, min(MOST_OFFERED, MOST_HELD - self._state.count()))

    def offer(self, documents: Sequence[JSON], taken: Collection[str] = frozenset()) -> None:
        """Keep what is offered, to be claimed or to be refused; ``taken`` is this agent's already.

        Raises StorageFull where there is no room: the next contact offers what is not held again.
        """
        try:
            for document in documents:
                try:
                    self._keep_offered(document, taken)
                except Invalid as error:
                    LOG.error("A run that is offered cannot be read: %s", error)
        finally:
            self._changed.set()

    def _keep_offered(self, document: JSON, taken: Collection[str]) -> None:
        assignment = Assignment.from_json(document)
        known = self._state.known(assignment.run)
        if known is None:
            self._consider(assignment, document, assignment.run in taken)
        elif known.stage == OFFERED and assignment.run in taken:
            self._state.take([assignment.run])

    def _consider(self, assignment: Assignment, document: JSON, is_taken: bool) -> None:
        beside = self._state.beside(assignment.run, assignment.start, assignment.end)
        objection = self.objections.to_taking(assignment, beside)
        if self._state.count() >= MOST_HELD:
            return  # offered again when there is room
        if objection:
            LOG.info("Run %s is refused: %s", assignment.run, objection[1])
            self._state.decline(assignment, *objection)
        else:
            self._state.offer(assignment, document, TAKEN if is_taken else OFFERED)

    def claim(self, instance: str) -> None:
        """Claim what was offered, and say what is refused. Raises Unanswered, and does the same next time."""
        with self._claiming:
            offered, refused = (self._state.held(stage)[:MOST_CLAIMED] for stage in (OFFERED, REFUSED))
            if not offered and not refused:
                return
            answer = self._client.claims(
                {
                    "instance": instance,
                    "take": [each.names() for each in offered],
                    "refuse": [
                        {**each.names(), "code": each.code, "message": each.message[:LONGEST_MESSAGE]}
                        for each in refused
                    ],
                }
            )
            self._claimed(answer, offered, refused)

    def _claimed(self, answer: JSON, offered: Sequence[Held], refused: Sequence[Held]) -> None:
        taken = [run for run in answer.get("taken", ()) if isinstance(run, str)]
        gone = {each.get("run"): each.get("message", "") for each in answer.get("gone", ())}
        self._state.take(taken)
        for each in offered:
            if each.run in gone:
                LOG.info("Run %s is not for this agent: %s", each.run, gone[each.run])
                self._state.forget(each.run)
        for each in refused:
            self._state.forget(each.run)
        self._changed.set()

    def cancel(self, run: str) -> None:
        """Do not start a run, or stop it; nothing is said of it any more."""
        with self._lock:  # what is being started meanwhile is at work, or is not there to be started
            work = self._works.get(run)
            if work is not None:
                LOG.info("Run %s is cancelled", run)
                work.abandon()
            self._cancelled.add(run)
            self._forget_cancelled()
        self._changed.set()

    def _forget_cancelled(self) -> None:
        """Know no more of what was cancelled; where there is no room on disk to note that, later."""
        with self._lock:
            for run in sorted(self._cancelled):
                try:
                    known = self._state.known(run)
                    if known is not None and known.stage in (OFFERED, TAKEN, STARTED):
                        self._state.forget(run)
                except StorageFull as error:
                    LOG.error("Run %s, which was cancelled, stays noted: %s", run, error)
                    return
                self._cancelled.discard(run)

    def held(self) -> list[dict[str, JSON]]:
        """The runs taken and not reported, as a contact lists them."""
        found = self._state.held(TAKEN, STARTED, OVER)
        return [{**each.names(), "start": format_timestamp(each.start)} for each in found]

    # --- Starting on the second

    def resume(self, now: dt.datetime) -> None:
        """Report what was begun before a restart as interrupted, or go on with it where it streams."""
        for each in self._state.held(STARTED):
            assignment = _read(each)
            if assignment is not None and _can_be_carried_on(assignment, now):
                self._work(each, assignment.evolve(since=_since(each, now)), now)
            else:
                self._interrupted(each, now)

    def _interrupted(self, held: Held, now: dt.datetime) -> None:
        LOG.warning("Run %s was interrupted", held.run)
        local = LocalResult(errors=INTERRUPTED).to_json()
        self._spool.add(Result(held.task, held.run, held.number + 1, now, local, final=True))

    def start_due(self, now: dt.datetime) -> bool:
        """Start what is due, or say why it is not started; whether all could be noted on disk."""
        if not self.may_start:
            return True
        self._forget_cancelled()
        could_be_noted = not self._cancelled
        for each in self._state.due(now + AHEAD):
            try:
                self._start(each, now)
            except StorageFull as error:  # started without a note it might be started twice
                LOG.error("Run %s is not started: %s", each.run, error)
                could_be_noted = False
        return could_be_noted

    def _start(self, held: Held, now: dt.datetime) -> None:
        assignment = _read(held)
        if assignment is None:
            self._state.refuse(held.run, TOOL, "The agent cannot read the run any more")
            return
        objection = self.objections.to_starting(assignment, now)
        if objection:
            LOG.warning("Run %s is not started: %s", held.run, objection[1])
            self._state.refuse(held.run, *objection)
            self.wanted()
            return
        with self._lock:
            if held.run not in self._cancelled and self._state.begin(held.run):
                self._work(held, assignment, now)

    def _work(self, held: Held, assignment: Assignment, now: dt.datetime) -> None:
        announce = Announce(self._client, self._state.instance, held)
        work = Work(assignment, self._spool, Machine(), held.number, announce)
        if self.perform is not None:
            work.perform = self.perform
        work.declined = self.cancel
        with self._lock:
            self._works[held.run] = work
        work.start()

    def look_after(self, now: dt.datetime) -> None:
        """End what takes longer than planned, and let go of what is done."""
        with self._lock:
            works = list(self._works.items())
        for run, work in works:
            work.look(now)
            if work.is_over():
                with self._lock:
                    self._works.pop(run, None)

    def advance(self, now: dt.datetime, most: float = LOOK_EVERY) -> float:
        """Start what is due, and look after what is at work; seconds in which nothing more has to be done."""
        could_be_noted = self.start_due(now)
        self.look_after(now)
        return self.seconds_to_next(now, most) if could_be_noted else LOOK_EVERY

    def seconds_to_next(self, now: dt.datetime, most: float) -> float:
        """How long nothing has to be done."""
        start = self._state.next_start()
        if start is None or not self.may_start:
            return most
        return min(most, max(0.0, (start - AHEAD - now).total_seconds()))

    def keep(self, stop: threading.Event, clock: Callable[[], dt.datetime]) -> None:
        """Start, look after and end runs until told to stop."""
        while not stop.is_set():
            try:
                wait = self.advance(clock())
            except Exception:  # the runs to come must not be lost for one
                LOG.exception("Runs could not be started")
                wait = LOOK_EVERY
            self._changed.wait(max(wait, SHORTEST))
            self._changed.clear()

    def wake(self) -> None:
        self._changed.set()

    def at_work(self) -> list[str]:
        with self._lock:
            return list(self._works)

    def stop(self, now: dt.datetime) -> None:
        """End every tool; its run is reported as interrupted, or carried on at the next start."""
        with self._lock:
            works = list(self._works.values())
        for work in works:
            work.interrupt(now, INTERRUPTED)


def _read(held: Held) -> Assignment | None:
    try:
        return Assignment.from_json(held.assignment)
    except Invalid:
        return None


def _since(held: Held, now: dt.datetime) -> dt.datetime:
    """How far the results of a run that is carried on have come."""
    return held.came_to or now


def _can_be_carried_on(assignment: Assignment, now: dt.datetime) -> bool:
    tool = registry.tools().get(assignment.tool)
    return tool is not None and assignment.streams and tool.resumes and now < assignment.end

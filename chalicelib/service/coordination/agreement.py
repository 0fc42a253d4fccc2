"""One run that other nodes have to agree to, as its lead goes about it
(docs/contract/scheduler.md section 6).

    booked here, unseen ──> booked at the others ──> their data ──> everybody's data told ──> pending
           └── whatever goes wrong from here: nothing is left of it, here at once, there by outbox requests

The run booked here is the record of all that may have to be undone: should this process die, the
reaper finds it when it has waited too long.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

from chalicelib.domain import conflicts, result_size
from chalicelib.domain.conflicts import Occupation, Range
from chalicelib.domain.errors import Conflict, Invalid, NotFound, PeerConflict, PeerError, PeerForgot, Refused
from chalicelib.domain.names import RunId
from chalicelib.domain.outbox_request import withdrawal
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_timestamp, parse_timestamp
from chalicelib.infrastructure.peer_http import Reply
from chalicelib.service.limits import admission
from chalicelib.service.node import heartbeats
from chalicelib.service.peers import outbox
from chalicelib.service.peers.peer_client import RUN, Outcome, PeerGroup, errors, replies, told
from chalicelib.service.scheduling import reservation, slots
from chalicelib.service.scheduling.dispatch import is_dispatched, send
from chalicelib.service.scheduling.reservation import Placed
from chalicelib.store import run_table, timeline
from chalicelib.store.transactions.booking import Booking, commit, retract


def ping(peer_group: PeerGroup) -> None:
    """Raise PeerError unless all other participants are up."""
    try:
        found = replies(peer_group.ask("GET", path="/"))
    except Refused as error:
        raise Refused(error.host, "is not running pScheduler", error.status) from error
    for reply in found.values():
        if not isinstance(reply.json(), str):
            raise Refused(reply.host, "is not running pScheduler", reply.status)


def common_time(peer_group: PeerGroup, span: Range, now: dt.datetime) -> list[Range]:
    """What is free for the task at all participants within a window. Raises PeerError.

    What may be displaced by the task's priority is looked at only where nothing else is free.
    """
    task = peer_group.task
    found = _common(peer_group, span, None, now)
    if not found and task.priority is not None and not task.is_anytime:
        found = _common(peer_group, span, admission.priority(task, span.lower, now), now)
    return found


def _common(peer_group: PeerGroup, span: Range, priority: int | None, now: dt.datetime) -> list[Range]:
    task = peer_group.task
    common = own_time(task, span, now, priority)
    args = {"start": _zulu(span.lower), "end": _zulu(span.upper)}
    if priority is not None:
        args |= {"priority": str(priority), "api": "4"}
    for reply in replies(peer_group.ask("GET", "/runtimes", args=args)).values():
        common = conflicts.intersect(common, _ranges(reply), task.duration)
    return common


def own_time(task: Task, span: Range, now: dt.datetime, priority: int | None = None) -> list[Range]:
    """What is free here."""
    if task.is_anytime:
        return [span]
    entries = timeline.read_entries(task.node, span.lower, span.upper)
    wanted = Occupation(span.lower, span.upper, task.is_exclusive, priority)
    return conflicts.free_ranges(entries, wanted, task.duration, now, avoid_all=priority is None)


def _zulu(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _ranges(reply: Reply) -> list[Range]:
    try:
        return [Range(parse_timestamp(one["lower"]), parse_timestamp(one["upper"])) for one in reply.json()]
    except (KeyError, TypeError, Invalid) as error:
        raise Refused(reply.host, "listed its free time in an unexpected form", 200) from error


class Agreement:
    """The agreement on one run: ``reach`` it, and nothing is left of it where that fails."""

    def __init__(self, peer_group: PeerGroup, start: dt.datetime, now: dt.datetime, run: RunId | None = None):
        self._peer_group = peer_group
        self._task = peer_group.task
        self._began = now - dt.timedelta(seconds=peer_group.deadline.spent)
        self._run = reservation.new_run(self._task, start, now, run)
        self._asked: list[int] = []

    def _now(self) -> dt.datetime:
        return self._began + dt.timedelta(seconds=self._peer_group.deadline.spent)

    def reach(self) -> Placed:
        """Have the run booked by all participants. The task comes back as it was, but for its progress.

        Raises Conflict where somebody holds the time or was faster, and PeerError where a participant
        does not do its part.
        """
        booked = self._book()
        if self._run.state is State.NONSTART:  # the limits here refuse it: nobody else need be asked
            return Placed(booked, [self._run])
        try:
            self._book_elsewhere()
            full = self._collect()
            self._tell(full)
            return Placed(booked, [self._publish(full)])
        except (PeerError, Conflict, NotFound):
            self._undo(booked)
            raise

    def _book(self) -> Task:
        now = self._now()
        after = self._task.counting([self._run.start], now).evolve(plan_at=self._task.plan_at)
        with reservation.within_quotas(self._task, [self._run], now) as runs:
            self._run = runs[0]
            taken = reservation.time_for(self._task, self._run, now)
            commit(Booking(self._task, after, [self._run], taken), now)
        return after

    def _path(self) -> str:
        return f"/runs/{self._run.uuid}"

    def _book_elsewhere(self) -> None:
        body = {"start-time": format_timestamp(self._run.start)}
        outcomes = self._peer_group.ask(
            "PUT", self._path(), args=self._peer_group.key, body=body, timeout=RUN
        )
        self._asked = [number for number, found in outcomes.items() if not isinstance(found, Refused)]
        for error in errors(outcomes):
            if isinstance(error, PeerConflict):
                raise error
        replies(outcomes)

    def _collect(self) -> list[JSON]:
        """The data of all participants, in their order."""
        found = _of_a_booked_run(self._peer_group.ask("GET", self._path(), args=self._peer_group.key))
        data = {number: _participant_data(reply) for number, reply in found.items()}
        data[self._task.participant] = self._run.documents.participant_data
        return [data[number] for number in range(len(self._task.participants))]

    def _tell(self, full: Sequence[JSON]) -> None:
        body = {"part-data-full": full}
        _of_a_booked_run(
            self._peer_group.ask("PUT", self._path(), args=self._peer_group.key, body=body, timeout=RUN)
        )

    def _publish(self, full: Sequence[JSON]) -> Run:
        now = self._now()
        if now >= self._run.start:
            raise Conflict("The participants agreed only after the run was to start")
        agreed = self._run.with_documents(participant_data_full=list(full)).evolve(
            state=State.PENDING,
            awaiting=False,
            dispatched=is_dispatched(self._run.node, self._run.start, now),
        )
        written = run_table.change(agreed)
        send([written], now)
        heartbeats.note(self._task.node, heartbeats.LAST_SCHEDULED, now)
        return written

    def _undo(self, booked: Task) -> None:
        now = self._now()
        hosts = [self._task.participants[number] for number in self._asked]
        outbox.begin([withdrawal(self._task, host, now, self._run.uuid) for host in hosts])
        retract(booked, self._task, self._run, now)


def _of_a_booked_run(outcomes: Mapping[int, Outcome]) -> Mapping[int, Reply]:
    """All the answers about a run that was booked. Raises PeerError.

    One that is not there any more was deleted, which says nothing of its task: another may be agreed on.
    """
    try:
        return replies(outcomes)
    except PeerForgot as error:
        raise PeerConflict(error.host, "no longer has the run that it had booked", error.status) from error


def _participant_data(reply: Reply) -> JSON:
    run = reply.json()
    if not isinstance(run, dict):
        raise Refused(reply.host, "described its run in an unexpected form", reply.status)
    if run.get("state") == State.NONSTART.value:  # what its limits refuse, the reference keeps like this
        raise Refused(reply.host, f"refused the run: {told(run.get('errors'))}", reply.status)
    data = run.get("participant-data")
    if refusal := result_size.refusal(data):
        raise Refused(reply.host, f"what it has to tell of the run {refusal}", reply.status)
    return data


def free_of_choice(peer_group: PeerGroup, desired: dt.datetime, now: dt.datetime) -> dt.datetime | None:
    """The start for a run wanted at an instant, at which all participants are free; None for none."""
    span = slots.window(peer_group.task, desired)
    return slots.choose(peer_group.task, common_time(peer_group, span, now))

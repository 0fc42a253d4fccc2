"""Booking runs: made, and written only if the time is as it was read."""

import contextlib
import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterator, Sequence

from chalicelib.domain import conflicts
from chalicelib.domain.conflicts import Occupation, Range
from chalicelib.domain.errors import Blocked, Forbidden
from chalicelib.domain.limits.quotas import Charge
from chalicelib.domain.names import NodeName, RunId
from chalicelib.domain.run import Documents, Reason, Run, occupation
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.service.alerts import watch
from chalicelib.service.archiving import announce, selection
from chalicelib.service.limits import admission, quota_ledger
from chalicelib.service.limits.admission import RunRuling
from chalicelib.service.node import agent_facts, heartbeats
from chalicelib.service.scheduling import begun_runs, slots
from chalicelib.service.scheduling.dispatch import is_dispatched, send
from chalicelib.store import timeline
from chalicelib.store.transactions import booking
from chalicelib.store.transactions.booking import Booking, New, Time, commit
from plugins import registry

LIMITS = "limits"
"""The code of the reason that the limits refuse a run."""


@dataclasses.dataclass(frozen=True)
class Placed:
    """What came of placing: the task as it is now, and its new runs, non-starters among them."""

    task: Task
    runs: Sequence[Run] = ()


def new_run(task: Task, start: dt.datetime, now: dt.datetime, run: RunId | None = None) -> Run:
    """A run as it is placed; a non-starter where the limits refuse it (docs/contract/scheduler.md section 6).

    One that others take part in waits for them to agree, at the lead unseen.
    """
    ruling = admission.judge_run(task, start, now)
    if not ruling.passed:
        return _refused(task, start, now, ruling, run)
    data = _participant_data(task)
    awaiting = bool(task.others)
    return Run(
        node=task.node,
        task=task.uuid,
        uuid=run or new_id(),
        start=start,
        end=start + task.duration,
        state=State.SCHEDULING if awaiting and task.is_lead else State.PENDING,
        added=now,
        priority=ruling.priority,
        documents=Documents(
            participant_data=data,
            participant_data_full=None if awaiting else [data],
            limit_diags=ruling.diags,
        ),
        awaiting=awaiting,
        dispatched=not awaiting and is_dispatched(task.node, start, now),
        lane=task.lane,
    )


def _participant_data(task: Task) -> dict[str, JSON]:
    """What this participant tells the others before a run, of the host its tools work on."""
    host = agent_facts.host(task.node)
    return registry.tools()[task.tool].participant_data(task.participant, task.spec, host)


def new_id() -> RunId:
    """An identifier that no run has."""
    return RunId(str(uuid.uuid4()))


def id_at(task: Task, start: dt.datetime) -> RunId:
    """The identifier of the run of a task that is placed at an instant, whoever places it."""
    return RunId(str(uuid.uuid5(uuid.UUID(task.uuid), start.isoformat())))


def as_participant(task: Task, run: Run) -> Run:
    """A run that another participant of the same deployment has made, as this one has it."""
    data = _participant_data(task)
    documents = dataclasses.replace(run.documents, participant_data=data)
    return dataclasses.replace(run, node=task.node, documents=documents)


def _refused(task: Task, start: dt.datetime, now: dt.datetime, ruling: RunRuling, run: RunId | None) -> Run:
    """The non-starter in place of a run that the limits refuse: whoever asked for it reads why."""
    reason = Reason(LIMITS, f"The limits of this node refuse the run: {ruling.why}\n{ruling.diags}")
    made = nonstarter(task, start, now, reason).with_documents(limit_diags=ruling.diags)
    return dataclasses.replace(made, uuid=run) if run else made


def nonstarter(task: Task, desired: dt.datetime, now: dt.datetime, reason: Reason) -> Run:
    """A run that could not be placed, kept to say why."""
    return Run(
        node=task.node,
        task=task.uuid,
        uuid=new_id(),
        start=desired,
        end=desired + task.duration,
        state=State.NONSTART,
        added=now,
        priority=task.priority,
        errors=reason.message,
        documents=Documents(reason=reason.describe()),
    )


def time_for(task: Task, run: Run, now: dt.datetime) -> list[Time]:
    """The time a run takes up, free as it was read; nothing for one that takes up none.

    Raises Blocked, naming the run in the way.
    """
    wanted = None if run.state is State.NONSTART else occupation(run, task)
    return [] if wanted is None else _free_time(task.node, wanted, now)


def require_time_at(task: Task, start: dt.datetime, now: dt.datetime) -> None:
    """Raise Blocked, naming the run in the way, unless a run of a task could be at an instant."""
    if not task.is_anytime:
        end = start + task.duration
        _free_time(task.node, Occupation(start, end, task.is_exclusive, task.priority, task.uuid), now)


def _free_time(node: NodeName, wanted: Occupation, now: dt.datetime) -> list[Time]:
    span = [Range(wanted.start, wanted.end)]
    seen = timeline.snapshot(node, span)
    if seen.is_recalled and conflicts.blocker(seen.entries, wanted, now):
        seen = timeline.snapshot(node, span, anew=True)  # that time may have been given back since
    require_free(seen.entries, wanted, now)
    return [Time(wanted, seen.guards)]


def require_free(entries: Sequence[Occupation], wanted: Occupation, now: dt.datetime) -> None:
    """Raise Blocked, naming the run in the way, unless the time may be taken."""
    blocking = conflicts.blocker(entries, wanted, now)
    if blocking:
        raise Blocked(slots.taken_by(blocking), blocking.run)


def write(
    task: Task, now: dt.datetime, runs: Sequence[Run], new: New | None = None, taken: Sequence[Time] = ()
) -> Placed:
    """Write runs and the task with them, and send those that start soon. Raises Overtaken."""
    after = _after(task, runs, now)
    with within_quotas(task, runs, now) as allowed:
        due = selection.of_nonstarters(task, allowed, now)
        if new or runs or after.plan_at != task.plan_at:
            commit(Booking(None if new else task, after, allowed, _of(allowed, taken), new, due), now)
    announce.at_once(due)
    return _placed(after, allowed, now)


def write_singly(task: Task, now: dt.datetime, runs: Sequence[Run]) -> Placed:
    """The same for runs that take up no time, of a task that is there, none of which is to be delivered when
    it cannot be placed: without a transaction. Raises Overtaken."""
    after = _after(task, runs, now)
    with within_quotas(task, runs, now) as allowed:
        if runs or after.plan_at != task.plan_at:
            booking.write_singly(task, after, allowed, now)
    return _placed(after, allowed, now)


def adopt(task: Task, now: dt.datetime, left: Sequence[Run]) -> Placed:
    """Have a task count runs that somebody placed who did not come to count them, and send those that start
    soon: that, too, may not have been done. Raises Overtaken."""
    after = _after(task, left, now)
    booking.count_singly(task, after, now)
    send(left, now)
    return Placed(after, left)


def _after(task: Task, runs: Sequence[Run], now: dt.datetime) -> Task:
    """The task once runs have been placed, or nothing more can be now."""
    counted = begun_runs.counted_in_time(task, now)
    return counted.counting([run.start for run in runs], now) if runs else counted.replanned(now)


def _placed(after: Task, runs: Sequence[Run], now: dt.datetime) -> Placed:
    send(runs, now)
    if runs:
        heartbeats.note(after.node, heartbeats.LAST_SCHEDULED, now)
    for run in runs:
        if run.state is State.NONSTART:
            watch.leave(after, run, now)
    return Placed(after, runs)


def _of(runs: Sequence[Run], taken: Sequence[Time]) -> list[Time]:
    """The time of those runs that are to be."""
    wanted = {run.uuid for run in runs if run.state is not State.NONSTART}
    return [time for time in taken if time.occupation.run in wanted]


@contextlib.contextmanager
def within_quotas(task: Task, runs: Sequence[Run], now: dt.datetime) -> Iterator[Sequence[Run]]:
    """Have runs counted while they are booked, and not counted where that fails.

    Yields them; in place of those for which a quota is used up, non-starters that say so.
    """
    charges: list[Charge] = []
    allowed = [_charged(task, run, now, charges) for run in runs]
    try:
        yield allowed
    except BaseException:
        quota_ledger.give_back(task.node, charges)
        raise


def _charged(task: Task, run: Run, now: dt.datetime, charges: list[Charge]) -> Run:
    if run.state is State.NONSTART:
        return run
    try:
        charges += quota_ledger.charge_run(task, run.start, now)
    except Forbidden as error:
        reason = Reason(LIMITS, error.message)
        return dataclasses.replace(nonstarter(task, run.start, now, reason), uuid=run.uuid)
    return run


def give_back(task: Task, run: Run, end: dt.datetime) -> None:
    """Free the time a run has booked after an end that is before its own."""
    booked = occupation(run, task)
    if booked is not None and end < booked.end:
        timeline.shorten(task.node, booked, end)

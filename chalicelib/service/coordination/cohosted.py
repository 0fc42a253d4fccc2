"""Place the runs of co-hosted nodes: participants that are all of this deployment.

They need no HTTP to agree: what one would ask the others is read from their tables, and a run of all of
them is booked in one transaction, or not at all.
"""

import datetime as dt
import functools
import logging
from collections.abc import Sequence

from chalicelib.domain import conflicts
from chalicelib.domain.conflicts import Range
from chalicelib.domain.errors import Blocked, Invalid, NotFound, Overtaken
from chalicelib.domain.names import RunId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_duration
from chalicelib.service.node import heartbeats
from chalicelib.service.node.cohosted_nodes import node_of
from chalicelib.service.node.node_directory import require_in_service
from chalicelib.service.scheduling import cancellation, reservation, slots
from chalicelib.service.scheduling.dispatch import is_dispatched, send
from chalicelib.service.scheduling.placement import persistently, without_time
from chalicelib.service.scheduling.reservation import Placed
from chalicelib.store import task_table, timeline
from chalicelib.store.transactions.booking import MOST_RUNS, Booking, New, commit_all

LOG = logging.getLogger(__name__)

Family = dict[int, Task]
"""A task as each of its participants has it, by number."""
MOST_ITEMS = 100
"""Items a transaction holds."""


def require_bookable(duration: dt.timedelta, participants: int) -> None:
    """Raise Invalid for a run too long to be booked by so many in one transaction."""
    longest = timeline.BUCKET * ((MOST_ITEMS - 3 * participants) // participants - 1)
    if duration > longest:
        raise Invalid(
            f"The run would take {format_duration(duration)}; runs that take up the time of"
            f" {participants} nodes here can last {format_duration(longest)} at most"
        )


def copies(task: Task) -> Family:
    """The task as each participant keeps it, by number; the lead's is what it was made from."""
    told = {**task.document, "_key": task.participant_key}
    copy = task.evolve(document=told, participant_key=None, key_is_made_up=task.key is None)
    return {
        number: copy.evolve(node=node_of(task, number), participant=number) if number else task
        for number in range(len(task.participants))
    }


def place_first(task: Task, now: dt.datetime, new: New) -> Placed:
    """Store a new task at all participants, with its first run if it comes inside the horizon.

    Raises Forbidden where one of them takes nothing on.
    """
    family = copies(task)
    for one in family.values():
        require_in_service(one.node)
    return _place_next(family, now, new)


def place_next(task: Task, now: dt.datetime) -> Placed:
    """Place a task's next run, or a batch where they conflict with nothing, at all participants.

    A run for which there is no time becomes a non-starter at the lead. A task that one of them has
    cancelled is cancelled everywhere.
    """
    try:
        return _place_next(_stored(task), now, None)
    except NotFound as error:
        cancel(task, now, error.message)
        return Placed(task)


def place_at(task: Task, start: dt.datetime, now: dt.datetime, run: RunId | None = None) -> Placed:
    """Place a run at exactly this second, at all participants. Raises Blocked and Conflict."""

    def attempt(lead: Task) -> Placed:
        return _book(_stored(lead), [start], now, None, run)

    return persistently(attempt, task)


def cancel(
    task: Task, now: dt.datetime, reason: str | None = None, at_once: int = cancellation.RUNS_AT_ONCE
) -> None:
    """Cancel a task at all participants, here last: who hears no answer asks again while it is enabled."""
    for number in task.others:
        try:
            theirs = task_table.get(node_of(task, number), task.uuid)
        except NotFound:
            LOG.info("Participant %d of task %s has it no more", number, task.uuid)
        else:
            cancellation.cancel_task(theirs, now)
    cancellation.cancel_task(task, now, reason, at_once)


def _stored(task: Task) -> Family:
    """The task as each participant has it. Raises NotFound where one has it no more."""
    found = {}
    for number in range(len(task.participants)):
        found[number] = task_table.get(node_of(task, number), task.uuid)
        if not found[number].enabled:
            raise NotFound(f"{task.participants[number]} has cancelled the task")
    return found


def _place_next(family: Family, now: dt.datetime, new: New | None) -> Placed:
    def attempt(lead: Task) -> Placed:
        known = family if new or lead is family[0] else _stored(lead)
        most = MOST_RUNS // len(known) if lead.is_anytime else 1
        starts = slots.next_starts(known[0], now, most)
        if not starts or lead.is_anytime:
            return _book(known, starts, now, new)
        return _book_in_window(known, starts[0], now, new)

    return persistently(attempt, family[0], new)


def _book_in_window(family: Family, desired: dt.datetime, now: dt.datetime, new: New | None) -> Placed:
    start = slots.choose(family[0], _free(family, slots.window(family[0], desired), now))
    try:
        return _book(family, [start or desired], now, new)
    except Blocked as error:
        if start is not None:
            raise Overtaken("The time chosen was taken meanwhile") from error
        return _write(family, {0: [without_time(family[0], desired, now, error)]}, now, new)


def _free(family: Family, span: Range, now: dt.datetime) -> list[Range]:
    """What is free for the task at all participants."""
    each = []
    for task in family.values():
        each.append(slots.free(task, timeline.read_entries(task.node, span.lower, span.upper), span, now))
    return functools.reduce(lambda one, other: conflicts.intersect(one, other, family[0].duration), each)


def _book(
    family: Family,
    starts: Sequence[dt.datetime],
    now: dt.datetime,
    new: New | None,
    uuid: RunId | None = None,
) -> Placed:
    """Write a run at each start for all participants. Raises Blocked and Overtaken."""
    placed: dict[int, list[Run]] = {number: [] for number in family}
    for start in starts:
        first = reservation.new_run(family[0], start, now, uuid)
        for number, run in _agreed(family, first, now).items():
            placed[number].append(run)
    return _write(family, placed, now, new)


def _agreed(family: Family, first: Run, now: dt.datetime) -> dict[int, Run]:
    """A run as each participant keeps it: everybody's data is known."""
    if first.state is State.NONSTART:  # the limits refuse it: the lead alone keeps it, and says why
        return {0: first}
    runs = {
        number: reservation.as_participant(task, first) if number else first
        for number, task in family.items()
    }
    full = [runs[number].documents.participant_data for number in sorted(runs)]
    return {
        number: run.with_documents(participant_data_full=full).evolve(
            state=State.PENDING, awaiting=False, dispatched=is_dispatched(run.node, run.start, now)
        )
        for number, run in runs.items()
    }


def _write(family: Family, placed: dict[int, list[Run]], now: dt.datetime, new: New | None) -> Placed:
    """Write everybody's runs and tasks; a run for which a quota is used up is a non-starter at the lead."""
    with reservation.within_quotas(family[0], placed.get(0, []), now) as runs:
        refused = {run.uuid for run in runs if run.state is State.NONSTART}
        others = {
            number: [run for run in theirs if run.uuid not in refused]
            for number, theirs in placed.items()
            if number
        }
        return _commit(family, {0: list(runs), **others}, now, new)


def _commit(family: Family, placed: dict[int, list[Run]], now: dt.datetime, new: New | None) -> Placed:
    """Write everybody's runs and tasks in one transaction, then send the runs that are near."""
    bookings, after = [], family[0]
    for number, task in family.items():
        runs = placed.get(number, [])
        later = task.counting([run.start for run in runs], now) if runs else task.replanned(now)
        pending = (run for run in runs if run.state is State.PENDING)
        taken = [time for run in pending for time in reservation.time_for(task, run, now)]
        mine = new if number == 0 or new is None else New()
        bookings.append(Booking(None if new else task, later, runs, taken, mine))
        after = later if number == 0 else after
    commit_all(bookings, now)
    for number, runs in placed.items():
        send(runs, now)
        if runs:
            heartbeats.note(family[number].node, heartbeats.LAST_SCHEDULED, now)
    return Placed(after, placed.get(0, []))

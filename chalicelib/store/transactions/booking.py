"""The one transaction that places runs, and how those are placed without one that nothing can be in the way
of."""

import dataclasses
import datetime as dt
from collections.abc import Sequence

from pynamodb.attributes import NumberAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from chalicelib.domain.conflicts import Occupation
from chalicelib.domain.delivery import Delivery
from chalicelib.domain.errors import Overtaken
from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run, occupation
from chalicelib.domain.task import Task
from chalicelib.store import (
    changes,
    counted_hours,
    idempotency_records,
    long_runs,
    postings,
    run_items,
    task_items,
)
from chalicelib.store import run_table as run_store
from chalicelib.store import task_table as task_store
from chalicelib.store.idempotency_records import IdempotencyRecord
from chalicelib.store.models.connection import connection
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.models.task_models import PostingItem, TaskItem
from chalicelib.store.models.timeline_models import TimelineItem
from chalicelib.store.store_errors import on_condition_failed
from chalicelib.store.timeline import Guards, entry, guard, reference
from chalicelib.store.timeline_memory import MEMORY
from chalicelib.store.transactions.recording import add_deliveries

MOST_RUNS = 90
"""Runs one transaction can place; it holds 100 items."""


@dataclasses.dataclass(frozen=True)
class Time:
    """The time a run is to take up, and the guards of it read before that was decided."""

    occupation: Occupation
    guards: Guards


@dataclasses.dataclass(frozen=True)
class New:
    """That a task is not stored yet; ``idempotency_record`` where a client wants it stored once only."""

    idempotency_record: IdempotencyRecord | None = None


@dataclasses.dataclass(frozen=True)
class Booking:
    """Runs to be placed, and the task as it will then be.

    ``before`` is the task as read, None when it is new; ``times`` are those of the runs that take up some,
    all of them read together. ``deliveries`` are those of runs that could not be placed.
    """

    before: Task | None
    after: Task
    runs: Sequence[Run]
    times: Sequence[Time] = ()
    new: New | None = None
    deliveries: Sequence[Delivery] = ()


def commit(booking: Booking, now: dt.datetime) -> None:
    """Write it all, or nothing.

    Raises Overtaken when the task or the time is no longer as it was read: read and decide again;
    Repeated when a new task's idempotency key was used meanwhile.
    """
    commit_all([booking], now)


def commit_all(bookings: Sequence[Booking], now: dt.datetime) -> None:
    """The same for bookings of several nodes of this deployment: all are written, or none."""
    lost = Overtaken("Something changed while the run was being placed")
    for booking in bookings:
        _note_lengths(booking.runs)
    new = _postings(bookings)
    if len(new) + sum(map(_items, bookings)) > postings.MOST_ITEMS:
        postings.add(new)  # beside a long run there is no room; without its task a posting is nothing
        new = []
    try:
        with on_condition_failed(lost), TransactWrite(connection=connection()) as transaction:
            for booking in bookings:
                _write(transaction, booking, now)
            postings.add_within(transaction, new)
    except Overtaken:
        for booking in bookings:
            if booking.new and booking.new.idempotency_record:
                idempotency_records.require_unused(booking.new.idempotency_record, now)
        raise
    for booking in bookings:
        _remember(booking.times)
        if booking.before is None:
            changes.task_changed(booking.after, "added")
        for run in booking.runs:
            changes.run_written(run)


def write_singly(before: Task, after: Task, runs: Sequence[Run], now: dt.datetime) -> None:
    """Write runs that take up no time, each by itself, and the task then: half of what a transaction costs.

    A crash in between, or a task that changed meanwhile, leaves runs that the task does not count: whoever
    places its next ones finds them behind those it does. Raises Overtaken when there is one of these runs
    already, or the task is no longer as it was read.
    """
    lost = Overtaken("Something changed while the runs were being placed")
    _note_lengths(runs)
    for run in runs:
        with on_condition_failed(lost):
            run_items.to_item(run).save(condition=RunItem.run.does_not_exist())
        changes.run_written(run)
    count_singly(before, after, now)


def count_singly(before: Task, after: Task, now: dt.datetime) -> None:
    """Have a task count runs that are there. Raises Overtaken when it is no longer as it was read."""
    item = task_store.reference_to(after.node, after.uuid)
    with on_condition_failed(Overtaken("The task changed while its runs were being counted")):
        actions, same = task_store.progress_update(before, after, now)
        item.update(actions, condition=same)


def _note_lengths(runs: Sequence[Run]) -> None:
    for run in runs:
        long_runs.note(run)


def _postings(bookings: Sequence[Booking]) -> list[PostingItem]:
    """Those of new tasks."""
    new = [booking.after for booking in bookings if booking.before is None]
    return [posting for task in new for posting in postings.of_task(task)]


def _items(booking: Booking) -> int:
    """How many items a booking writes, a new task's postings aside; guards that runs share count for each."""
    guards = sum(len(time.guards.counts) for time in booking.times)
    return 2 + len(booking.runs) + len(booking.times) + guards


def _write(transaction: TransactWrite, booking: Booking, now: dt.datetime) -> None:
    _task(transaction, booking, now)
    for run in booking.runs:
        transaction.save(run_items.to_item(run), condition=RunItem.run.does_not_exist())
    if booking.new and booking.new.idempotency_record:
        idempotency_record = booking.new.idempotency_record
        transaction.save(
            idempotency_records.to_item(idempotency_record), condition=idempotency_records.unused(now)
        )
    _times(transaction, booking.after.node, booking.times)
    add_deliveries(transaction, booking.deliveries)


def retract(current: Task, restored: Task, run: Run, now: dt.datetime) -> None:
    """Forget a run that was not to be, with its time, as if the task had never had it.

    Raises Overtaken when task or run changed since.
    """
    booked = occupation(run, current)
    counted_hours.changing(run)
    lost = Overtaken("Something changed while the run was being taken back")
    with on_condition_failed(lost), TransactWrite(connection=connection()) as transaction:
        item = run_store.reference_to(run)
        transaction.delete(item, condition=RunItem.revision == run.revision)
        actions, same = task_store.progress_update(current, restored, now)
        transaction.update(task_store.reference_to(current.node, restored.uuid), actions, condition=same)
        if booked:
            transaction.delete(reference(run.node, booked))


def _task(transaction: TransactWrite, booking: Booking, now: dt.datetime) -> None:
    if booking.before is None:
        transaction.save(task_items.to_item(booking.after, now), condition=TaskItem.task.does_not_exist())
        return
    actions, same = task_store.progress_update(booking.before, booking.after, now)
    reference = task_store.reference_to(booking.after.node, booking.after.uuid)
    transaction.update(reference, actions, condition=same)


def _times(transaction: TransactWrite, node: NodeName, times: Sequence[Time]) -> None:
    for time in times:  # the key of an entry has the run's in it, and that is not there yet
        transaction.save(entry(node, time.occupation))
    for bucket, those in _by_bucket(times).items():
        last = max((time.occupation for time in those), key=lambda occupation: occupation.end)
        counter = TimelineItem.exclusives if last.exclusive else TimelineItem.normals
        moved = guard(bucket, last)
        transaction.update(
            moved,
            [counter.add(len(those)), TimelineItem.expires.set(moved.expires)],
            condition=_as_read(last, *those[0].guards.counts[bucket]),
        )


def _remember(times: Sequence[Time]) -> None:
    """Know of what was just booked without reading it."""
    for bucket, those in _by_bucket(times).items():
        counts = those[0].guards.counts[bucket]
        MEMORY.add(bucket, counts, [time.occupation for time in those])


def _by_bucket(times: Sequence[Time]) -> dict[str, list[Time]]:
    """A transaction takes an item once: runs of a bucket move its guard together."""
    touched: dict[str, list[Time]] = {}
    for time in times:
        for bucket in time.guards.counts:
            touched.setdefault(bucket, []).append(time)
    return touched


def _as_read(occupation: Occupation, exclusives: int, normals: int) -> Condition:
    # Normal runs share time with each other, so one need only know of new exclusives.
    unchanged = _still(TimelineItem.exclusives, exclusives)
    return unchanged & _still(TimelineItem.normals, normals) if occupation.exclusive else unchanged


def _still(counter: NumberAttribute, value: int) -> Condition:
    return counter == value if value else counter.does_not_exist()

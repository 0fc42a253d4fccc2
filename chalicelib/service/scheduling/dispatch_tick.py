"""The dispatch tick: send runs that start soon to their runner.

Each shard has a mark up to which everything was sent (``store/dispatch_marks.py``); a tick sends what lies
between that and the next two minutes, the next first, ten at a time. What should have started is the
reaper's. A shard with many is left to a function of its own.
"""

import contextlib
import datetime as dt
import heapq
import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence

from chalicelib.domain.errors import Conflict
from chalicelib.domain.times import INSTANT, SECOND
from chalicelib.infrastructure import queues, shard_work
from chalicelib.infrastructure.shard_work import HasTime, always
from chalicelib.service.node import heartbeats, state_upgrade
from chalicelib.service.scheduling.dispatch import AHEAD, WRITING, message
from chalicelib.store import dispatch_marks, due_runs, run_items, shards
from chalicelib.store.due_runs import Due

LOG = logging.getLogger(__name__)
WHAT = "dispatch"
BATCHES_PER_MARK = 50
"""Batches that are sent before the marks are moved, lest a function that ends has done it all for nothing."""

Marks = dict[int, dt.datetime]


def tick(now: dt.datetime) -> int:
    """Send what starts soon, or leave it to functions of their own; how many runs were sent here."""
    state_upgrade.advance("dispatch", now)
    some = shards.every()
    marks = _marks(some, now)
    if shard_work.is_shared():
        most = max(shard_work.AT_TICK, shard_work.most(shard_work.AT_TICK))  # to send one costs a tenth
        found = {shard: list(_ahead(shard, marks, now, most)) for shard in some}
        full = [shard for shard, due in found.items() if len(due) == most]
        shard_work.leave(WHAT, full)
        sent = _Sending(marks, now).send([due for shard, due in found.items() if shard not in full])
    else:
        sent = _Sending(marks, now).send([_ahead(shard, marks, now) for shard in some])
    heartbeats.beat("runner", now)
    return sent


def dispatch(some: Sequence[int], now: dt.datetime, has_time: HasTime = always) -> int:
    """Send what starts soon in some shards, in the time there is; how many runs that were."""
    marks = _marks(some, now)
    return _Sending(marks, now, has_time).send([_ahead(shard, marks, now) for shard in some])


def _marks(some: Iterable[int], now: dt.datetime) -> Marks:
    return {shard: _believed(shard, mark, now) for shard, mark in dispatch_marks.read(some).items()}


def _believed(shard: int, mark: dt.datetime, now: dt.datetime) -> dt.datetime:
    """A mark, or one in its place: of what starts later than any tick looks, nothing was sent. Such a mark is
    of a clock that was ahead."""
    if mark <= now + AHEAD + WRITING:
        return mark
    since = now - SECOND
    with contextlib.suppress(Conflict):
        dispatch_marks.move(shard, mark, since)
    return since


def _ahead(shard: int, marks: Marks, now: dt.datetime, most: int | None = None) -> Iterator[Due]:
    """What can still start and was not sent."""
    since = now - SECOND
    unsent = max(since, marks[shard] + INSTANT) if shard in marks else since
    return due_runs.between(run_items.DISPATCH, shard, unsent, now + AHEAD, most)


class _Sending:
    """What is sent of some shards, all together in the order of its starts, and how far it came in each."""

    def __init__(self, marks: Mapping[int, dt.datetime], now: dt.datetime, has_time: HasTime = always):
        self._marks = dict(marks)
        self._until = now + AHEAD
        self._has_time = has_time
        self._last: Marks = {}

    def send(self, due: Iterable[Iterable[Due]]) -> int:
        sent = 0
        try:
            for number, batch in enumerate(_batches(heapq.merge(*due, key=lambda each: each.at)), 1):
                if not self._has_time():
                    break
                self._send(batch)
                sent += len(batch)
                if number % BATCHES_PER_MARK == 0:
                    self._note_progress()
            else:
                self._last = dict.fromkeys(self._last, self._until + INSTANT)
        except Conflict:
            LOG.info("Somebody else sends the same runs")
        finally:  # whatever keeps the others from being sent, these were
            self._note_all()
        return sent

    def _send(self, batch: Sequence[Due]) -> None:
        outgoing = [message(each.node, each.task, each.run, each.at, each.lane) for each in batch]
        queues.send_at(queues.RUNS, outgoing)
        self._last |= {each.shard: each.at for each in batch}

    def _note_progress(self) -> None:
        """Move the marks to before what was sent last: more may start at that instant. Raises Conflict."""
        for shard, at in self._last.items():
            before, mark = self._marks.get(shard), at - INSTANT
            if before is None or before < mark:
                dispatch_marks.move(shard, before, mark)
                self._marks[shard] = mark

    def _note_all(self) -> None:
        try:
            self._note_progress()
        except Conflict:
            LOG.info("Somebody else sent the same runs")


def _batches(due: Iterable[Due]) -> Iterator[list[Due]]:
    left = iter(due)
    while batch := list(itertools.islice(left, queues.BATCH)):
        yield batch

"""The dispatch tick: send runs that start soon to their runner, each once.

Those that start next go first, ten at a time: after an outage there are many, and claiming takes time. A
shard with many is left to a function of its own.
"""

import datetime as dt
import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence

from chalicelib.domain.errors import StaleRun
from chalicelib.domain.times import SECOND
from chalicelib.infrastructure import queues, shard_work
from chalicelib.infrastructure.shard_work import HasTime, always
from chalicelib.service.node import heartbeats, readdressing
from chalicelib.service.scheduling.dispatch import AHEAD, message
from chalicelib.store import run_table, shards
from chalicelib.store.run_table import EARLIEST_START, Due

LOG = logging.getLogger(__name__)
WHAT = "dispatch"
RUNS_PER_SHARD = 3000


def tick(now: dt.datetime) -> int:
    """Send what is due, or leave it to functions of their own; how many runs were sent here."""
    readdressing.advance("dispatch", now)
    found = {
        shard: _due([shard], EARLIEST_START, now + AHEAD, shard_work.AT_TICK) for shard in shards.every()
    }
    full = [shard for shard, due in found.items() if len(due) == shard_work.AT_TICK]
    if full and not shard_work.is_shared():
        sent = dispatch([shard for shard, due in found.items() if due], now)
    else:
        shard_work.leave(WHAT, full)
        few = [each for shard, due in found.items() if shard not in full for each in due]
        sent = _send(sorted(few, key=lambda due: (due.at < now - SECOND, due.at)))
    heartbeats.beat("runner", now)
    return sent


def dispatch(some: Sequence[int], now: dt.datetime, has_time: HasTime = always) -> int:
    """Send what is due in some shards, in the time there is; how many runs that were."""
    return _send(itertools.chain(_to_come(some, now), _late(some, now)), has_time)


def _send(due: Iterable[Due], has_time: HasTime = always) -> int:
    sent = 0
    for batch in _batches(due):
        if not has_time():
            break
        sent += _dispatch(batch)
    return sent


def _to_come(some: Sequence[int], now: dt.datetime) -> list[Due]:
    """Runs that can still start, the soonest first."""
    return _due(some, now - SECOND, now + AHEAD)


def _late(some: Sequence[int], now: dt.datetime) -> Iterator[Due]:
    """Those that cannot, but for some that stream: they are sent all the same, to be ended. Read when it is
    their turn, since no run that is to come may wait for them."""
    yield from _due(some, EARLIEST_START, now - SECOND)


def _due(
    some: Sequence[int], after: dt.datetime, until: dt.datetime, most: int = RUNS_PER_SHARD
) -> list[Due]:
    found: list[Due] = []
    for shard in some:
        found += run_table.due(run_table.DISPATCH, shard, until, most, after)
    return sorted(found, key=lambda due: due.at)


def _batches(due: Iterable[Due]) -> Iterator[list[Due]]:
    left = iter(due)
    while batch := list(itertools.islice(left, queues.BATCH)):
        yield batch


def _dispatch(batch: Iterable[Due]) -> int:
    claimed: list[Due] = []
    try:
        for each in batch:
            if _claim(each):
                claimed.append(each)
    finally:  # whatever keeps the others from being claimed, these are nobody else's now
        outgoing = [message(each.node, each.task, each.run, each.at, each.lane) for each in claimed]
        queues.send_at(queues.RUNS, outgoing)
    return len(claimed)


def _claim(due: Due) -> bool:
    try:
        run_table.claim(due)
    except StaleRun:
        LOG.info("Run %s was sent by somebody else", due.run)
        return False
    return True

"""The dispatch tick: send runs that start soon to their runner, each once.

Those that start next go first, ten at a time: after an outage there are many, and claiming takes time.
"""

import datetime as dt
import itertools
import logging
from collections.abc import Iterable, Iterator

from chalicelib.domain.errors import StaleRun
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.times import SECOND
from chalicelib.infrastructure import queues
from chalicelib.service.node import heartbeats
from chalicelib.service.scheduling.dispatch import AHEAD, message
from chalicelib.store import run_table
from chalicelib.store.run_table import EARLIEST_START

LOG = logging.getLogger(__name__)
RUNS_PER_SHARD = 1000

Due = tuple[TaskId, RunId, dt.datetime, str]
"""(task, run, start, lane)."""


def tick(node: NodeName, now: dt.datetime) -> int:
    """Send what is due, and tell how many runs that were."""
    due = itertools.chain(_to_come(node, now), _late(node, now))
    sent = sum(_dispatch(node, batch) for batch in _batches(due))
    heartbeats.beat(node, "runner", now)
    return sent


def _to_come(node: NodeName, now: dt.datetime) -> list[Due]:
    """Runs that can still start, the soonest first."""
    return _due(node, now - SECOND, now + AHEAD)


def _late(node: NodeName, now: dt.datetime) -> Iterator[Due]:
    """Those that cannot, but for some that stream: they are sent all the same, to be ended. Read when it is
    their turn, since no run that is to come may wait for them."""
    yield from _due(node, EARLIEST_START, now - SECOND)


def _due(node: NodeName, after: dt.datetime, until: dt.datetime) -> list[Due]:
    found: list[Due] = []
    for shard in range(run_table.DUE_SHARDS):
        found += run_table.due(node, run_table.DISPATCH, shard, until, RUNS_PER_SHARD, after)
    return sorted(found, key=lambda due: due[2])


def _batches(due: Iterable[Due]) -> Iterator[list[Due]]:
    left = iter(due)
    while batch := list(itertools.islice(left, queues.BATCH)):
        yield batch


def _dispatch(node: NodeName, batch: Iterable[Due]) -> int:
    claimed: list[Due] = []
    try:
        for each in batch:
            if _claim(node, *each[:3]):
                claimed.append(each)
    finally:  # whatever keeps the others from being claimed, these are nobody else's now
        queues.send_at(queues.RUNS, [message(node, *each) for each in claimed])
    return len(claimed)


def _claim(node: NodeName, task: TaskId, run: RunId, start: dt.datetime) -> bool:
    try:
        run_table.claim(node, task, run, start)
    except StaleRun:
        LOG.info("Run %s was sent by somebody else", run)
        return False
    return True

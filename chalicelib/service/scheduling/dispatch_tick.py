"""The dispatch tick: send runs that start soon to their runner, each once."""

import datetime as dt
import logging

from chalicelib.domain.errors import StaleRun
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.infrastructure import queues
from chalicelib.service.node import heartbeats
from chalicelib.service.scheduling.dispatch import AHEAD, message
from chalicelib.store import run_table

LOG = logging.getLogger(__name__)
RUNS_PER_SHARD = 1000


def tick(node: NodeName, now: dt.datetime) -> int:
    """Send what is due, and tell how many runs that were."""
    sent = sum(_dispatch(node, shard, now) for shard in range(run_table.DUE_SHARDS))
    heartbeats.beat(node, "runner", now)
    return sent


def _dispatch(node: NodeName, shard: int, now: dt.datetime) -> int:
    due = run_table.due(node, run_table.DISPATCH, shard, now + AHEAD, RUNS_PER_SHARD)
    claimed = [(task, run, start) for task, run, start in due if _claim(node, task, run, start)]
    queues.send_many(queues.RUNS, [message(node, task, run, start, now) for task, run, start in claimed])
    return len(claimed)


def _claim(node: NodeName, task: TaskId, run: RunId, start: dt.datetime) -> bool:
    try:
        run_table.claim(node, task, run, start)
    except StaleRun:
        LOG.info("Run %s was sent by somebody else", run)
        return False
    return True

"""Asking participants, once for all tasks that want them, whether they are up.

Waiting for one that does not answer takes seconds of a worker's time. Were every task to wait for itself,
those of one sick peer would keep all workers busy, and the tasks of others would wait behind them.
"""

import datetime as dt
import logging
from collections.abc import Sequence
from itertools import groupby

from chalicelib.domain.errors import PeerError
from chalicelib.domain.messages import ProbeParticipants
from chalicelib.domain.task import Task
from chalicelib.infrastructure import queues
from chalicelib.service.coordination import planner
from chalicelib.service.coordination.agreement import ping
from chalicelib.service.peers.peer_client import Deadline, PeerGroup
from chalicelib.store import node_table, task_table

LOG = logging.getLogger(__name__)


def delegate(shard: int, wanting: Sequence[Task], now: dt.datetime) -> None:
    """Have tasks of a shard planned that are due and want others; those that want the same, or wait for them
    already, only once these were asked."""
    for _, group in groupby(sorted(wanting, key=_wanted), key=_wanted):
        same = list(group)
        if len(same) == 1 and same[0].plan_reason is None:
            planner.delegate(same[0], now)
        else:
            tasks = tuple(task.uuid for task in same)
            queues.send(queues.PEERS, ProbeParticipants(same[0].node, shard, tasks))


def _wanted(task: Task) -> str:
    return " ".join([*sorted(task.others.values()), "from", task.node, task.lead_bind or "here"])


def ask(message: ProbeParticipants, now: dt.datetime) -> None:
    """Have the tasks of a message planned if the participants they all want are up; if not, let them wait.

    One asks at a time: while the answer is out, the next tick's message does nothing.
    """
    found = task_table.get_many(message.node, message.tasks)
    wanting = [task for task in found.values() if task.is_due(now)]
    if not wanting:
        return
    name = f"ask for {message.shard}: {_wanted(wanting[0])}"
    with node_table.lease(wanting[0].node, name, now, now + planner.TASK_LEASE) as is_mine:
        if is_mine:
            _ask(wanting, now, Deadline(planner.SECONDS_PER_MESSAGE))


def _ask(wanting: Sequence[Task], now: dt.datetime, deadline: Deadline) -> None:
    silent: PeerError | None = None
    try:
        ping(PeerGroup(wanting[0], deadline))
    except PeerError as error:
        silent = error
    for task in wanting:
        if deadline.left <= 0:  # the rest stay due
            return
        try:
            _go_on(task, silent, now + dt.timedelta(seconds=deadline.spent), deadline)
        except Exception:  # what is wrong with one task holds up no other
            LOG.exception("Task %s could not be planned", task.uuid)


def _go_on(task: Task, silent: PeerError | None, now: dt.datetime, deadline: Deadline) -> None:
    if silent:
        planner.wait(task, silent, now, deadline)
    else:
        planner.delegate(task, now)

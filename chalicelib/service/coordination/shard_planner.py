"""The plan tick: have the runs of tasks placed whose time has come inside the horizon.

The tasks of the deployment are cut into shards, so that as many planners can work side by side. The tick only
says which shards have something due; who takes such a message has the shard on lease while planning.
"""

import datetime as dt
import logging
import random
from collections.abc import Callable, Sequence

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.messages import PlanShard
from chalicelib.domain.names import NodeName, TaskId
from chalicelib.domain.task import Task
from chalicelib.domain.times import ZERO
from chalicelib.infrastructure import queues
from chalicelib.service.coordination import participation, probe
from chalicelib.service.node import heartbeats, state_upgrade
from chalicelib.service.peers.peer_client import Deadline
from chalicelib.service.scheduling import cancellation
from chalicelib.settings import settings
from chalicelib.store import node_table, shards, task_table

LOG = logging.getLogger(__name__)

TASKS_PER_SHARD = 1000
"""Tasks of a shard that one planner looks up, the longest waiting."""
SECONDS_PER_SHARD = 40.0
"""Seconds one planner works; the function it runs in has half as many more."""
SHARD_LEASE = dt.timedelta(seconds=90)
"""How long a shard is left to its planner: longer than any lives."""
BACK_OFF = dt.timedelta(minutes=1)
"""How long a task that could not be planned is left alone, so that it holds up no other."""


def tick(now: dt.datetime) -> int:
    """Have every shard planned that has tasks due, and tell how many those are."""
    state_upgrade.advance("plan", now)
    due = [shard for shard in shards.every() if task_table.due(shard, now, 1)]
    queues.send_many(queues.PLAN, [(PlanShard(settings().node, shard), ZERO) for shard in due])
    heartbeats.beat("scheduler", now)
    return len(due)


def plan_shard(shard: int, now: dt.datetime) -> int:
    """Plan the tasks of a shard that are due; how many there were.

    What cannot be done within one planner's time keeps its turn for the next tick. Does nothing where
    another planner has the shard.
    """
    deadline = Deadline(SECONDS_PER_SHARD)
    planned = 0
    wanting: list[Task] = []
    with node_table.lease(settings().node, f"plan-shard-{shard}", now, now + SHARD_LEASE) as is_mine:
        for node, uuid in (
            _in_an_order_of_its_own(task_table.due(shard, now, TASKS_PER_SHARD)) if is_mine else ()
        ):
            if deadline.left <= 0:
                break
            plan_task(node, uuid, now + dt.timedelta(seconds=deadline.spent), deadline, wanting.append)
            planned += 1
        probe.delegate(shard, wanting, now + dt.timedelta(seconds=deadline.spent))
    return planned


def _in_an_order_of_its_own(due: Sequence[tuple[NodeName, TaskId]]) -> Sequence[tuple[NodeName, TaskId]]:
    """Tasks that wait the longest, shuffled: planners side by side that went through the same slots in the
    same order would want the same time all along, and one would overtake the other."""
    return random.sample(due, len(due))


def plan_task(
    node: NodeName,
    uuid: TaskId,
    now: dt.datetime,
    deadline: Deadline | None = None,
    leave: Callable[[Task], None] | None = None,
) -> None:
    """Place a task's runs up to the horizon; or, once it is cancelled, remove those it still has.

    Where other nodes have to agree, that is left to the queue of what waits for them, and to ``leave``
    where that is given.

    Never raises for what is wrong with one task: that is logged, and tried again later.
    """
    try:
        task = task_table.get(node, uuid)
        if not task.enabled:
            cancellation.sweep(task, now)
            return
        participation.of(task).fill(now, deadline or Deadline(SECONDS_PER_SHARD), leave)
    except NotFound:
        LOG.info("Task %s is gone", uuid)
    except Exception:
        LOG.exception("Task %s could not be planned", uuid)
        _postpone(node, uuid, now)


def _postpone(node: NodeName, uuid: TaskId, now: dt.datetime) -> None:
    try:
        task = task_table.get(node, uuid)
        if task.plan_at is not None:
            task_table.replan(task.evolve(plan_at=now + BACK_OFF), now)
    except (Conflict, NotFound):
        LOG.info("Task %s changed meanwhile", uuid)

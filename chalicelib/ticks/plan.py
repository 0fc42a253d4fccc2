"""The plan tick: place the runs of tasks whose time has come inside the horizon."""

import datetime as dt
import logging
from collections.abc import Iterable

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.task import Task
from chalicelib.service import cancelling, heartbeats, kin, kinship, planning
from chalicelib.service.placing import place_next
from chalicelib.store import tasks

LOG = logging.getLogger(__name__)

AT_ONCE = 200
"""Tasks of a shard that one tick plans; the rest keep their turn for the next."""
BACK_OFF = dt.timedelta(minutes=1)
"""How long a task that could not be planned is left alone, so that it holds up no other."""


def tick(now: dt.datetime, shards: Iterable[int] = range(tasks.PLAN_SHARDS)) -> int:
    """Plan the tasks that are due, and tell how many there were."""
    planned = 0
    for shard in shards:
        for uuid in tasks.due(shard, now, AT_ONCE):
            planned += 1
            plan_task(uuid, now)
    heartbeats.beat("scheduler", now)
    return planned


def plan_task(uuid: str, now: dt.datetime) -> None:
    """Place a task's runs up to the horizon; or, once it is cancelled, remove those it still has.

    Where other nodes have to agree, that is left to the queue of what waits for them.

    Never raises for what is wrong with one task: that is logged, and tried again later.
    """
    try:
        task = tasks.get(uuid)
        if not task.enabled:
            cancelling.sweep(task, now)
            return
        if task.others and task.is_lead and not kinship.are_kin(task.participants):
            _delegate(task, now)
        else:
            _fill(task, now)
    except NotFound:
        LOG.info("Task %s is gone", uuid)
    except Exception:
        LOG.exception("Task %s could not be planned", uuid)
        _postpone(uuid, now)


def _delegate(task: Task, now: dt.datetime) -> None:
    try:
        planning.delegate(task, now)
    except Conflict as trouble:
        LOG.info("Task %s is planned by somebody else: %s", task.uuid, trouble)


def _fill(task: Task, now: dt.datetime) -> None:
    while task.plan_at is not None and task.plan_at <= now:
        placed = kin.place_next(task, now) if task.others else place_next(task, now)
        task = placed.task
        if not placed.runs:
            return


def _postpone(uuid: str, now: dt.datetime) -> None:
    try:
        task = tasks.get(uuid)
        if task.plan_at is not None:
            tasks.replan(task.evolve(plan_at=now + BACK_OFF), now)
    except (Conflict, NotFound):
        LOG.info("Task %s changed meanwhile", uuid)

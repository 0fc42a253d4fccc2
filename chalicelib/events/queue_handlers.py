"""What comes by the queues, one message at a time, so that a failure retries nothing else.

A message that is none, or of a kind nobody knows, is an error here: its queue shows it again, and puts it
aside in the end.
"""

import datetime as dt
import logging
from typing import Any

from chalicelib.domain.messages import (
    AttemptDelivery,
    AttemptOutboxRequest,
    EndWait,
    Message,
    PerformRun,
    PlanLeased,
    PlanShard,
    PlanTask,
    ProbeParticipants,
    RemoveNode,
    WorkOffShard,
)
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import UTC
from chalicelib.infrastructure import logs, queues, shard_work
from chalicelib.infrastructure.machine import Machine
from chalicelib.infrastructure.queues import Queue
from chalicelib.service.alerts import watch
from chalicelib.service.archiving import announce, attempt
from chalicelib.service.coordination import planner, probe, removal, shard_planner
from chalicelib.service.execution import reaper, runner, waits
from chalicelib.service.node import heartbeats
from chalicelib.service.peers import outbox
from chalicelib.service.peers.peer_client import Deadline
from chalicelib.service.scheduling import dispatch_tick
from chalicelib.service.series import hourly_rollups

LOG = logging.getLogger(__name__)


def plan_task(event: Any) -> dict[str, JSON]:
    """Plan a shard, or one task."""
    return _each(queues.PLAN, event)


def ask_peers(event: Any) -> dict[str, JSON]:
    """Do what has to wait for other nodes."""
    return _each(queues.PEERS, event)


def run(event: Any) -> dict[str, JSON]:
    """Perform a run."""
    return _each(queues.RUNS, event)


def deliver(event: Any) -> dict[str, JSON]:
    """Attempt a delivery."""
    return _each(queues.DELIVERIES, event)


def _each(queue: Queue, event: Any) -> dict[str, JSON]:
    """Handle the messages of an event, each by itself; what failed is named, and is seen again alone.

    A message that came alone fails its event: so AWS counts it as an error of the function.
    """
    records = list(event)
    failed: list[JSON] = []
    for record in records:
        try:
            with logs.about(correlation=queues.correlation(record)):
                _handle_all(heartbeats.taken(queue, [record]))
        except Exception:
            if len(records) == 1:
                raise
            LOG.exception("A message of the queue %s failed", queue.name)
            failed.append({"itemIdentifier": record.to_dict()["messageId"]})
    return {"batchItemFailures": failed}


def _handle_all(taken: list[Message]) -> None:
    for message in taken:
        told = {name: vars(message).get(name) for name in ("task", "run")}
        with logs.about(node=message.node, **told):
            handle(message, dt.datetime.now(UTC), Machine())


def handle(message: Message, now: dt.datetime, machine: Machine) -> None:
    """Do what a message asks for."""
    match message:
        case PlanShard() | PlanTask() | RemoveNode() | WorkOffShard():
            _plan(message, now)
        case AttemptOutboxRequest(node, outbox_request):
            outbox.attempt(node, outbox_request, now)
        case ProbeParticipants():
            probe.ask(message, now)
        case PlanLeased():
            planner.plan_leased(message, now)
        case PerformRun():
            runner.perform(message, machine)
        case EndWait():
            waits.end(message, machine)
        case AttemptDelivery(node, run_, number):
            attempt.deliver(node, run_, number, now)
        case _:
            raise TypeError(f"Nobody handles {message}")


def _plan(message: Message, now: dt.datetime) -> None:
    """Do what a message of the plan queue asks for."""
    match message:
        case PlanShard(_, shard):
            shard_planner.plan_shard(shard, now)
        case PlanTask(node, task):
            shard_planner.plan_task(node, task, now)
        case RemoveNode(node, after):
            removal.sweep(node, after, now)
        case WorkOffShard(_, what, shard):
            _work_off(what, shard, now)


def _work_off(what: str, shard: int, now: dt.datetime) -> None:
    """Do what a tick left to a function of its own."""
    deadline = Deadline(shard_work.SECONDS)
    has_time = lambda: deadline.left > 0  # noqa: E731
    match what:
        case dispatch_tick.WHAT:
            dispatch_tick.dispatch([shard], now, has_time)
        case announce.WHAT:
            announce.announce(shard, now, has_time=has_time)
        case reaper.WHAT:
            reaper.reap(shard, now, has_time=has_time)
        case hourly_rollups.WHAT:
            hourly_rollups.roll(shard, now, has_time)
        case watch.WHAT:
            watch.look(shard, now, has_time)
        case _:
            raise TypeError(f"Nobody knows how to {what}")

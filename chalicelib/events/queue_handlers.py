"""What comes by the queues, one message at a time, so that a failure retries nothing else.

A message that is none, or of a kind nobody knows, is an error here: its queue shows it again, and puts it
aside in the end.
"""

import datetime as dt
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
)
from chalicelib.domain.times import UTC
from chalicelib.infrastructure import queues
from chalicelib.infrastructure.machine import Machine
from chalicelib.infrastructure.queues import Queue
from chalicelib.service.archiving import attempt
from chalicelib.service.coordination import planner, probe, shard_planner
from chalicelib.service.execution import runner, waits
from chalicelib.service.node import heartbeats
from chalicelib.service.peers import outbox


def plan_task(event: Any) -> None:
    """Plan a shard, or one task."""
    _each(queues.PLAN, event)


def ask_peers(event: Any) -> None:
    """Do what has to wait for other nodes."""
    _each(queues.PEERS, event)


def run(event: Any) -> None:
    """Perform a run."""
    _each(queues.RUNS, event)


def deliver(event: Any) -> None:
    """Attempt a delivery."""
    _each(queues.DELIVERIES, event)


def _each(queue: Queue, event: Any) -> None:
    for message in heartbeats.taken(queue, event):
        handle(message, dt.datetime.now(UTC), Machine())


def handle(message: Message, now: dt.datetime, machine: Machine) -> None:
    """Do what a message asks for."""
    match message:
        case PlanShard(node, shard):
            shard_planner.plan_shard(node, shard, now)
        case PlanTask(node, task):
            shard_planner.plan_task(node, task, now)
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

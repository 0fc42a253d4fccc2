"""Whether the node works: what waits, for how long, and what of it nobody looks after.

A run that should have started is nobody's while it waits to be dispatched. So where runs are due and nothing
moves, the node is not ready a minute later, whichever part of it has stopped.
"""

import datetime as dt
from collections.abc import Iterator

from chalicelib.domain import state_version, telemetry
from chalicelib.domain.names import NodeName
from chalicelib.domain.run_states import State
from chalicelib.domain.telemetry import Sample
from chalicelib.domain.times import format_duration, round_up
from chalicelib.infrastructure import process_counters as counted
from chalicelib.infrastructure import queues
from chalicelib.service.node import heartbeats, pause
from chalicelib.store import (
    delivery_table,
    disk_space,
    dispatch_marks,
    outbox_table,
    run_totals,
    shards,
    state_record,
    task_table,
)

OVERDUE = dt.timedelta(seconds=60)
"""How long after its start a run may wait to be dispatched: ticks come every minute, and look ahead two."""
MOST_COUNTED = 1000
"""Things of a shard that are counted: how many are more says no more than that there are too many."""
STATES = (
    *(State.PENDING, State.ON_DECK, State.RUNNING, State.CLEANUP, State.FINISHED),
    *(State.OVERDUE, State.MISSED, State.FAILED, State.PREEMPTED, State.NONSTART),
)
"""Those that pScheduler's own metrics count."""


def troubles(node: NodeName, now: dt.datetime) -> list[str]:
    """Why the node is not ready, a sentence each; none where it is."""
    found = [] if pause.is_paused(node, now) else _undispatched(now)
    if not disk_space.is_left(node):
        found.append("The disk is full: tasks and results are refused")
    if objection := state_version.objection(state_record.read()):
        found.append(objection)
    for service, told in heartbeats.describe(node, now)["services"].items():
        if told["overdue"] is not None:
            found.append(f"The {service} is overdue by {told['overdue']}")
    return found


def _undispatched(now: dt.datetime) -> list[str]:
    late = oldest_due(now)
    if late <= OVERDUE:
        return []
    return [f"A run that was due {format_duration(round_up(late))} ago waits to be dispatched"]


def oldest_due(now: dt.datetime) -> dt.timedelta:
    """How overdue the run is that has waited longest to be dispatched; zero where none waits."""
    first = dispatch_marks.oldest_unsent(now)
    return dt.timedelta(0) if first is None else now - first


def watched(now: dt.datetime) -> list[Sample]:
    """What waits in all of the deployment. It costs what there is, up to a thousand things a shard."""
    planning = sum(len(task_table.due(shard, now, MOST_COUNTED)) for shard in shards.every())
    delivering = sum(len(delivery_table.due(shard, now, MOST_COUNTED)) for shard in shards.every())
    return [
        Sample(telemetry.PLANNING, planning),
        Sample(telemetry.OLDEST, oldest_due(now).total_seconds()),
        Sample(telemetry.DELIVERIES, delivering),
        Sample(telemetry.DEAD, queues.dead_letters()),
    ]


def tick(now: dt.datetime) -> None:
    """Have CloudWatch know what waits, where there is CloudWatch."""
    if counted.is_on_aws():
        counted.emit(watched(now))


def samples(node: NodeName, now: dt.datetime) -> Iterator[Sample]:
    """All that is shown at /metrics: what this process counted, what waits, and what there is of one node."""
    yield from sorted(counted.samples(), key=lambda sample: sample.metric.name)
    yield from watched(now)
    yield Sample(telemetry.PAUSED, int(pause.is_paused(node, now)))
    yield Sample(telemetry.ARCHIVING, delivery_table.count_due(node, now), {"state": "backlog"})
    yield Sample(telemetry.ARCHIVING, delivery_table.count_upcoming(node, now), {"state": "upcoming"})
    yield Sample(telemetry.HTTP_QUEUE, outbox_table.backlog(node), {"state": "backlog"})
    yield Sample(telemetry.HTTP_QUEUE, outbox_table.length(node), {"state": "length"})
    for state in STATES:
        yield Sample(telemetry.RUN_COUNTS, run_totals.count(node, state, now), {"state": state.value})

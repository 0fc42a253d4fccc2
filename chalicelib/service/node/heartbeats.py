"""Signs of life: when ticks last worked and messages were last taken, when runs were placed and finished.

The names are the reference's daemons, which clients ask about (docs/contract/api.md, Administrative).
"""

import contextlib
import datetime as dt
import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.domain.errors import Conflict
from chalicelib.domain.messages import Message
from chalicelib.domain.names import NodeName
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import (
    UTC,
    ZERO,
    format_duration,
    format_timestamp,
    parse_timestamp,
    round_up,
    truncate,
)
from chalicelib.infrastructure import queues, shard_work
from chalicelib.infrastructure.queues import Load, Queue
from chalicelib.service.node import node_directory
from chalicelib.service.node.remembered import Remembered
from chalicelib.settings import settings
from chalicelib.store import node_table, run_counts

LOG = logging.getLogger(__name__)

INTERVAL = dt.timedelta(minutes=1)
TOLERANCE = dt.timedelta(seconds=30)
"""How late a sign of life may be before its service counts as overdue."""
SILENT = 5 * INTERVAL
"""How far apart two signs of life are of a service that was silent for long, or whose clock was set."""
SETTLING = dt.timedelta(minutes=10)
"""How long a service shows signs of life, none missing, before its clock is trusted to say what is old."""
CLOCKS_DIFFER = dt.timedelta(hours=1)
"""By how much less the clocks of those who share the state are apart."""
SERVICES = ("ticker", "scheduler", "runner", "archiver")
QUEUES = {"scheduler": queues.PLAN, "runner": queues.RUNS, "archiver": queues.DELIVERIES}
"""Services that work off a queue besides their tick."""
LAST_SCHEDULED, LAST_FINISHED = "last-scheduled", "last-finished"

NOTE_EVERY = dt.timedelta(seconds=30)
"""A process writes down an event at most this often: one write a run would be a write too many."""
NOTE_REGISTERED_EVERY = dt.timedelta(minutes=10)
"""The same of a registered node: of many, each run that a process comes across is another's."""
OVER = (State.FINISHED, State.FAILED)

Loads = Mapping[Queue, Load]
_loads: Remembered[str, tuple[Loads, int]] = Remembered(seconds=1.0, most=1)
"""What is in the queues, as they were asked last: SQS itself is up to a minute behind."""
_noted: dict[tuple[NodeName, str], dt.datetime] = {}
_noting = threading.Lock()
_beats: dict[tuple[str, NodeName, str], JSON] = {}
"""The signs of life that this process left, or read, last, by the prefix of its tables, node and service."""


def beat(service: str, now: dt.datetime) -> None:
    """Record that a service has worked, for all nodes of the deployment: whoever works for one, does for all.

    One that was silent for long, or spoke at a time to come, counts as started anew. The last sign of life is
    not read where this process left it: it is the condition of the write.
    """
    own = settings().prefix, settings().node, service
    with contextlib.suppress(Conflict):
        if own in _beats:
            _beat(own, _beats.pop(own), now)
            return
    try:
        _beat(own, node_table.read(settings().node, service), now)
    except Conflict:
        LOG.info("Another %s works at the same time, and says so", service)


def _beat(own: tuple[str, NodeName, str], last: JSON, now: dt.datetime) -> None:
    """Leave a sign of life in place of the last. Raises Conflict where that is another."""
    known = last
    if known is None or abs(now - parse_timestamp(known["last"])) > SILENT:
        known = {"started": format_timestamp(now), "updates": 0}
    sign = {**known, "updates": known["updates"] + 1, "last": format_timestamp(now)}
    node_table.move(own[1], own[2], last, sign)
    _beats[own] = sign


def _last(service: str) -> JSON:
    """The last sign of life of a service, read once: it stays the condition of the next."""
    own = settings().prefix, settings().node, service
    if own not in _beats and (found := node_table.read(settings().node, service)) is not None:
        _beats[own] = found
    return _beats.get(own)


def is_ahead(service: str, now: dt.datetime) -> bool:
    """Whether the last sign of life of a service is of a clock that was far ahead of this one."""
    known = _last(service)
    return known is not None and parse_timestamp(known["last"]) > now + CLOCKS_DIFFER


def has_settled(service: str, now: dt.datetime) -> bool:
    """Whether a service has shown signs of life for a while, with none missing, up to now. So its clock was
    not set meanwhile, which may be wrong where a host has just been started."""
    known = _last(service)
    if known is None or abs(now - parse_timestamp(known["last"])) > SILENT:
        return False
    return parse_timestamp(known["started"]) <= now - SETTLING


def _is_told_by_runs(node: NodeName) -> bool:
    """Whether nobody notes when a node last finished a run: of one that is registered, and where functions
    share the work, each of which would look at the note and seldom find that another had just written it."""
    return shard_work.is_shared() or not node_directory.is_of_environment(node)


def note(node: NodeName, event: str, now: dt.datetime) -> None:
    """Record that something happened, unless this process just did, or another.

    A deployment has thousands of processes, each of which handles a message in seconds: one item could not
    take a write of each, and a look at it, a moment behind, costs a tenth.
    """
    if event == LAST_FINISHED and _is_told_by_runs(node):
        return
    every = NOTE_EVERY if node_directory.is_of_environment(node) else NOTE_REGISTERED_EVERY
    with _noting:
        recent = _noted.get((node, event))
        if recent is not None and now - every < recent <= now:
            return
        _noted[node, event] = now
    known = node_table.glance(node, event)
    if known is None or not now - every < parse_timestamp(known) <= now:
        node_table.write(node, event, format_timestamp(now))


def taken(queue: Queue, event: Iterable[Any]) -> list[Message]:
    """The messages in an event of a queue; that it came at all is a sign of life of whoever handles it."""
    found = queues.received(queue, event)
    note(settings().node, _handled(queue), dt.datetime.now(UTC))
    return found


def _handled(queue: Queue) -> str:
    return f"handled-{queue.name}"


def forget() -> None:
    """Ask the queues and the tables again on next use: they are others."""
    _loads.clear()
    _beats.clear()


def _asked() -> tuple[Loads, int]:
    return {queue: queues.load(queue) for queue in queues.QUEUES}, queues.dead_letters()


def describe(node: NodeName, now: dt.datetime) -> dict[str, JSON]:
    """The members ``services``, ``queues``, ``dead-letters`` and ``runs`` of /status."""
    handled = [_handled(queue) for queue in queues.QUEUES]
    of_all = [(settings().node, name) for name in (*SERVICES, *handled)]
    found = node_table.read_all([*of_all, (node, LAST_SCHEDULED), (node, LAST_FINISHED)])
    known = {name: value for (_, name), value in found.items()}
    if _is_told_by_runs(node):
        known[LAST_FINISHED] = _last_end(node, now)
    loads, dead_letters = _loads.get(settings().prefix, _asked)
    return {
        "services": {service: _service(service, known, loads, now) for service in SERVICES},
        "queues": {
            queue.name: {**loads[queue].describe(), "last": known.get(_handled(queue))}
            for queue in queues.QUEUES
        },
        "dead-letters": dead_letters,
        "runs": {event: known.get(event) for event in (LAST_FINISHED, LAST_SCHEDULED)},
    }


def _last_end(node: NodeName, now: dt.datetime) -> JSON:
    """When the run ended that started last of those that are over; None where none is."""
    latest = next(run_counts.in_order(node, run_counts.within(OVER), now, backwards=True, limit=1), None)
    return format_timestamp(latest.end) if latest else None


def _service(
    service: str, notes: Mapping[str, JSON], loads: Mapping[Queue, Load], now: dt.datetime
) -> dict[str, JSON]:
    known = notes.get(service)
    if known is None:
        names = ("uptime", "updates", "last", "next_time", "expected", "overdue")
        return dict.fromkeys(names)
    started, last = parse_timestamp(known["started"]), parse_timestamp(known["last"])
    expected = last + INTERVAL
    queue = QUEUES.get(service)
    if queue and loads[queue].waiting:
        # Its tick comes, but does anybody take what is in its queue?
        handled = notes.get(_handled(queue))
        expected = min(expected, (parse_timestamp(handled) if handled else started) + INTERVAL)
    # A sign of life of another time, as of a clock that was ahead, is none of this.
    late = round_up(max(now - expected, last - now - INTERVAL))
    return {
        "uptime": format_duration(max(ZERO, truncate(now) - truncate(started))),
        "updates": known["updates"],
        "last": format_timestamp(last),
        "next_time": format_duration(INTERVAL),
        "expected": format_timestamp(expected),
        "overdue": format_duration(late) if late >= TOLERANCE else None,
    }

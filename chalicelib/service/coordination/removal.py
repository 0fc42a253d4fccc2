"""Removing a node: it is served no more at once, and its tasks are cancelled, at all their participants.

Runs that are over are kept as long as any, and forgotten by the reaper, who needs no node for that. Requests
that were under way while it was removed may still store a task: so the tasks are looked through a little
later, and once more where whoever did it did not come to its end.
"""

import datetime as dt
import itertools
import logging
from collections.abc import Sequence

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.messages import RemoveNode
from chalicelib.domain.names import NodeName
from chalicelib.domain.served_nodes import ServedNode
from chalicelib.domain.task import Task
from chalicelib.infrastructure import queues
from chalicelib.service.alerts import rules
from chalicelib.service.coordination import participation
from chalicelib.service.node import (
    agent_bell,
    api_keys,
    node_directory,
    pause,
    proxy_credentials,
    registration,
)
from chalicelib.store import node_registry, node_table, task_table

LOG = logging.getLogger(__name__)

LATER = dt.timedelta(seconds=2 * node_directory.FRESH + 30)
"""When nobody takes the node for one that is served any more, and no request is under way."""
AGAIN = dt.timedelta(minutes=10)
"""When somebody else looks through its tasks, where it is still there."""
TASKS_AT_ONCE = 100
NODES_AT_ONCE = 100
KEPT = (api_keys.KEYS, proxy_credentials.CREDENTIALS, pause.PAUSE, rules.RULES, rules.WINDOWS)
"""What else is kept for a node by name."""


def begin(node: NodeName, now: dt.datetime) -> ServedNode:
    """Serve a node no more, and have its tasks cancelled. Raises NotFound."""
    removed = registration.remove(node, now)
    agent_bell.take_down(node)
    queues.announce(queues.PLAN, [(RemoveNode(node, ()), LATER)])
    return removed


def tick(now: dt.datetime) -> None:
    """Have nodes seen to that were removed long ago and are still there."""
    left = [
        each for each in node_registry.removed(NODES_AT_ONCE) if each.removed and each.removed + AGAIN <= now
    ]
    queues.send_many(queues.PLAN, [(RemoveNode(each.node, ()), dt.timedelta(0)) for each in left])


def sweep(node: NodeName, after: Sequence[str], now: dt.datetime) -> None:
    """Cancel some of a removed node's tasks, and leave the rest to a further message; at last forget it."""
    known = node_registry.find(node)
    if known is None or known.removed is None:
        return
    place = (dt.datetime.fromisoformat(after[0]), after[1]) if after else None
    some = list(itertools.islice(task_table.every(node, place, TASKS_AT_ONCE), TASKS_AT_ONCE))
    for task in some:
        _cancel(task, now)
    if len(some) == TASKS_AT_ONCE:
        following = (some[-1].added.isoformat(), some[-1].uuid)
        queues.send(queues.PLAN, RemoveNode(node, following))
    elif known.removed + LATER <= now:
        for name in KEPT:
            node_table.remove(node, name)
        registration.forget_removed(node)


def _cancel(task: Task, now: dt.datetime) -> None:
    """Cancel a task here, and at all where its lead is a node of this deployment.

    A lead elsewhere hears of it when it asks for its runs.
    """
    lead = node_directory.of_participant(task.participants[0]) if task.participant else None
    for node in {task.node, lead.node if lead else task.node}:
        try:
            participation.cancel(node, task.uuid, now, at_once=0)
        except (NotFound, Conflict) as error:
            LOG.info("Nothing to cancel: %s", error)

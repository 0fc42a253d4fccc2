"""Calling a node's agent: its bell is rung, by whichever carrier the agent listens to."""

import datetime as dt
import logging

from chalicelib.domain.agent_protocol import OFFERED_AHEAD as OFFERED_AHEAD
from chalicelib.domain.names import NodeName
from chalicelib.infrastructure import agent_queues
from chalicelib.settings import settings
from chalicelib.store import agent_bells
from chalicelib.store.store_errors import STORE_ERRORS

HTTPS, QUEUE = "https", "queue"
"""The carriers: the agent listens at the coordinator, or reads a queue."""
LOG = logging.getLogger(__name__)


def ring(node: NodeName, now: dt.datetime, cancels: bool = False) -> None:
    """Call the agent. Never raises: what it is called for is stored, and found at its next contact."""
    try:
        agent_bells.ring(node, now, cancels)
        if by_queue():
            agent_queues.ring(node)
    except STORE_ERRORS:
        LOG.warning("The bell of %s cannot be rung; its agent comes by itself", node, exc_info=True)


def by_queue() -> bool:
    """Whether each agent reads a queue of its own, and not the bell here."""
    return settings().agent_carrier == QUEUE


def hang(node: NodeName) -> None:
    """Have what an agent that joins is called by. Never raises: without a queue it listens here."""
    if by_queue():
        agent_queues.make(node)


def take_down(node: NodeName) -> None:
    """Let go of what an agent was called by that has left, or whose node was removed."""
    if by_queue():
        agent_queues.delete(node)

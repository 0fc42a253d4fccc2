"""Calling a node's agent: its bell is rung, by whichever carrier the agent listens to."""

import datetime as dt
import logging

from chalicelib.domain.agent_protocol import OFFERED_AHEAD as OFFERED_AHEAD
from chalicelib.domain.names import NodeName
from chalicelib.store import agent_bells
from chalicelib.store.conditions import STORE_ERRORS

LOG = logging.getLogger(__name__)


def ring(node: NodeName, now: dt.datetime, cancels: bool = False) -> None:
    """Call the agent. Never raises: what it is called for is stored, and found at its next contact."""
    try:
        agent_bells.ring(node, now, cancels)
    except STORE_ERRORS:
        LOG.warning("The bell of %s cannot be rung; its agent comes by itself", node, exc_info=True)

"""What waits for other nodes: planning with them, asking whether they are up, sending outbox requests."""

import datetime as dt
from collections.abc import Mapping

from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.service.coordination import planner, probe
from chalicelib.service.peers import outbox


def handle(message: Mapping[str, JSON], now: dt.datetime) -> None:
    """Do what a message of the queue asks for."""
    if "outbox_request" in message:
        outbox.attempt(NodeName(message["node"]), message["outbox_request"], now)
    elif "tasks" in message:
        probe.ask(message, now)
    else:
        planner.plan_leased(
            NodeName(message["node"]), message["task"], message["lease"], message["tries"], now
        )

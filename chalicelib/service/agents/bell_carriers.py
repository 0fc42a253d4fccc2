"""How an agent hears its bell, and how often it comes by itself: as the deployment is set to.

https   the agent listens at the coordinator, which one machine can do for many
queue   it reads a queue of its own, which costs nobody a process: for AWS
"""

import datetime as dt
from collections.abc import Sequence

from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp
from chalicelib.infrastructure import agent_queues
from chalicelib.service.node import agent_bell
from chalicelib.service.node.agent_bell import HTTPS, QUEUE

EVERY = 60
"""Seconds between contacts. What is not rung for, as it is placed long ahead, is offered a quarter of an hour
before its start."""
EVERY_IDLE = 600
"""The same where the agent holds no runs and reads a queue, since each contact is paid for there."""


def of(node: NodeName, now: dt.datetime) -> dict[str, JSON]:
    """The carrier, as an answer to a contact has it."""
    url = agent_queues.url_of(node) if agent_bell.by_queue() else None
    if url is None:
        return {"kind": HTTPS}
    signed, expires = agent_queues.signed(url, now)
    return {"kind": QUEUE, "url": signed, "expires": format_timestamp(expires)}


def every(carrier: JSON, held: Sequence[JSON]) -> int:
    """The longest the agent may go without a contact, in seconds."""
    return EVERY if held or carrier["kind"] == HTTPS else EVERY_IDLE

"""How an agent hears its bell, and how often it comes by itself."""

import datetime as dt
from collections.abc import Sequence

from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON

EVERY = 20
"""Seconds between contacts where the agent listens at the coordinator."""


def of(node: NodeName, now: dt.datetime) -> dict[str, JSON]:
    """The carrier, as an answer to a contact has it."""
    return {"kind": "https"}


def every(node: NodeName, held: Sequence[JSON]) -> int:
    """The longest the agent may go without a contact, in seconds."""
    return EVERY

"""What waits for other nodes: planning with them, asking whether they are up, running errands to them."""

import datetime as dt
from collections.abc import Mapping

from chalicelib.domain.schemas import JSON
from chalicelib.service import asking, errands, planning


def handle(message: Mapping[str, JSON], now: dt.datetime) -> None:
    """Do what a message of the queue asks for."""
    if "errand" in message:
        errands.attempt(message["errand"], now)
    elif "tasks" in message:
        asking.ask(message, now)
    else:
        planning.plan_leased(message["task"], message["lease"], message["tries"], now)

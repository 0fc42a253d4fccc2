"""The switch for more talk in the log: all processes of the deployment look at it now and then."""

import logging
import time

from chalicelib.settings import settings
from chalicelib.store import node_table
from chalicelib.store.store_errors import STORE_ERRORS

LOG = logging.getLogger(__name__)

DEBUG = "debug"
LOOK_EVERY = 90.0
"""Seconds after which a process looks at the switch again: each look costs, and functions are many."""
OURS = ("chalicelib", "plugins")

_looked: list[float] = []


def is_on() -> bool:
    """Whether the node is to log all it can; a moment behind: all processes of a deployment look at it."""
    return node_table.glance(settings().node, DEBUG) is True


def switch(on: bool) -> None:
    """Turn it on or off: here at once, in the other processes when they look next."""
    node_table.write(settings().node, DEBUG, on)
    _set(on)


def follow() -> None:
    """Do as the switch says, if it is time to look. What an event has to do never fails for this."""
    now = time.monotonic()
    if _looked and now - _looked[0] < LOOK_EVERY:
        return
    _looked[:] = [now]
    try:
        _set(is_on())
    except STORE_ERRORS:
        LOG.warning("Whether to debug cannot be read", exc_info=True)


def _set(on: bool) -> None:
    for name in OURS:
        logging.getLogger(name).setLevel(logging.DEBUG if on else logging.NOTSET)

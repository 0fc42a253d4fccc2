"""Whether there is room to store anything, once a request was refused for want of it.

On a full disk the engine of a one-machine node still changes what is small in place, such as signs of life,
so nothing else shows that tasks and results are refused. On AWS there is always room, and nothing is tried.
"""

import math
import threading
import time

from chalicelib.domain.errors import StorageFull
from chalicelib.domain.names import NodeName
from chalicelib.store import node_table
from chalicelib.store.store_errors import STORE_ERRORS, unavailable

TRIED = "disk-space"
SIZE = 200_000
"""Characters that are written to see whether there is room: more than the largest task has."""
TRY_EVERY = 5.0
"""Seconds between tries: whoever asks causes a write."""


class _Room:
    """What this process knows: whether something ``was_refused`` and no try has succeeded since, and when it
    last ``tried``."""

    def __init__(self) -> None:
        self.was_refused, self.tried = False, -math.inf
        self.trying = threading.Lock()


_room = _Room()


def note_refused() -> None:
    """Note that something was refused for want of room."""
    _room.was_refused = True


def forget() -> None:
    """Take it that there is room."""
    _room.was_refused, _room.tried = False, -math.inf


def is_left(node: NodeName) -> bool:
    """Whether there is room, as far as this process knows: where there was none, it tries once more."""
    if _room.was_refused:
        with _room.trying:
            if time.monotonic() - _room.tried >= TRY_EVERY:
                _room.tried = time.monotonic()
                _room.was_refused = not _has_room(node)
    return not _room.was_refused


def _has_room(node: NodeName) -> bool:
    try:
        node_table.write(node, TRIED, "x" * SIZE)
        node_table.remove(node, TRIED)
    except STORE_ERRORS as error:
        if isinstance(unavailable(error), StorageFull):
            return False
        raise
    return True

"""Documents of a node that hold many things, such as its keys or its alert rules: changed by one at a time.

Whoever comes while another changes one waits for a moment. It may be about quite another of these things, so
that the client has no reason to expect a conflict.
"""

import contextlib
import copy
import datetime as dt
import random
import time
from collections.abc import Iterator

from chalicelib.domain.errors import Conflict
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.store import node_table

LEASE = dt.timedelta(seconds=10)
"""How long one has it at most: who has not returned it by then is gone."""
PATIENCE = 5.0
"""Seconds that somebody waits, which is longer than a hundred changes take."""
_PAUSES = 0.005, 0.05
"""Seconds between two looks, at random, so that those who wait do not all look at once."""


@contextlib.contextmanager
def changing(node: NodeName, name: str, what: str, now: dt.datetime) -> Iterator[dict[str, JSON]]:
    """A document, to be changed by nobody else meanwhile, and stored when that is done.

    Raises Conflict where others change it for all the time that one waits, or somebody did who took one's
    turn for over.
    """
    began = time.monotonic()
    while (waited := time.monotonic() - began) <= PATIENCE:
        at = now + dt.timedelta(seconds=waited)
        with node_table.lease(node, f"{name}-changing", at, at + LEASE) as is_mine:
            if is_mine:
                before = node_table.read(node, name)
                document: dict[str, JSON] = copy.deepcopy(before) or {}
                yield document
                node_table.move(node, name, before, document)
                return
        time.sleep(random.uniform(*_PAUSES))  # noqa: S311 - spreads load
    raise Conflict(f"Somebody else is changing {what}: try again")

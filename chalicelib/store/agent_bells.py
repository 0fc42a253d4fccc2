"""The bell of each node's agent: how often it rang, so that no ring is lost on who was not listening."""

import datetime as dt
from typing import NamedTuple

from chalicelib.domain.names import NodeName
from chalicelib.domain.times import format_timestamp, parse_timestamp
from chalicelib.store import changes, raw_items
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.node_models import NodeItem
from chalicelib.store.node_registry import BELL


class Bell(NamedTuple):
    """How often it rang, how often of these because something was cancelled, and when it last did."""

    number: int = 0
    cancels: int = 0
    rung: dt.datetime | None = None


def word(node: NodeName) -> str:
    """What ``changes`` announces when the bell rings."""
    return f"{BELL}:{node}"


def ring(node: NodeName, now: dt.datetime, cancels: bool = False) -> None:
    """Ring it once more, and wake who listens in this process."""
    NodeItem(key(node, BELL)).update(
        actions=[
            NodeItem.counted.add(1),
            NodeItem.cancels.add(int(cancels)),
            NodeItem.value.set({"rung": format_timestamp(now)}),
        ]
    )
    changes.announce(word(node))


def read(node: NodeName) -> Bell:
    """The bell now, strongly consistent."""
    found = raw_items.get(NodeItem, {"name": key(node, BELL)})
    if found is None:
        return Bell()
    return Bell(int(found.counted or 0), int(found.cancels or 0), parse_timestamp(found.value["rung"]))

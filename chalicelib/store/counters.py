"""Counters that never pass a bound, however many count at a time: a conditional write each."""

import contextlib
import datetime as dt

from chalicelib.domain.errors import Conflict
from chalicelib.domain.names import NodeName
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.node_models import NodeItem
from chalicelib.store.store_errors import on_condition_failed

KEPT_AFTER = dt.timedelta(days=1)
"""How long a counter is kept that is of no use any more."""


class Full(Conflict):
    """A counter has no room for what was to be counted."""


def add(node: NodeName, name: str, amount: int, most: int, until: dt.datetime) -> None:
    """Count an amount, of use until an instant. Raises Full where that would pass ``most``."""
    item = _item(node, name)
    room = NodeItem.counted.does_not_exist() | (NodeItem.counted <= most - amount)
    if amount > most:
        raise Full(f"{name} is full")
    with on_condition_failed(Full(f"{name} is full")):
        item.update(
            actions=[
                NodeItem.counted.add(amount),
                NodeItem.value.set({}),
                NodeItem.expires.set(int((until + KEPT_AFTER).timestamp())),
            ],
            condition=room,
        )


def take_back(node: NodeName, name: str, amount: int) -> None:
    """Have an amount not counted after all; of a counter that is gone, nothing."""
    with contextlib.suppress(Conflict), on_condition_failed(Conflict(f"{name} is gone")):
        _item(node, name).update(
            actions=[NodeItem.counted.add(-amount)], condition=NodeItem.counted >= amount
        )


def read(node: NodeName, name: str) -> int:
    """How much was counted."""
    found = list(NodeItem.batch_get([_key(node, name)], consistent_read=True))
    return int(found[0].counted or 0) if found else 0


def _item(node: NodeName, name: str) -> NodeItem:
    return NodeItem(_key(node, name))


def _key(node: NodeName, name: str) -> str:
    return key(node, "counter", name)

"""What the node knows of itself: whether it is paused, when its parts last worked, who does what now."""

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.errors import Conflict
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.store import raw_items
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.node_models import NodeItem
from chalicelib.store.store_errors import on_condition_failed

LONGEST_LEASE = dt.timedelta(hours=1)
"""Longer than anybody takes a name for."""


def read(node: NodeName, name: str) -> JSON:
    """A named value; None when there is none."""
    found = raw_items.get(NodeItem, {"name": key(node, name)})
    return None if found is None else found.value


def glance(node: NodeName, name: str) -> JSON:
    """The same, a moment behind: for what all processes of a deployment look at."""
    found = raw_items.get(NodeItem, {"name": key(node, name)}, consistent=False)
    return None if found is None else found.value


def read_many(node: NodeName, names: tuple[str, ...], consistent: bool = False) -> dict[str, JSON]:
    """Named values; those that are not there are left out."""
    found = raw_items.batch_get(NodeItem, [{"name": key(node, name)} for name in names], consistent)
    return {item.name.rsplit("#", 1)[-1]: item.value for item in found}


def read_all(places: Sequence[tuple[NodeName, str]]) -> dict[tuple[NodeName, str], JSON]:
    """Named values of several nodes in one read; those that are not there are left out."""
    found = raw_items.batch_get(NodeItem, [{"name": key(*place)} for place in dict.fromkeys(places)])
    by_key = {item.name: item.value for item in found}
    return {place: by_key[key(*place)] for place in places if key(*place) in by_key}


def write(node: NodeName, name: str, value: JSON, expires: dt.datetime | None = None) -> None:
    """Keep a value under a name, in place of the one before."""
    _item(node, name, value, expires).save()


def move(node: NodeName, name: str, before: JSON, after: JSON, expires: dt.datetime | None = None) -> None:
    """Keep a value in place of the one that was read, None for none. Raises Conflict where it is another."""
    same = NodeItem.name.does_not_exist() if before is None else NodeItem.value == before
    with on_condition_failed(Conflict(f"{name} was changed meanwhile")):
        _item(node, name, after, expires).save(condition=same)


def _item(node: NodeName, name: str, value: JSON, expires: dt.datetime | None) -> NodeItem:
    return NodeItem(key(node, name), value=value, expires=int(expires.timestamp()) if expires else None)


def raise_to(node: NodeName, name: str, count: int) -> int:
    """Have a named number be so much at least; what it is then."""
    where = key(node, name)
    try:
        known = int(NodeItem.get(where, consistent_read=True).counted or 0)
    except DoesNotExist:
        known = 0
    if known < count:
        lower = NodeItem.name.does_not_exist() | (NodeItem.counted < count)
        with contextlib.suppress(Conflict), on_condition_failed(Conflict(f"{name} is more already")):
            NodeItem(where, value=count, counted=count).save(condition=lower)
    return max(known, count)


def acquire(node: NodeName, name: str, now: dt.datetime, until: dt.datetime) -> bool:
    """Take a name for oneself until an instant; False where somebody else has it.

    One that is taken for longer than anybody takes one was taken by a clock that was ahead, and is free.
    """
    taken = Conflict(f"{name} is taken")
    end, latest = int(until.timestamp()), int((now + LONGEST_LEASE).timestamp())
    over = (NodeItem.expires <= int(now.timestamp())) | (NodeItem.expires > latest)
    free = NodeItem.name.does_not_exist() | over
    try:
        with on_condition_failed(taken):
            NodeItem(key(node, name), value={"until": end}, expires=end).save(condition=free)
    except Conflict:
        return False
    return True


@contextlib.contextmanager
def lease(node: NodeName, name: str, now: dt.datetime, until: dt.datetime) -> Iterator[bool]:
    """Have a name for oneself meanwhile, at most until an instant; yields False where another has it."""
    mine = acquire(node, name, now, until)
    try:
        yield mine
    finally:
        if mine:
            _release(node, name, until)


def _release(node: NodeName, name: str, until: dt.datetime) -> None:
    # Whoever came after the end of the lease has one with another end.
    own = NodeItem.expires == int(until.timestamp())
    with contextlib.suppress(Conflict), on_condition_failed(Conflict(f"{name} is somebody else's")):
        NodeItem(key(node, name)).delete(condition=own)


def remove(node: NodeName, name: str) -> None:
    NodeItem(key(node, name)).delete()

"""What the node knows of itself: whether it is paused, when its parts last worked, who does what now."""

import datetime as dt

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.errors import Conflict
from chalicelib.domain.schemas import JSON
from chalicelib.store.conditions import lost_means
from chalicelib.store.tables import NodeItem, key


def read(name: str) -> JSON:
    """A named value; None when there is none."""
    try:
        return NodeItem.get(key(name), consistent_read=True).value
    except DoesNotExist:
        return None


def read_many(names: tuple[str, ...]) -> dict[str, JSON]:
    """Named values; those that are not there are left out."""
    found = NodeItem.batch_get([key(name) for name in names])
    return {item.name.rsplit("#", 1)[-1]: item.value for item in found}


def write(name: str, value: JSON, expires: dt.datetime | None = None) -> None:
    """Keep a value under a name, in place of the one before."""
    NodeItem(key(name), value=value, expires=int(expires.timestamp()) if expires else None).save()


def acquire(name: str, now: dt.datetime, until: dt.datetime) -> bool:
    """Take a name for oneself until an instant; False where somebody else has it."""
    taken = Conflict(f"{name} is taken")
    end = int(until.timestamp())
    free = NodeItem.name.does_not_exist() | (NodeItem.expires <= int(now.timestamp()))
    try:
        with lost_means(taken):
            NodeItem(key(name), value={"until": end}, expires=end).save(condition=free)
    except Conflict:
        return False
    return True


def remove(name: str) -> None:
    NodeItem(key(name)).delete()

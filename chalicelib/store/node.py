"""What the node knows of itself: whether it is paused, and when its parts last worked."""

import datetime as dt

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.schemas import JSON
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


def remove(name: str) -> None:
    NodeItem(key(name)).delete()

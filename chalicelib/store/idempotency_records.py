"""Idempotency keys: what a client wants done once, however often it has to ask.

The item that remembers a key is written in the transaction that does the thing, so there is never
one without the other: of two requests at the same time one wins, and the other finds its item.
"""

import dataclasses
import datetime as dt

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import Repeated
from chalicelib.domain.names import NodeName, TaskId
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.node_models import NodeItem

KEEP_KEYS = dt.timedelta(hours=24)
"""How long a key is remembered."""


@dataclasses.dataclass(frozen=True)
class IdempotencyRecord:
    """A task to be stored once; ``name`` and ``fingerprint`` are digests of a client's key and body."""

    node: NodeName
    name: str
    fingerprint: str
    task: TaskId
    until: dt.datetime


def find(node: NodeName, name: str, now: dt.datetime) -> IdempotencyRecord | None:
    """What was done under a key, strongly consistent; None for one not used in the last 24 hours."""
    try:
        item = NodeItem.get(_key(node, name), consistent_read=True)
    except DoesNotExist:
        return None
    until = dt.datetime.fromtimestamp(int(item.expires or 0), now.tzinfo)
    if until <= now:
        return None
    return IdempotencyRecord(node, name, item.value["fingerprint"], item.value["task"], until)


def require_unused(idempotency_record: IdempotencyRecord, now: dt.datetime) -> None:
    """Raise Repeated, with the task there is, when somebody used the key already."""
    found = find(idempotency_record.node, idempotency_record.name, now)
    if found is not None:
        raise Repeated("The idempotency key was used already", found.task, found.fingerprint)


def to_item(idempotency_record: IdempotencyRecord) -> NodeItem:
    """The item that remembers it."""
    value = {"fingerprint": idempotency_record.fingerprint, "task": idempotency_record.task}
    return NodeItem(
        _key(idempotency_record.node, idempotency_record.name),
        value=value,
        expires=int(idempotency_record.until.timestamp()),
    )


def unused(now: dt.datetime) -> Condition:
    """That nobody used the key; AWS may be days late to drop an item that has expired."""
    free: Condition = NodeItem.name.does_not_exist() | (NodeItem.expires <= int(now.timestamp()))
    return free


def _key(node: NodeName, name: str) -> str:
    return key(node, "idempotency", name)

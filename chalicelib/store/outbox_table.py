"""Outbox requests in the store: requests to other nodes that outlive whoever first made them."""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName
from chalicelib.domain.outbox_request import OutboxRequest
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN
from chalicelib.store import shards
from chalicelib.store.models.item_keys import bare, key, owner
from chalicelib.store.models.outbox_models import OutboxItem
from chalicelib.store.store_errors import on_condition_failed

FRESH, TRIED = "fresh", "tried"
"""Where an outbox request waits, by whether it was ever attempted; /stat/http-queue counts them apart."""


def get(node: NodeName, uuid: str) -> OutboxRequest:
    """One outbox request, strongly consistent. Raises NotFound."""
    try:
        return to_outbox_request(OutboxItem.get(key(node, uuid), consistent_read=True))
    except DoesNotExist as error:
        raise NotFound(f"There is no outbox request {uuid}") from error


def due(shard: int, now: dt.datetime, limit: int) -> list[tuple[NodeName, str]]:
    """The outbox requests of a shard, of all nodes, to be attempted by now, those that failed before last."""
    found: list[tuple[NodeName, str]] = []
    for why in (FRESH, TRIED):
        if len(found) < limit:
            found += _filed(shard, why, OutboxItem.due_at <= now, limit - len(found))
    return found


def filed_later(shard: int, after: dt.datetime) -> list[tuple[NodeName, str]]:
    """The outbox requests of a shard that are attempted later than an instant."""
    later = OutboxItem.due_at > after
    return _filed(shard, FRESH, later) + _filed(shard, TRIED, later)


def _filed(shard: int, why: str, when: Condition, limit: int | None = None) -> list[tuple[NodeName, str]]:
    found = OutboxItem.due_index.query(shards.place(shard, why), when, limit=limit)
    return [(owner(item.outbox_request), bare(item.outbox_request)) for item in found]


def backlog(node: NodeName) -> int:
    """How many outbox requests of a node were never attempted. Costs what there are at all nodes."""
    return _count(node, FRESH)


def length(node: NodeName) -> int:
    """How many outbox requests of a node there are. Costs what there are at all nodes."""
    return backlog(node) + _count(node, TRIED)


def _count(node: NodeName, why: str) -> int:
    own = OutboxItem.outbox_request.startswith(key(node, ""))
    return sum(
        int(OutboxItem.due_index.count(shards.place(shard, why), None, own)) for shard in shards.every()
    )


def add(outbox_requests: Sequence[OutboxRequest]) -> None:
    """Keep outbox requests."""
    with OutboxItem.batch_write() as batch:
        for outbox_request in outbox_requests:
            batch.save(to_item(outbox_request))


def add_within(transaction: TransactWrite, outbox_requests: Sequence[OutboxRequest]) -> None:
    """Keep outbox requests if all else in a transaction is written, and not otherwise."""
    for outbox_request in outbox_requests:
        transaction.save(to_item(outbox_request))


def drop_within(transaction: TransactWrite, outbox_requests: Sequence[OutboxRequest]) -> None:
    """Forget outbox requests if all else in a transaction is written, and not otherwise."""
    for outbox_request in outbox_requests:
        transaction.delete(OutboxItem(key(outbox_request.node, outbox_request.uuid)))


def claim(outbox_request: OutboxRequest, now: dt.datetime) -> OutboxRequest:
    """Take an outbox request for an attempt. Raises Conflict when somebody else did."""
    begun = outbox_request.begun(now)
    actions: list[Action] = [
        OutboxItem.attempts.set(begun.attempts),
        OutboxItem.due.set(_waiting(outbox_request.uuid, TRIED)),
        OutboxItem.due_at.set(begun.next_attempt),
    ]
    taken = Conflict(f"Outbox request {outbox_request.uuid} was taken by somebody else")
    with on_condition_failed(taken):
        OutboxItem(key(outbox_request.node, outbox_request.uuid)).update(
            actions, condition=OutboxItem.attempts == outbox_request.attempts
        )
    return begun


def hasten(outbox_request: OutboxRequest, now: dt.datetime) -> None:
    """Have an outbox request be attempted by now, unless somebody did meanwhile: then it raises Conflict."""
    changed = Conflict(f"Outbox request {outbox_request.uuid} was taken by somebody else")
    with on_condition_failed(changed):
        OutboxItem(key(outbox_request.node, outbox_request.uuid)).update(
            [OutboxItem.due_at.set(now)], condition=OutboxItem.attempts == outbox_request.attempts
        )


def explain(outbox_request: OutboxRequest, error: str) -> None:
    """Note why an attempt failed; the next one is due anyway."""
    with on_condition_failed(Conflict(f"Outbox request {outbox_request.uuid} is over")):
        OutboxItem(key(outbox_request.node, outbox_request.uuid)).update(
            [OutboxItem.error.set(error)], condition=OutboxItem.outbox_request.exists()
        )


def delete(outbox_requests: Sequence[OutboxRequest]) -> None:
    """Forget outbox requests."""
    with OutboxItem.batch_write() as batch:
        for outbox_request in outbox_requests:
            batch.delete(OutboxItem(key(outbox_request.node, outbox_request.uuid)))


def _waiting(uuid: str, why: str) -> str:
    return shards.place(shards.of(uuid), why)


def to_item(outbox_request: OutboxRequest) -> OutboxItem:
    return OutboxItem(
        key(outbox_request.node, outbox_request.uuid),
        method=outbox_request.method,
        host=outbox_request.host,
        path=outbox_request.path,
        args=dict(outbox_request.args),
        bind=outbox_request.bind,
        added=outbox_request.added,
        attempts=outbox_request.attempts,
        error=outbox_request.error,
        due=_waiting(outbox_request.uuid, TRIED if outbox_request.attempts else FRESH),
        due_at=outbox_request.next_attempt,
        expires=math.ceil((outbox_request.added + KEEP_AFTER_LAST_RUN * 2).timestamp()),
    )


def to_outbox_request(item: Any) -> OutboxRequest:
    return OutboxRequest(
        node=owner(item.outbox_request),
        uuid=bare(item.outbox_request),
        method=item.method,
        host=item.host,
        path=item.path,
        args=item.args,
        added=item.added,
        next_attempt=item.due_at,
        bind=item.bind,
        attempts=int(item.attempts),
        error=item.error,
    )

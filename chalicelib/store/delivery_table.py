"""Deliveries of results to archives, in the store."""

import dataclasses
import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition

from chalicelib.domain.delivery import Delivery
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN
from chalicelib.store.conditions import on_condition_failed
from chalicelib.store.models import DeliveryItem, bare, key, owner

DELIVERY_SHARDS = 4


def of_run(node: NodeName, run: RunId) -> list[Delivery]:
    """The deliveries of a run, in the order of the task's archives."""
    return [to_delivery(item) for item in DeliveryItem.query(key(node, run), consistent_read=True)]


def get(node: NodeName, run: RunId, number: int) -> Delivery:
    """One delivery, strongly consistent. Raises NotFound."""
    try:
        return to_delivery(DeliveryItem.get(key(node, run), number, consistent_read=True))
    except DoesNotExist as error:
        raise NotFound(f"There is no delivery {number} of run {run}") from error


def due(node: NodeName, shard: int, now: dt.datetime, limit: int) -> list[tuple[RunId, int]]:
    """(run, number) of the deliveries of a shard to be attempted by now, the longest waiting first."""
    index = DeliveryItem.archiving_index
    found = index.query(key(node, str(shard)), DeliveryItem.next_attempt <= now, limit=limit)
    return [(RunId(bare(item.run)), int(item.number)) for item in found]


def count_due(node: NodeName, now: dt.datetime) -> int:
    """How many deliveries are to be attempted by now."""
    return _count(node, DeliveryItem.next_attempt <= now)


def count_upcoming(node: NodeName, now: dt.datetime) -> int:
    """How many deliveries are to be attempted later."""
    return _count(node, DeliveryItem.next_attempt > now)


def _count(node: NodeName, when: Condition) -> int:
    return sum(
        DeliveryItem.archiving_index.count(key(node, str(shard)), when) for shard in range(DELIVERY_SHARDS)
    )


def change(delivery: Delivery) -> Delivery:
    """Write a changed delivery over the one it was made from. Raises Conflict when that changed."""
    written = dataclasses.replace(delivery, revision=delivery.revision + 1)
    changed = Conflict(f"Delivery {delivery.number} of run {delivery.run} changed meanwhile")
    with on_condition_failed(changed):
        to_item(written).save(condition=DeliveryItem.revision == delivery.revision)
    return written


def delete(deliveries: Sequence[Delivery]) -> None:
    """Forget deliveries."""
    for delivery in deliveries:
        DeliveryItem(key(delivery.node, delivery.run), delivery.number).delete()


def to_item(delivery: Delivery) -> DeliveryItem:
    waiting = delivery.next_attempt is not None
    return DeliveryItem(
        key(delivery.node, delivery.run),
        delivery.number,
        task=delivery.task,
        spec=delivery.spec,
        deadline=delivery.deadline,
        attempts=delivery.attempts,
        silent=delivery.silent,
        last_attempt=delivery.last_attempt,
        archived=delivery.archived,
        completed=delivery.completed,
        diags=list(delivery.diags),
        archiving=key(delivery.node, str(int(delivery.run[:8], 16) % DELIVERY_SHARDS)) if waiting else None,
        next_attempt=delivery.next_attempt,
        revision=delivery.revision,
        expires=math.ceil((delivery.added + KEEP_AFTER_LAST_RUN * 2).timestamp()),
        added=delivery.added,
    )


def to_delivery(item: Any) -> Delivery:
    return Delivery(
        node=owner(item.run),
        run=RunId(bare(item.run)),
        number=int(item.number),
        task=TaskId(item.task),
        spec=item.spec,
        added=item.added,
        deadline=item.deadline,
        attempts=int(item.attempts),
        silent=int(item.silent),
        last_attempt=item.last_attempt,
        archived=item.archived,
        completed=item.completed,
        diags=tuple(item.diags),
        next_attempt=item.next_attempt,
        revision=int(item.revision),
    )

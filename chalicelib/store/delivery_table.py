"""Deliveries of results to archives, in the store."""

import dataclasses
import datetime as dt
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.delivery import ANNOUNCED, Delivery
from chalicelib.domain.delivery_states import DeliveryState
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN
from chalicelib.store import list_order, shards
from chalicelib.store.list_order import Place
from chalicelib.store.models.delivery_models import DeliveryItem
from chalicelib.store.models.item_keys import bare, key, owner
from chalicelib.store.store_errors import on_condition_failed

ANNOUNCED_ONES = "announced"
LARGEST_BATCH = 100
"""Items read in one request."""


def of_run(node: NodeName, run: RunId) -> list[Delivery]:
    """The deliveries of a run, in the order of the task's archives."""
    return [to_delivery(item) for item in DeliveryItem.query(key(node, run), consistent_read=True)]


def get(node: NodeName, run: RunId, number: int) -> Delivery:
    """One delivery, strongly consistent. Raises NotFound."""
    try:
        return to_delivery(DeliveryItem.get(key(node, run), number, consistent_read=True))
    except DoesNotExist as error:
        raise NotFound(f"There is no delivery {number} of run {run}") from error


@dataclasses.dataclass(frozen=True)
class Due:
    """A delivery whose time has come, as the index has it."""

    node: NodeName
    run: RunId
    number: int
    lane: str
    revision: int


def due(shard: int, now: dt.datetime, limit: int) -> list[Due]:
    """The deliveries of a shard, of all nodes, to be announced by now, the longest waiting first: those to be
    attempted that were not announced, then those that were and were not heard of since."""
    return _looked_at(shard, DeliveryItem.look_at <= now, limit)[:limit]


def filed_later(shard: int, after: dt.datetime) -> list[Due]:
    """The deliveries of a shard that somebody looks at later than an instant."""
    return _looked_at(shard, DeliveryItem.look_at > after)


def _looked_at(shard: int, when: Condition, limit: int | None = None) -> list[Due]:
    found = [
        DeliveryItem.archiving_index.query(_waiting(shard, announced), when, limit=limit)
        for announced in (False, True)
    ]
    return [
        Due(owner(item.run), RunId(bare(item.run)), int(item.number), item.lane, int(item.revision))
        for item in itertools.chain.from_iterable(found)
    ]


def announce(due: Due, now: dt.datetime) -> None:
    """Note that a delivery was announced, unless it changed since it was found: then it needs none."""
    actions: list[Action] = [
        DeliveryItem.announced.set(now + ANNOUNCED),
        DeliveryItem.look_at.set(now + ANNOUNCED),
        DeliveryItem.archiving.set(_waiting(shards.of(due.run), announced=True)),
    ]  # not counted as a change: whoever has just read the delivery may go on with it
    condition = DeliveryItem.revision == due.revision
    with on_condition_failed(Conflict(f"Delivery {due.number} of run {due.run} changed meanwhile")):
        DeliveryItem(key(due.node, due.run), due.number).update(actions, condition=condition)


def in_state(
    node: NodeName, state: DeliveryState, after: Place | None, page_size: int | None = None
) -> Iterator[Delivery]:
    """The deliveries in a state in the order their results came to be, those behind a place."""
    index = DeliveryItem.states_index
    later = None if after is None else DeliveryItem.added >= after[0]
    found = index.query(key(node, state.value), later, page_size=page_size)
    placed = list_order.behind(
        found, lambda item: (item.added, place_name(bare(item.run), item.number)), after
    )
    while some := list(itertools.islice(placed, page_size or LARGEST_BATCH)):
        yield from _whole(some)


def place_name(run: str, number: float) -> str:
    """What tells deliveries apart that came to be together."""
    return f"{run}/{int(number):06}"


def _whole(keys: Sequence[Any]) -> Iterator[Delivery]:
    wanted = [(item.run, int(item.number)) for item in keys]
    found = {(item.run, int(item.number)): item for item in DeliveryItem.batch_get(wanted)}
    return (to_delivery(found[place]) for place in wanted if place in found)


def count_due(node: NodeName, now: dt.datetime) -> int:
    """How many deliveries are to be attempted by now. Costs what is due at all nodes of the deployment."""
    return _count(node, False, DeliveryItem.look_at <= now) + _count(node, True)


def count_upcoming(node: NodeName, now: dt.datetime) -> int:
    """How many deliveries are to be attempted later. Costs what waits at all nodes of the deployment."""
    return _count(node, False, DeliveryItem.look_at > now)


def _count(node: NodeName, announced: bool, when: Condition | None = None) -> int:
    index, own = DeliveryItem.archiving_index, DeliveryItem.run.startswith(key(node, ""))
    return sum(index.count(_waiting(shard, announced), when, own) for shard in shards.every())


def _waiting(shard: int, announced: bool) -> str:
    return shards.place(shard, ANNOUNCED_ONES) if announced else shards.place(shard)


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
        archiving=_waiting(shards.of(delivery.run), delivery.announced is not None) if waiting else None,
        look_at=delivery.announced or delivery.next_attempt,
        next_attempt=delivery.next_attempt,
        lane=delivery.lane,
        announced=delivery.announced,
        document=delivery.document,
        state_key=key(delivery.node, delivery.state.value),
        revision=delivery.revision,
        expires=math.ceil((delivery.added + KEEP_AFTER_LAST_RUN * 2).timestamp()),  # after its run
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
        lane=item.lane,
        announced=item.announced,
        document=item.document,
        revision=int(item.revision),
    )

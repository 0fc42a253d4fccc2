"""Filing anew what an earlier version filed by node: ``<node>#<why>#<shard>`` becomes ``#<why>#<shard>``.

Each item by itself, on the condition that it is still where it was found: whoever changes it meanwhile files
it by the new rule anyway.
"""

import dataclasses
import itertools
from collections.abc import Iterator

from pynamodb.exceptions import UpdateError

from chalicelib.domain.names import NodeName
from chalicelib.settings import settings
from chalicelib.store import delivery_table, outbox_table, raw_items, run_items, shards, task_items
from chalicelib.store.models.alert_models import AlertItem
from chalicelib.store.models.base import Table
from chalicelib.store.models.delivery_models import DeliveryItem
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.outbox_models import OutboxItem
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.models.series_models import SeriesItem
from chalicelib.store.models.task_models import TaskItem
from chalicelib.store.raw_items import RawItem, Stretch

OLD_SHARDS = range(4)


@dataclasses.dataclass(frozen=True)
class Index:
    """A sparse index: its name, and the attribute that says where in it something waits."""

    table: type[Table]
    name: str
    attribute: str


DUE = Index(RunItem, "due", "due")
PLAN = Index(TaskItem, "plan", "plan")
ARCHIVING = Index(DeliveryItem, "archiving", "archiving")
OUTBOX = Index(OutboxItem, "due", "due")
ROLLING = Index(SeriesItem, "rolling", "rolling")
LOOK = Index(AlertItem, "look", "look")

REASONS: dict[str, tuple[tuple[Index, str], ...]] = {
    "plan": ((PLAN, ""),),
    "dispatch": ((DUE, run_items.DISPATCH),),
    "reap": (
        (DUE, run_items.DISPATCH),
        (DUE, run_items.AGREE),
        (DUE, run_items.GIVE_UP),
        (DUE, run_items.PURGE),
        (PLAN, task_items.PURGE),
        (OUTBOX, outbox_table.FRESH),
        (OUTBOX, outbox_table.TRIED),
        (ROLLING, ""),
        (LOOK, ""),
    ),
    "archive": ((ARCHIVING, ""), (ARCHIVING, delivery_table.ANNOUNCED_ONES)),
}
"""What each tick looks into, and why something waits there."""


def _places(tick: str, node: NodeName) -> Iterator[tuple[Index, str, str]]:
    """Where what a tick looks for was filed, and where it is filed now."""
    for index, why in REASONS[tick]:
        middle = (why,) if why else ()
        if index is OUTBOX:  # it had no shards
            yield index, key(node, why), shards.place(0, why)
            continue
        for shard in OLD_SHARDS:
            yield index, key(node, *middle, str(shard)), shards.place(shard % settings().shards, *middle)


def readdress(tick: str, node: NodeName, most: int) -> int:
    """File anew what a tick looks for, of each place so many at most, what is due first; how many."""
    return sum(_move(index, old, new, most) for index, old, new in _places(tick, node))


def _move(index: Index, old: str, new: str, most: int) -> int:
    stretch = Stretch((index.attribute, old), index=index.name)
    found = list(itertools.islice(raw_items.query(index.table, stretch, most), most))
    for item in found:
        _file(index, item, old, new)
    return len(found)


def _file(index: Index, item: RawItem, old: str, new: str) -> None:
    hash_key, range_key = index.table._hash_keyname, index.table._range_keyname
    keys = [getattr(item, name) for name in (hash_key, range_key) if name]
    attribute = index.table.get_attributes()[index.attribute]
    try:
        index.table(*keys).update([attribute.set(new)], condition=attribute == old)
    except UpdateError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise

"""Announcing deliveries: a message each, in the lane of its destination."""

import datetime as dt
import itertools
import logging
from collections.abc import Iterable, Sequence

from chalicelib.domain.delivery import Delivery
from chalicelib.domain.errors import Conflict
from chalicelib.domain.messages import AttemptDelivery
from chalicelib.infrastructure import queues, shard_work
from chalicelib.infrastructure.shard_work import HasTime, always
from chalicelib.service.node import heartbeats, state_upgrade
from chalicelib.store import delivery_table, shards
from chalicelib.store.delivery_table import Due

LOG = logging.getLogger(__name__)
WHAT = "announce"
DELIVERIES_PER_SHARD = 1000


def tick(now: dt.datetime) -> int:
    """Announce what is due; how many deliveries that were here.

    Shards with many are left to functions of their own.
    """
    state_upgrade.advance("archive", now)
    most = shard_work.most(DELIVERIES_PER_SHARD)
    counts = {shard: announce(shard, now, most) for shard in shards.every()}
    shard_work.leave(WHAT, [shard for shard, count in counts.items() if count == most])
    heartbeats.beat("archiver", now)
    return sum(counts.values())


def announce(
    shard: int, now: dt.datetime, most: int = DELIVERIES_PER_SHARD, has_time: HasTime = always
) -> int:
    """Announce what is due in a shard; how many that were. What was announced is not again for long.

    Sent first, and noted then: a crash in between announces it twice, which does no harm, since whoever
    takes it first moves its next attempt.
    """
    count = 0
    for batch in _tens(delivery_table.due(shard, now, most)):
        if not has_time():
            break
        queues.send_many(queues.DELIVERIES, [(message(each), dt.timedelta(0)) for each in batch])
        for each in batch:
            _note(each, now)
        count += len(batch)
    return count


def message(delivery: Delivery | Due) -> AttemptDelivery:
    """What whoever delivers it is sent."""
    return AttemptDelivery(delivery.node, delivery.run, delivery.number, delivery.lane)


def at_once(deliveries: Sequence[Delivery]) -> None:
    """Announce deliveries that have just been stored."""
    queues.announce(queues.DELIVERIES, [(message(each), dt.timedelta(0)) for each in deliveries])


def _tens(due: Iterable[Due]) -> Iterable[list[Due]]:
    left = iter(due)
    return iter(lambda: list(itertools.islice(left, queues.BATCH)), [])


def _note(due: Due, now: dt.datetime) -> None:
    try:
        delivery_table.announce(due, now)
    except Conflict:
        LOG.info("Delivery %d of run %s was attempted at once", due.number, due.run)

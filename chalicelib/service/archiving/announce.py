"""The archive tick: announce deliveries that are due, among them those that were lost sight of."""

import datetime as dt

from chalicelib.domain.messages import AttemptDelivery
from chalicelib.domain.names import NodeName
from chalicelib.infrastructure import queues
from chalicelib.service.node import heartbeats
from chalicelib.store import delivery_table

DELIVERIES_PER_SHARD = 1000


def tick(node: NodeName, now: dt.datetime) -> int:
    """Announce what is due, and tell how many deliveries that were.

    Announcing one twice does no harm: whoever takes it first moves its next attempt.
    """
    due = [
        each
        for shard in range(delivery_table.DELIVERY_SHARDS)
        for each in delivery_table.due(node, shard, now, DELIVERIES_PER_SHARD)
    ]
    messages = [(AttemptDelivery(node, run, number), dt.timedelta(0)) for run, number in due]
    queues.send_many(queues.DELIVERIES, messages)
    heartbeats.beat(node, "archiver", now)
    return len(due)

"""What is due at one node, of what is due in the deployment."""

import datetime as dt

from chalicelib.store import outbox_table, shards


def outbox_requests(node: str, now: dt.datetime) -> list[str]:
    """The outbox requests of a node that are to be attempted by now."""
    found = [each for shard in shards.every() for each in outbox_table.due(shard, now, 99)]
    return [uuid for of, uuid in found if of == node]

"""What is due, in all shards of the deployment."""

import datetime as dt

from chalicelib.store import due_runs, outbox_table, shards


def outbox_requests(node: str, now: dt.datetime) -> list[str]:
    """The outbox requests of a node that are to be attempted by now."""
    found = [each for shard in shards.every() for each in outbox_table.due(shard, now, 99)]
    return [uuid for of, uuid in found if of == node]


def runs(why: str, now: dt.datetime) -> list[str]:
    """The runs that wait for something and are due by now."""
    return [each.run for shard in shards.every() for each in due_runs.due(why, shard, now, 10)]

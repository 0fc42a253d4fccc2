"""How far it was seen to that runs of a shard are over: a mark a shard, not a write for each run.

It need not be exact. Whoever goes on from one that is behind looks at some runs once more, which does no
harm.
"""

import datetime as dt

from chalicelib.domain.times import format_timestamp, parse_timestamp
from chalicelib.settings import settings
from chalicelib.store import node_table


def read(shard: int) -> dt.datetime | None:
    """What started by then is over, or filed to be looked at later; None where nobody ever looked."""
    known = node_table.glance(settings().node, _name(shard))
    return None if known is None else parse_timestamp(known)


def write(shard: int, until: dt.datetime) -> None:
    """Keep a mark in place of the one before."""
    node_table.write(settings().node, _name(shard), format_timestamp(until))


def _name(shard: int) -> str:
    return f"seen-to-{shard}"

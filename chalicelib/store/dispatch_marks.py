"""How far the runs of a shard were sent to their runners: a mark a shard, not a note on each run.

It is moved once what lies before it was sent. A crash in between sends some of that twice, which does no
harm: a run is begun by a conditional write.
"""

import datetime as dt
from collections.abc import Iterable

from chalicelib.domain.times import INSTANT, format_timestamp, parse_timestamp
from chalicelib.settings import settings
from chalicelib.store import due_runs, node_table, run_items, run_table, shards


def read(some: Iterable[int], consistent: bool = True) -> dict[int, dt.datetime]:
    """The marks of shards: what starts then or earlier was sent. Those that never had one are left out."""
    names = {_name(shard): shard for shard in some}
    found = node_table.read_many(settings().node, tuple(names), consistent)
    return {names[name]: parse_timestamp(value) for name, value in found.items()}


def oldest_unsent(now: dt.datetime) -> dt.datetime | None:
    """When the run should have started that waits longest to be sent; None where none waits.

    Marks may be a moment behind: what has started by now was sent long before.
    """
    marks, longest = read(shards.every(), consistent=False), run_table.EARLIEST_START
    found = [
        due_runs.due(run_items.DISPATCH, shard, now, 1, marks[shard] + INSTANT if shard in marks else longest)
        for shard in shards.every()
    ]
    return min((each.at for due in found for each in due), default=None)


def move(shard: int, before: dt.datetime | None, after: dt.datetime) -> None:
    """Say that what starts by an instant was sent. Raises Conflict where somebody else did meanwhile."""
    known = None if before is None else format_timestamp(before)
    node_table.move(settings().node, _name(shard), known, format_timestamp(after))


def _name(shard: int) -> str:
    return f"dispatched-{shard}"

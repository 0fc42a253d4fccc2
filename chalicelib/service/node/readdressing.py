"""Having the ticks find what an earlier version stored: it filed what is due by node.

Every tick files some of what it looks for anew, before it looks, and what is due first. Once there was
nothing for an hour - so long an earlier version may be at work beside this one - nobody looks any more.
"""

import datetime as dt

from chalicelib.domain.times import format_timestamp, parse_timestamp
from chalicelib.settings import settings
from chalicelib.store import node_table, readdressing

AT_ONCE = 500
"""Items of one place that a tick files anew."""
LONG_ENOUGH = dt.timedelta(hours=1)

_done: set[tuple[str, str]] = set()


def forget() -> None:
    """Look again on next use: the tables are others."""
    _done.clear()


def advance(tick: str, now: dt.datetime) -> None:
    """File anew what there is of what a tick looks for, or some of it."""
    own = settings().prefix, tick
    if own in _done:
        return
    name = f"readdressed-{tick}"
    since = node_table.read(settings().node, name)
    if since is not None and parse_timestamp(since) + LONG_ENOUGH <= now:
        _done.add(own)
        return
    found = sum(readdressing.readdress(tick, each.node, AT_ONCE) for each in settings().identities)
    if found and since is not None:
        node_table.remove(settings().node, name)
    elif not found and since is None:
        node_table.write(settings().node, name, format_timestamp(now))

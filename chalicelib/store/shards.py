"""Where what is due waits: the sparse indexes are cut into shards over the whole deployment.

So a tick asks as many questions as there are shards, however many nodes there are. Which node something is of
is in its own key; which shard it is in, in the key it waits under, ``#<why>#<shard>``. Where the number of
shards is changed, what waits stays where it is until it is written again: so as many are looked into as there
ever were.
"""

import functools

from chalicelib.settings import settings
from chalicelib.store import node_table

MOST_EVER = "shards"


def every() -> range:
    """The shards that may hold something."""
    known = settings()
    return range(_most_ever(known.prefix, known.shards))


@functools.cache
def _most_ever(prefix: str, now: int) -> int:
    """How many there ever were; those there are now are noted. Looked up once a process."""
    return node_table.raise_to(settings().node, MOST_EVER, now)


def forget() -> None:
    """Look again on next use: the tables are others."""
    _most_ever.cache_clear()


def of(uuid: str) -> int:
    """The shard of what has a UUID, for as long as there are as many."""
    return int(uuid[:8], 16) % settings().shards


def place(shard: int, *why: str) -> str:
    """The key of an index under which what is due for a reason waits in a shard."""
    return "#".join(("", *why, str(shard)))

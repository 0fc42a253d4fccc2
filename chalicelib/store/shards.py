"""Where what is due waits: the sparse indexes are cut into shards over the whole deployment.

So a tick asks as many questions as there are shards, however many nodes there are. Which node something is of
is in its own key; which shard it is in, in the key it waits under, ``#<why>#<shard>``. With more shards than
before what waits in the old ones is still found there; with fewer, nobody would look into the last.
"""

from chalicelib.settings import settings


def every() -> range:
    """The shards there are."""
    return range(settings().shards)


def of(uuid: str) -> int:
    """The shard of what has a UUID, for as long as there are as many."""
    return int(uuid[:8], 16) % settings().shards


def place(shard: int, *why: str) -> str:
    """The key of an index under which what is due for a reason waits in a shard."""
    return "#".join(("", *why, str(shard)))

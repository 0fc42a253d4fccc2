"""Where a tick has much to do: a shard that has, is left to a function of its own.

So no tick takes longer for there being more to do. Where functions live as long as they like, on one machine,
the tick does it all itself.
"""

from collections.abc import Callable, Iterable

from chalicelib.domain.messages import WorkOffShard
from chalicelib.domain.times import ZERO
from chalicelib.infrastructure import queues
from chalicelib.settings import settings

AT_TICK = 100
"""Of a shard and a kind, how much a tick does itself, where functions live only so long."""
SECONDS = 40.0
"""How long a function works off a shard; what is left is found by the next tick."""


HasTime = Callable[[], bool]


def always() -> bool:
    """Of who may take as long as it takes."""
    return True


def is_shared() -> bool:
    """Whether there are functions to leave shards to."""
    return settings().longest_run > 0


def most(all_of_it: int) -> int:
    """How much of a shard a tick does itself."""
    return AT_TICK if is_shared() else all_of_it


def leave(what: str, shards: Iterable[int]) -> None:
    """Have shards worked off, each by a function of its own."""
    outgoing = [(WorkOffShard(settings().node, what, shard), ZERO) for shard in shards]
    queues.send_many(queues.PLAN, outgoing)

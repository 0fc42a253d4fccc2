"""Where a tick has much to do: a shard that has, is left to a function of its own.

So no tick takes longer for there being more to do. Where functions live as long as they like, on one machine,
the tick does it all itself.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from chalicelib.domain.messages import WorkOffShard
from chalicelib.domain.times import ZERO
from chalicelib.infrastructure import queues
from chalicelib.settings import settings

AT_TICK = 100
"""Of a kind and each of four shards, how much a tick does itself, where functions live only so long; of fewer
shards it does more each, of more less."""
SHARDS_AT_TICK = 4
SECONDS = 40.0
"""How long a function works off a shard; what is left is found by the next tick."""


HasTime = Callable[[], bool]
Due = TypeVar("Due")


def always() -> bool:
    """Of who may take as long as it takes."""
    return True


def is_shared() -> bool:
    """Whether there are functions to leave shards to."""
    return settings().longest_run > 0


def most(all_of_it: int) -> int:
    """How much of a shard a tick does itself."""
    if not is_shared():
        return all_of_it
    return max(1, int(AT_TICK * SHARDS_AT_TICK / settings().shards))


def here(
    what: str, all_of_it: int, shards: Iterable[int], due: Callable[[int, int], Sequence[Due]]
) -> list[Due]:
    """What a tick does itself of what is due; shards that have more are left to functions of their own.

    ``due`` gives what is due in a shard, so much at most.
    """
    at_most = most(all_of_it)
    found = {shard: due(shard, at_most) for shard in shards}
    full = [shard for shard, those in found.items() if len(those) == at_most] if is_shared() else []
    leave(what, full)
    return [each for shard, those in found.items() if shard not in full for each in those]


def leave(what: str, shards: Iterable[int]) -> None:
    """Have shards worked off, each by a function of its own; where there are none, the tick did it all."""
    if not is_shared():
        return
    outgoing = [(WorkOffShard(settings().node, what, shard), ZERO) for shard in shards]
    queues.send_many(queues.PLAN, outgoing)

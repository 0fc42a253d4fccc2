"""What a version files anew of what earlier ones stored, a step each.

A step finds items by an index that has them as they were and rewrites each on the condition that it is
still so: whoever changes it meanwhile writes it the new way anyway. So steps run beside both releases.
"""

import dataclasses
from collections.abc import Callable

from chalicelib.domain.names import NodeName
from chalicelib.store import refiled_items


@dataclasses.dataclass(frozen=True)
class Step:
    """``work(tick, node, most)`` files anew what a tick looks for, so many items of a place at most, what is
    due first, and says how many it found. ``name`` is what its progress is noted under."""

    version: int
    name: str
    work: Callable[[str, NodeName, int], int]


STEPS: tuple[Step, ...] = (Step(2, "readdressed", refiled_items.readdress),)
"""In the order they are made. A step is dropped with the next version: nothing older is read then."""
TICKS = tuple(refiled_items.REASONS)
"""Those that make steps, each for what it looks for."""

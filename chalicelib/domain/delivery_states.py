"""The life of a delivery: one result on its way to one archive (docs/contract/archivers.md).

A delivery begins together with its result, in one transaction, and is attempted until it succeeds, fails for
good, or reaches its time to live. Two rules hold:

- An attempt is recorded before it is made. If it never reports back, the delivery becomes due again by
  itself, and is given up after a few such attempts: whatever ended them would do so again.
- Once a delivery is over it is not attempted again, unless it failed and somebody asks for it. Attempts are
  recorded on condition that the delivery is as it was read, so of two at the same time, one is too late
  (``store/delivery_table.py``).

``LIFE`` says where a delivery may go from each state, and why. docs/states.md is drawn from it.
"""

import enum
from collections.abc import Mapping

from chalicelib.domain.errors import BadTransition


class DeliveryState(str, enum.Enum):
    """How far a delivery has come."""

    WAITING = "waiting"
    """An attempt is due at a known time."""
    UNDER_WAY = "under-way"
    """An attempt was begun and has not reported."""
    ARCHIVED = "archived"
    FAILED = "failed"


LIFE: Mapping[DeliveryState, Mapping[DeliveryState, str]] = {
    DeliveryState.WAITING: {
        DeliveryState.UNDER_WAY: "an attempt begins",
        DeliveryState.FAILED: "its time to live has passed",
    },
    DeliveryState.UNDER_WAY: {
        DeliveryState.ARCHIVED: "the archive has it, or its transform left nothing",
        DeliveryState.WAITING: "it is to be attempted again",
        DeliveryState.UNDER_WAY: "the attempt never reported: another begins",
        DeliveryState.FAILED: "it failed for good, or too many never reported",
    },
    DeliveryState.ARCHIVED: {},
    DeliveryState.FAILED: {DeliveryState.WAITING: "somebody requests another attempt"},
}
BEGINS: Mapping[DeliveryState, str] = {DeliveryState.WAITING: "the run is over"}


def require(old: DeliveryState, new: DeliveryState) -> None:
    """Raise BadTransition unless a delivery may go from one state to the other."""
    if new not in LIFE[old]:
        raise BadTransition(f"A delivery that is {old.value} cannot become {new.value}")

"""Messages that wait for a worker, in lanes: what is in one holds up nothing that is in another.

A lane that hangs, or is flooded, has its own share of the workers and no more. What a fair queue of SQS does
by message groups is done here for one machine.
"""

import collections
import dataclasses
import itertools
import json
import math
from collections.abc import Mapping
from typing import Any

MOST_PARKED = 1000
"""Messages of a lane that are kept here; more of them go back to their queue for a while."""

KEPT = 4
"""One in so many workers is kept for lanes that have none yet, so that many which hang take not all."""

Message = Mapping[str, Any]
"""As SQS's ReceiveMessage gives it."""


def lane_of(message: Message) -> str:
    """The lane a message says it belongs to; none is a lane too."""
    try:
        body = json.loads(message["Body"])
    except ValueError:
        return ""
    lane = body.get("lane") if isinstance(body, dict) else None
    return lane if isinstance(lane, str) else ""


@dataclasses.dataclass
class _Lane:
    parked: dict[str, Message] = dataclasses.field(default_factory=dict)  # by body: the same twice is once
    under_way: int = 0
    turn: int = 0


class Lanes:
    """The lanes of one queue with so many workers, of which one lane may hold ``widest``; not for threads."""

    def __init__(self, workers: int, widest: int):
        self._workers, self._widest = workers, widest
        self._lanes: dict[str, _Lane] = collections.defaultdict(_Lane)
        self._turns = itertools.count(1)
        self.idle = workers
        self.parked = 0

    def park(self, message: Message) -> Message | None:
        """Have a message wait for its turn; what is to be got rid of instead: the one before, where the same
        waits already."""
        lane = self._lanes[lane_of(message)]
        before = lane.parked.pop(message["Body"], None)
        lane.parked[message["Body"]] = message
        self.parked += before is None
        return before if before and before["MessageId"] != message["MessageId"] else None

    def is_full(self, message: Message) -> bool:
        """Whether so many wait in the lane of a message that this one may wait elsewhere."""
        known = self._lanes.get(lane_of(message))
        return known is not None and len(known.parked) >= MOST_PARKED and message["Body"] not in known.parked

    def take(self) -> Message | None:
        """The message whose turn it is, with a worker for it; None where no worker is idle or may take any.

        It is the turn of the lane with the fewest under way, and of those the one that waits the longest.
        """
        if not self.idle:
            return None
        limit = self._limit()
        waiting = [
            (lane.under_way, lane.turn, name)
            for name, lane in self._lanes.items()
            if lane.parked and (lane.under_way < limit or not name)
        ]
        if not waiting:
            return None
        lane = self._lanes[min(waiting)[2]]
        body = next(iter(lane.parked))
        message = lane.parked.pop(body)
        lane.under_way += 1
        lane.turn = next(self._turns)
        self.parked -= 1
        self.idle -= 1
        return message

    def _limit(self) -> int:
        """Workers that one lane may hold: once half of them are busy its fair share of what is not kept for
        lanes yet to come, and its share of that alone where nothing else is left."""
        if 2 * self.idle > self._workers:
            return self._widest
        kept, lanes = self._workers // KEPT, max(1, len(self._lanes))
        share = math.ceil((self._workers - kept) / lanes) if self.idle > kept else kept // lanes
        return min(self._widest, max(1, share))

    def done(self, message: Message) -> None:
        """The worker that had a message is idle again."""
        name = lane_of(message)
        lane = self._lanes[name]
        lane.under_way -= 1
        self.idle += 1
        if not lane.parked and not lane.under_way:
            del self._lanes[name]

    def left(self) -> list[Message]:
        """All that still waits."""
        return [message for lane in self._lanes.values() for message in lane.parked.values()]

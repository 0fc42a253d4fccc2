"""failer: fails as often as it is told to (docs/contract/archivers.md section 6).

For trying out what the node does then.
"""

import datetime as dt
import random
import time
from collections.abc import Callable

from chalicelib.domain.schemas import closed
from chalicelib.domain.times import parse_duration
from chalicelib.domain.types import TYPES
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel, PluginFailed

AGAIN = dt.timedelta(seconds=10)
HALF = 0.5
LONGEST_ATTEMPT = 60.0
"""Seconds that a delay may be, as with the time-outs of others: a worker waits meanwhile."""

V1 = {
    "schema": TYPES["Cardinal"],
    "delay": TYPES["Duration"],
    "fail": TYPES["Float"],
    "retry": TYPES["Float"],
}
V2 = {**V1, "badly": TYPES["Boolean"]}


def deliver(
    parcel: Parcel,
    chance: Callable[[], float] = random.random,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Wait for ``delay``, then fail with the probability ``fail``; of the failures, the share
    ``retry`` asks for another attempt. ``chance`` draws from [0, 1); ``sleep`` takes seconds.

    Raises PluginFailed instead of answering where it is to fail ``badly``: what is left here of an
    archiver process that dies.
    """
    if "delay" in parcel.data:
        sleep(min(LONGEST_ATTEMPT, parse_duration(parcel.data["delay"]).total_seconds()))
    if chance() >= parcel.data.get("fail", HALF):
        return Outcome(True)
    if parcel.data.get("badly"):
        raise PluginFailed("The archiver broke off without an answer, as it was told to")
    again = chance() < parcel.data.get("retry", HALF)
    return Outcome(False, "Failed at random, as it was told to", AGAIN if again else None)


ARCHIVER = Archiver(
    name="failer",
    description="Fail to archive, at random",
    data={1: closed(V1), 2: closed(V2, required=("schema",))},
    deliver=deliver,
)

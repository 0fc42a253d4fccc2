"""Dropping what has had its time, now and then and a little at a time.

AWS drops items within days of their time to live, and objects within a day of what their bucket says. Here a
write does, once a minute, and once a second while there are more of them than it drops at once: so 200 a
second of each table. Until then they are there, and are read: whoever must not see them filters by time.

What was dropped does not come back, and a host may not know the time yet that has just been started. So
nothing is dropped before the clock has gone on evenly for a while.
"""

import contextlib
from typing import TYPE_CHECKING

from local.engine.dynamodb import time_to_live
from local.engine.engine_errors import ServiceError
from local.engine.s3 import buckets
from local.engine.sqs import received_messages

if TYPE_CHECKING:
    from local.engine.engine import Engine

EVERY = 60.0
"""Seconds between sweeps."""
EVERY_OF_MANY = 1.0
"""Seconds to the next sweep where one left something."""
SETTLING = 600.0
"""Seconds for which a clock has to have gone on evenly."""
EVENLY = 60.0
"""Seconds by which it may have been set meanwhile."""
AT_ONCE = 200
"""Items a sweep drops of a table, and objects by one rule of a bucket."""


def sweep(engine: "Engine") -> None:
    """Drop what has expired, unless that was done just now. Never fails: there is always a next time."""
    now = engine.clock()
    if 0 <= now - engine.swept < EVERY:
        return
    engine.swept = now
    if not _is_settled(engine, now):
        return
    with contextlib.suppress(ServiceError):  # whoever calls has written, and is to hear so
        if _drop(engine, now):
            engine.swept = now - EVERY + EVERY_OF_MANY
        engine.database.shrink()


def _is_settled(engine: "Engine", now: float) -> bool:
    """Whether the clock has not been set, but by little, for long enough."""
    then, ticks = engine.settling_since
    elapsed = engine.steady() - ticks
    if abs(now - then - elapsed) > EVENLY:
        engine.settling_since, elapsed = (now, engine.steady()), 0.0
    return elapsed >= engine.settling


def _drop(engine: "Engine", now: float) -> bool:
    """Drop what expired before now; whether there may be more."""
    with engine.database.writing() as link:
        received_messages.show_again(link, now)
        return max(time_to_live.drop(link, now, AT_ONCE), buckets.expire(link, now, AT_ONCE)) >= AT_ONCE

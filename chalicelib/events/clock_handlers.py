"""What comes by the clock: every minute four ticks. Each looks for what is due, of whichever node."""

import datetime as dt
from typing import Any

from chalicelib.domain.times import UTC
from chalicelib.service.alerts import watch
from chalicelib.service.archiving import announce
from chalicelib.service.coordination import shard_planner
from chalicelib.service.execution import reaper
from chalicelib.service.node import health
from chalicelib.service.scheduling import dispatch_tick as dispatch
from chalicelib.service.series import hourly_rollups

TIMEOUTS = {"plan": 300, "dispatch": 60, "reap": 300, "archive": 60}
"""The most seconds each may take; ``.chalice/config.json`` gives them so many."""


def plan_tick(event: Any) -> None:
    """Say which shards have tasks to be planned."""
    shard_planner.tick(_now())


def dispatch_tick(event: Any) -> None:
    """Send the runs that start soon to their runners."""
    dispatch.tick(_now())


def reap_tick(event: Any) -> None:
    """Give up what is over its time, forget what is old, roll up series, and notice what is silent."""
    reaper.tick(_now())
    hourly_rollups.tick(_now())
    watch.tick(_now())
    health.tick(_now())


def archive_tick(event: Any) -> None:
    """Announce deliveries that are due."""
    announce.tick(_now())


def _now() -> dt.datetime:
    return dt.datetime.now(UTC)

"""What comes by the clock: every minute four ticks, each for all the nodes of the deployment."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from chalicelib.domain.names import NodeName
from chalicelib.domain.times import UTC
from chalicelib.service.alerts import watch
from chalicelib.service.archiving import announce
from chalicelib.service.coordination import shard_planner
from chalicelib.service.execution import reaper
from chalicelib.service.scheduling import dispatch_tick as dispatch
from chalicelib.service.series import rolling
from chalicelib.settings import served

TIMEOUTS = {"plan": 300, "dispatch": 60, "reap": 300, "archive": 60}
"""The most seconds each may take; ``.chalice/config.json`` gives them so many."""


def _at_each_node(tick: Callable[[NodeName, dt.datetime], object]) -> None:
    for node in served():
        tick(node, dt.datetime.now(UTC))


def plan_tick(event: Any) -> None:
    """Say which shards have tasks to be planned."""
    _at_each_node(shard_planner.tick)


def dispatch_tick(event: Any) -> None:
    """Send the runs that start soon to their runners."""
    _at_each_node(dispatch.tick)


def reap_tick(event: Any) -> None:
    """Give up what is over its time, forget what is old, roll up series, and notice what is silent."""
    _at_each_node(reaper.tick)
    _at_each_node(rolling.tick)
    _at_each_node(watch.tick)


def archive_tick(event: Any) -> None:
    """Announce deliveries that are due."""
    _at_each_node(announce.tick)

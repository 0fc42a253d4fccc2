"""The point that a run leaves in its series once it is over, whatever became of it."""

import datetime as dt
import logging
from collections.abc import Sequence

from chalicelib.domain.errors import Conflict, PSchedulerError
from chalicelib.domain.metrics import Metric
from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.schemas import JSON
from chalicelib.domain.series import GRACE, HOUR, Point, Series, point_of, series_of
from chalicelib.domain.task import Task
from chalicelib.store import changes, point_table, series_table
from plugins import registry

LOG = logging.getLogger(__name__)
TRIES = 5
"""Of others changing the same series at the same time, one each time gets through."""

_current: dict[tuple[NodeName, str], dt.datetime] = {}
"""The hour in which this process saw that a series is going to be rolled up, by node and series."""
_MOST_REMEMBERED = 10_000


def leave(task: Task, run: Run, now: dt.datetime) -> Series | None:
    """Store the point of a run that is over; the series it is in. Only the lead of a task does, which alone
    knows the result.

    It comes right after the run itself was stored. That it may not come at all must not undo that.
    """
    if not task.is_lead or task.test in WITHOUT_SERIES:
        return None
    try:
        series = series_of(task.document, task.tool, task.participants)
        point = point_of(
            run.start, run.uuid, task.uuid, run.state, measured(task, run.documents.result_merged)
        )
        _store(task.node, series, point, now)
    except (PSchedulerError, KeyError, TypeError, ValueError):
        LOG.exception("Run %s left no point", run.uuid)
        return None
    return series


WITHOUT_SERIES = frozenset({"idle", "idleex", "idlebgm", "noop"})
"""Tests that measure nothing."""


def measured(task: Task, result: JSON) -> Sequence[Metric]:
    """The numbers of a result; none where it is no result of its test."""
    if not isinstance(result, dict):
        return []
    try:
        return registry.tests()[task.test].measured(task.spec, result)
    except Exception:  # a plugin's own mistake must not be the node's
        LOG.exception("The test %s broke on the numbers of a result of task %s", task.test, task.uuid)
        return []


def _store(node: NodeName, series: Series, point: Point, now: dt.datetime) -> None:
    """The point, and that its hour is to be rolled up: first that, so that no point is forgotten.

    One that is late may come while its hour is being rolled up: that is said again once it is there, so that
    whoever does it finds the series changed, and the hour is rolled up anew.
    """
    is_late = now >= point.hour + HOUR
    if is_late or _current.get((node, series.uuid)) != point.hour:
        if is_late or not _is_to_be_rolled_up(node, series, point.hour, now):
            _have_rolled_up(node, series, point.hour, now)
        if len(_current) >= _MOST_REMEMBERED:
            _current.clear()
        _current[(node, series.uuid)] = point.hour
    point_table.put(node, series.uuid, point)
    changes.point_left(node, series, point)
    if is_late:
        _have_rolled_up(node, series, point.hour, now, anew=True)


def _is_to_be_rolled_up(node: NodeName, series: Series, hour: dt.datetime, now: dt.datetime) -> bool:
    """Whether a look that may be a moment behind shows that an hour under way is to be rolled up with others.

    That stays so until the last of them is over: of a look that shows that they should have been rolled up by
    now, nobody knows what followed.
    """
    seen = series_table.glance(node, series.uuid)
    if seen is None or seen.roll_from is None or seen.roll_at is None:
        return False
    return seen.roll_from <= hour and now < seen.roll_at - GRACE


def _have_rolled_up(
    node: NodeName, series: Series, hour: dt.datetime, now: dt.datetime, anew: bool = False
) -> None:
    for _ in range(TRIES):
        stored = series_table.find(node, series.uuid)
        try:
            if stored is None:
                series_table.add(node, series, now, hour)
            elif stored.roll_from is None or hour < stored.roll_from:
                series_table.change(node, stored, hour, now)
            elif anew:
                series_table.change(node, stored, stored.roll_from, now)
            return
        except Conflict:
            continue
    raise Conflict(f"Series {series.uuid} changes too often")

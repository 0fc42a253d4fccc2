"""Watching series: after each result, and when nothing comes.

A result costs a read for the rules now and then, and where rules are about its series a query for its last
points and a read for each alert; nothing is written unless an alert changes. What changed and the deliveries
that tell it are one transaction: told once, also where the process ends in between, or two look at a time.
"""

import datetime as dt
import itertools
import logging
from collections.abc import Iterable, Sequence

from chalicelib.domain.alert_notices import notice, notice_id
from chalicelib.domain.alert_rules import Rule
from chalicelib.domain.alerts import Alert, Result, judged, look_again, results_of
from chalicelib.domain.delivery import Delivery, notifications
from chalicelib.domain.errors import Conflict
from chalicelib.domain.maintenance import maintained_until
from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.series import Series
from chalicelib.domain.task import Task
from chalicelib.infrastructure import shard_work
from chalicelib.infrastructure.shard_work import HasTime, always
from chalicelib.service.alerts import rules
from chalicelib.service.alerts.rules import Known
from chalicelib.service.archiving import announce
from chalicelib.service.node.node_directory import base_url_of
from chalicelib.service.series import points
from chalicelib.store import alert_table, changes, point_table, shards

LOG = logging.getLogger(__name__)
TRIES = 5
"""Of others looking at the same alert at the same time, one each time gets through."""
WHAT = "look"
ALERTS_PER_SHARD = 250
ALERTS_IN_TIME = 2500
"""Of a shard, what a function of its own looks up."""
MOST_POINTS = 200
"""Points read to find the results a rule looks at: most may be of runs that never started."""


def leave(task: Task, run: Run, now: dt.datetime) -> None:
    """Store the point of a run that is over, and say what the rules make of it.

    That either cannot be done must not undo that the run is over; the next result of the series is held
    against the rules with this one among the last.
    """
    left = points.leave(task, run, now)
    if left is None:
        return
    try:
        _look_at_series(task.node, left, now)
    except Exception:
        LOG.exception("The alerts of series %s could not be looked at", left.uuid)


def tick(now: dt.datetime) -> int:
    """Look at the alerts whose time has come: what is silent, what maintenance held back; how many here.

    Shards with many are left to functions of their own.
    """
    due = shard_work.here(
        WHAT, ALERTS_PER_SHARD, shards.every(), lambda shard, most: alert_table.due(shard, now, most)
    )
    return _look(due, now)


def look(shard: int, now: dt.datetime, has_time: HasTime) -> int:
    """The same for a shard, in the time there is."""
    return _look(alert_table.due(shard, now, ALERTS_IN_TIME), now, has_time)


def _look(due: Iterable[tuple[NodeName, str]], now: dt.datetime, has_time: HasTime = always) -> int:
    count = 0
    for node, alert in due:
        if not has_time():
            break
        try:
            _look_at(node, alert, now)
            count += 1
        except Exception:
            LOG.exception("Alert %s could not be looked at", alert)
    return count


def _look_at_series(node: NodeName, series: Series, now: dt.datetime) -> None:
    known = rules.current(node, now)
    about = [rule for rule in known.rules.values() if rule.wanted.fits(series)]
    for rule in about:
        _settle(node, rule, series, known, now, may_wait=True)


def _look_at(node: NodeName, alert: str, now: dt.datetime) -> None:
    found, known = alert_table.find(node, alert), rules.current(node, now)
    if found is None:
        return
    rule = known.rules.get(found.rule)
    if rule is None or not rule.wanted.fits(found.series):
        alert_table.delete(node, [alert])
        return
    _settle(node, rule, found.series, known, now, may_wait=False)


def _settle(
    node: NodeName, rule: Rule, series: Series, known: Known, now: dt.datetime, may_wait: bool
) -> None:
    """Hold a series against a rule, and store what that changes. ``may_wait``: unless nothing does."""
    for _ in range(TRIES):
        before = _known_or_new(node, rule, series, now)
        if before is None:
            return
        results = _results(node, rule, series)
        after = judged(before, rule, results, now)
        until = maintained_until(known.windows, rule.name, series, now)
        to_tell = after.state is not after.notified and until is None
        if may_wait and after is before and before.revision and not to_tell:
            return
        told = _deliveries(after, rule, now) if to_tell else []
        if to_tell:
            after = after.evolve(notified=after.state)
        look_at = look_again(after, rule, results[0].at if results else None, until, now)
        try:
            alert_table.put(after, look_at, told)
        except Conflict:
            continue
        if after.state is not before.state:
            changes.alert_changed(after)
        announce.at_once(told)
        return
    raise Conflict(f"Alert {rule.name}.{series.uuid} changes too often")


def _known_or_new(node: NodeName, rule: Rule, series: Series, now: dt.datetime) -> Alert | None:
    new = Alert(node, rule.name, series, added=now, since=now)
    found = alert_table.find(node, new.id)
    if found is not None:
        return found
    return new if rules.has_room(node, rule.name, now) else None


def _results(node: NodeName, rule: Rule, series: Series) -> Sequence[Result]:
    """The newest results that a rule looks at, the newest first."""
    latest = itertools.islice(point_table.latest(node, series.uuid, rule.looks_at + 2), MOST_POINTS)
    return list(itertools.islice(results_of(rule, latest), rule.looks_at))


def _deliveries(alert: Alert, rule: Rule, now: dt.datetime) -> list[Delivery]:
    document = notice(alert, rule, base_url_of(alert.node))
    return notifications(alert.node, notice_id(alert), rule.notify, document, now)

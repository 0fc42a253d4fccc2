"""Alerts: how a series is doing by a rule, since when and why. Pure: what was known and what came to be.

    ok ──> warning ──> critical      by the last results, each way at once (domain/alert_rules.py)
    any ──> no-data                  once nothing came for as long as the rule allows
    no-data ──> any of the others    by the first result that comes again

``notified`` is the state that was last told to others. Whoever finds it to differ, outside of maintenance,
tells them, and notes that in the same transaction: so a change is told once, and what came and went during
maintenance never.
"""

import dataclasses
import datetime as dt
import enum
from collections.abc import Iterable, Sequence
from typing import Any

from chalicelib.domain.alert_rules import LEVELS, Condition, Rule, shown
from chalicelib.domain.names import NodeName
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.series import Point, Series
from chalicelib.domain.times import format_duration, format_timestamp

LOOKED_AT_LEAST = dt.timedelta(days=30)
"""How often an alert is looked at that has nothing to be waited for."""


class AlertState(enum.Enum):
    """How a series is doing."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    NO_DATA = "no-data"


@dataclasses.dataclass(frozen=True)
class Result:
    """One result as a rule sees it; ``value`` None where it has not got the number, and that is bad."""

    at: dt.datetime
    value: float | str | None


@dataclasses.dataclass(frozen=True)
class Alert:
    """A series by a rule.

    value     that of the newest result when the state was last decided, ``at`` its instant
    notified  the state that others were told last
    revision  how often it was stored, 0 for never
    """

    node: NodeName
    rule: str
    series: Series
    added: dt.datetime
    since: dt.datetime
    state: AlertState = AlertState.OK
    why: str = "No result has been evaluated yet"
    value: float | str | None = None
    at: dt.datetime | None = None
    notified: AlertState = AlertState.OK
    revision: int = 0

    @property
    def id(self) -> str:
        return f"{self.rule}.{self.series.uuid}"

    def evolve(self, **changes: Any) -> "Alert":
        return dataclasses.replace(self, **changes)

    def describe(self) -> dict[str, JSON]:
        """As pages and notifications show it, without hrefs."""
        newest = {} if self.at is None else {"at": format_timestamp(self.at)}
        return {
            "id": self.id,
            "rule": self.rule,
            "state": self.state.value,
            "since": format_timestamp(self.since),
            "why": self.why,
            "series": self.series.describe(),
            **({} if self.value is None else {"value": self.value}),
            **newest,
        }


_MEASURED = (State.FINISHED, State.FAILED, State.OVERDUE)
"""Runs that say something about what they measured. Those that never started say nothing."""


def results_of(rule: Rule, points: Iterable[Point]) -> Iterable[Result]:
    """The results among the points of a series that a rule judges, in the same order.

    A number that cannot be believed is no reason for anything, and a text is none where numbers are compared.
    """
    for point in points:
        value = point.values.get(rule.metric)
        if value is None:
            if rule.missing_is_bad and point.state in _MEASURED:
                yield Result(point.at, None)
        elif rule.metric not in point.unreliable and _is_comparable(rule, value):
            yield Result(point.at, value)


def _is_comparable(rule: Rule, value: float | str) -> bool:
    return not isinstance(value, str) or all(each.changed for each in rule.levels.values())


def judged(alert: Alert, rule: Rule, results: Sequence[Result], now: dt.datetime) -> Alert:
    """The alert by what is known now: ``results`` are the newest first, ``rule.looks_at`` of them or all.

    The same alert where nothing changed but the newest value.
    """
    newest = results[0] if results else None
    silent_since = newest.at if newest else alert.added
    if rule.no_data is not None and now >= silent_since + rule.no_data:
        why = f"No result for {format_duration(rule.no_data)}"
        return _moved(alert, AlertState.NO_DATA, why, newest, now)
    if newest is None:
        return alert
    for level, condition in rule.levels.items():  # the worst first
        count = _met(condition, results, rule.of)
        if count >= rule.at_least:
            return _moved(alert, AlertState(level), _reached(rule, condition, count, newest), newest, now)
        if _is_held(alert.state, level) and not _is_over(condition, results, rule.recover):
            return _moved(alert, AlertState(level), _held(rule, newest), newest, now)
    return _moved(alert, AlertState.OK, _last(rule, newest), newest, now)


def _moved(alert: Alert, state: AlertState, why: str, newest: Result | None, now: dt.datetime) -> Alert:
    if state is alert.state and not (newest and alert.at is None):
        return alert
    known = alert.evolve(value=newest.value, at=newest.at) if newest else alert
    return known.evolve(state=state, why=why, since=alert.since if state is alert.state else now)


def _met(condition: Condition, results: Sequence[Result], of: int) -> int:
    """How many of the last results are beyond a bound."""
    return sum(_each(results, of, lambda value, before: value is None or condition.is_met(value, before)))


def _is_over(condition: Condition, results: Sequence[Result], recover: int) -> bool:
    clear = _each(
        results, recover, lambda value, before: value is not None and condition.is_clear(value, before)
    )
    return len(clear) >= recover and all(clear)


def _each(results: Sequence[Result], count: int, holds: Any) -> list[bool]:
    before = [result.value for result in results[1:]] + [None]
    return [holds(result.value, older) for result, older in zip(results[:count], before, strict=False)]


def _is_held(state: AlertState, level: str) -> bool:
    """Whether a state is at a level or above."""
    return state.value in LEVELS and LEVELS.index(state.value) >= LEVELS.index(level)


def _reached(rule: Rule, condition: Condition, count: int, newest: Result) -> str:
    if rule.of == 1:
        return _last(rule, newest) if newest.value is None else f"{_last(rule, newest)}, {condition}"
    return f"{rule.metric} was {condition} in {count} of the last {rule.of} results: {_last(rule, newest)}"


def _held(rule: Rule, newest: Result) -> str:
    return f"{_last(rule, newest)}; it has not been clear for {rule.recover} results yet"


def _last(rule: Rule, newest: Result) -> str:
    if newest.value is None:
        return f"the last result has no {rule.metric}"
    return f"{rule.metric} is {shown(newest.value)}"


def look_again(
    alert: Alert,
    rule: Rule,
    newest: dt.datetime | None,
    maintained_until: dt.datetime | None,
    now: dt.datetime,
) -> dt.datetime:
    """When an alert, as judged now, is to be looked at although no result came: for silence, or for what
    maintenance held back. ``newest`` is the instant of the newest result."""
    times = [now + LOOKED_AT_LEAST]
    if rule.no_data is not None and alert.state is not AlertState.NO_DATA:
        times.append((newest or alert.added) + rule.no_data)
    if maintained_until is not None and alert.state is not alert.notified:
        times.append(maintained_until)
    return min(times)

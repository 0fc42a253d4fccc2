"""What others are told when an alert changes."""

import urllib.parse
import uuid

from chalicelib.domain.alert_rules import Rule
from chalicelib.domain.alerts import Alert, AlertState
from chalicelib.domain.names import RunId
from chalicelib.domain.schemas import JSON
from chalicelib.domain.series import Series
from chalicelib.domain.times import format_timestamp

SCHEMA = 1


def notice(alert: Alert, rule: Rule, base: str) -> dict[str, JSON]:
    """The notification of the state an alert has come to; ``base`` is the API's root as others reach it."""
    return {
        "schema": SCHEMA,
        "type": "recovery" if alert.state is AlertState.OK else "alert",
        "summary": summary(alert),
        "was": alert.notified.value,
        **alert.describe(),
        **({"description": rule.description} if rule.description else {}),
        "href": f"{base}/alerts/{alert.id}",
        "path": path(alert.series, base),
    }


def notice_id(alert: Alert) -> RunId:
    """The same for the same change, whoever notices it and however often."""
    return RunId(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{alert.node}/{alert.id}/{alert.revision}")))


def summary(alert: Alert) -> str:
    """A line that says it all: what, where, since when and why."""
    since = format_timestamp(alert.since)
    return f"{alert.state.value}: {ends(alert.series)} ({alert.rule}) since {since}: {alert.why}"


def ends(series: Series) -> str:
    """Between whom, and what was measured."""
    between = f"{series.source} to {series.destination}" if series.destination else series.source
    return f"{series.test} {between}"


def path(series: Series, base: str) -> str:
    """Where a browser shows the path that a series is of."""
    query = urllib.parse.urlencode({"source": series.source, "destination": series.destination})
    return f"{base}/ui/#/path?{query}"

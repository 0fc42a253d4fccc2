"""Alerts in the store: written when their state changes, or when they are to be looked at at another time."""

import dataclasses
import datetime as dt
import math
from collections.abc import Iterator
from typing import Any

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.domain import echoes
from chalicelib.domain.alerts import Alert, AlertState
from chalicelib.domain.delivery import Delivery
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName
from chalicelib.domain.series import KEPT, Series
from chalicelib.domain.times import format_timestamp, parse_timestamp
from chalicelib.store import list_order, shards
from chalicelib.store.list_order import Place
from chalicelib.store.models.alert_models import AlertItem
from chalicelib.store.models.connection import connection
from chalicelib.store.store_errors import on_condition_failed
from chalicelib.store.transactions.recording import add_deliveries


def find(node: NodeName, alert: str) -> Alert | None:
    """An alert, strongly consistent; None where there is none."""
    try:
        return to_alert(AlertItem.get(node, alert, consistent_read=True))
    except DoesNotExist:
        return None


def get(node: NodeName, alert: str) -> Alert:
    """An alert. Raises NotFound."""
    found = find(node, alert)
    if found is None:
        raise NotFound(f"There is no alert {echoes.name(alert)}")
    return found


def every(node: NodeName, after: str | None, page_size: int | None = None) -> Iterator[Alert]:
    """The alerts of a node by id, those behind ``after``."""
    behind = None if after is None else AlertItem.alert > after
    return map(to_alert, AlertItem.query(node, behind, page_size=page_size))


def active(node: NodeName, after: Place | None, page_size: int | None = None) -> Iterator[Alert]:
    """The alerts that are not ok, in the order they came to be so, those behind a place."""
    later = None if after is None else AlertItem.since >= after[0]
    found = AlertItem.active_index.query(node, later, page_size=page_size)
    return list_order.behind(map(to_alert, found), lambda alert: (alert.since, alert.id), after)


def of_rule(node: NodeName, rule: str, limit: int | None = None) -> list[str]:
    """The ids of the alerts of a rule, or of so many of them."""
    mine = AlertItem.alert.startswith(f"{rule}.")
    found = AlertItem.query(node, mine, limit=limit, attributes_to_get=["node_key", "alert"])
    return [item.alert for item in found]


def due(shard: int, now: dt.datetime, limit: int) -> list[tuple[NodeName, str]]:
    """The alerts of a shard, of all nodes, to be looked at by now, the longest waiting first."""
    found = AlertItem.look_index.query(shards.place(shard), AlertItem.look_at <= now, limit=limit)
    return [(NodeName(item.node_key), item.alert) for item in found]


def put(alert: Alert, look_at: dt.datetime, deliveries: list[Delivery]) -> Alert:
    """Write a changed alert over the one it was made from, or a new one, with its notifications, or nothing.

    Raises Conflict when somebody else was faster.
    """
    written = alert.evolve(revision=alert.revision + 1)
    item, condition = _to_item(written, look_at), _is_as_read(alert)
    with on_condition_failed(Conflict(f"Alert {alert.id} changed meanwhile")):
        if not deliveries:
            item.save(condition=condition)
        else:
            with TransactWrite(connection=connection()) as transaction:
                transaction.save(item, condition=condition)
                add_deliveries(transaction, deliveries)
    return written


def look_at_once(node: NodeName, alert: str, now: dt.datetime) -> None:
    """Have an alert looked at by the next tick. Raises Conflict where there is none."""
    actions: list[Action] = [AlertItem.look_at.set(now), AlertItem.revision.add(1)]
    with on_condition_failed(Conflict(f"There is no alert {alert}")):
        AlertItem(node, alert).update(actions, condition=AlertItem.alert.exists())


def delete(node: NodeName, alerts: list[str]) -> None:
    """Forget alerts."""
    with AlertItem.batch_write() as batch:
        for alert in alerts:
            batch.delete(AlertItem(node, alert))


def _is_as_read(alert: Alert) -> Condition:
    return AlertItem.revision == alert.revision if alert.revision else AlertItem.alert.does_not_exist()


def _to_item(alert: Alert, look_at: dt.datetime) -> AlertItem:
    body = {
        "series": dataclasses.asdict(alert.series),
        "state": alert.state.value,
        "why": alert.why,
        "value": alert.value,
        "at": format_timestamp(alert.at) if alert.at else None,
        "notified": alert.notified.value,
        "added": format_timestamp(alert.added),
    }
    return AlertItem(
        alert.node,
        alert.id,
        body=body,
        since=alert.since,
        active=None if alert.state is AlertState.OK else alert.node,
        look=shards.place(shards.of(alert.series.uuid)),
        look_at=look_at,
        revision=alert.revision,
        expires=math.ceil((look_at + KEPT).timestamp()),
    )


def to_alert(item: Any) -> Alert:
    """An item as an alert."""
    body = item.body
    return Alert(
        node=NodeName(item.node_key),
        rule=item.alert.partition(".")[0],
        series=Series(**body["series"]),
        added=parse_timestamp(body["added"]),
        since=item.since,
        state=AlertState(body["state"]),
        why=body["why"],
        value=body["value"],
        at=parse_timestamp(body["at"]) if body["at"] else None,
        notified=AlertState(body["notified"]),
        revision=int(item.revision),
    )

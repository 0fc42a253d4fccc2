"""Alerts in the store: they come back whole, and are found by rule, by state and by time."""

import dataclasses

import pytest

from chalicelib.domain.alerts import Alert, AlertState
from chalicelib.domain.delivery import notifications
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName, RunId
from chalicelib.domain.series import KEPT, Series
from chalicelib.store import alert_table, delivery_table, shards
from chalicelib.store.models.alert_models import AlertItem
from tests.builders import NODE, NOON, at
from tests.requests_sent import looked_at

pytestmark = pytest.mark.usefixtures("empty_aws")
A, B = (Series("rtt", "ping", "here", f"{name}.example.org", "0123", "label") for name in "ab")
NOTE, TWO = (RunId(f"{digit * 8}-0000-4000-8000-000000000000") for digit in "12")
WHOLE = Alert(NODE, "loss", A, at(1), at(2), AlertState.CRITICAL, "why", 0.5, at(3), AlertState.WARNING)
FRESH = Alert(NODE, "loss", B, at(1), at(4))
OTHER = Alert(NODE, "lossy", A, at(1), at(2), AlertState.NO_DATA)


@pytest.mark.parametrize("alert", [WHOLE, FRESH, OTHER], ids=["whole", "fresh", "other"])
def test_an_alert_comes_back_as_it_was_stored(alert: Alert) -> None:
    written = alert_table.put(alert, at(60), [])

    assert written == dataclasses.replace(alert, revision=1)
    assert alert_table.get(NODE, alert.id) == written
    assert alert_table.find(NodeName("another"), alert.id) is None
    with pytest.raises(NotFound, match=f"There is no alert {alert.id}"):
        alert_table.get(NodeName("another"), alert.id)


def test_an_alert_is_written_over_what_it_was_made_from_alone() -> None:
    first = alert_table.put(WHOLE, at(60), [])
    second = alert_table.put(first.evolve(why="other"), at(60), [])

    assert second.revision == 2
    for stale in (WHOLE, first):
        with pytest.raises(Conflict, match="changed meanwhile"):
            alert_table.put(stale, at(60), [])


def test_it_is_stored_with_its_notifications_or_not_at_all() -> None:
    told = notifications(NODE, NOTE, [{"archiver": "bitbucket", "data": {}}], {"a": 1}, NOON)

    alert_table.put(WHOLE, at(60), told)

    assert delivery_table.of_run(NODE, NOTE) == told
    with pytest.raises(Conflict):
        alert_table.put(WHOLE, at(60), [dataclasses.replace(told[0], run=TWO)])
    assert delivery_table.of_run(NODE, TWO) == []


def test_the_alerts_of_a_rule_are_those_of_exactly_that_name() -> None:
    for alert in (WHOLE, FRESH, OTHER):
        alert_table.put(alert, at(60), [])

    assert sorted(alert_table.of_rule(NODE, "loss")) == sorted([WHOLE.id, FRESH.id])
    assert len(alert_table.of_rule(NODE, "loss", limit=1)) == 1
    alert_table.delete(NODE, [WHOLE.id])
    assert alert_table.of_rule(NODE, "loss") == [FRESH.id]


def test_those_that_are_not_ok_are_listed_by_since_when() -> None:
    later = OTHER.evolve(since=at(9))
    for alert in (later, WHOLE, FRESH):
        alert_table.put(alert, at(60), [])

    assert [each.id for each in alert_table.active(NODE, None)] == [WHOLE.id, OTHER.id]
    assert [each.id for each in alert_table.active(NODE, (WHOLE.since, WHOLE.id))] == [OTHER.id]
    assert [each.id for each in alert_table.every(NODE, None)] == sorted([WHOLE.id, FRESH.id, OTHER.id])


def test_an_alert_is_due_once_it_is_to_be_looked_at() -> None:
    shard = shards.of(A.uuid)
    alert_table.put(WHOLE, at(60), [])

    assert alert_table.due(shard, at(59), 10) == []
    assert alert_table.due(shard, at(60), 10) == [(NODE, WHOLE.id)]
    alert_table.look_at_once(NODE, WHOLE.id, at(5))
    assert alert_table.due(shard, at(5), 10) == [(NODE, WHOLE.id)]
    with pytest.raises(Conflict, match="There is no alert none"):
        alert_table.look_at_once(NODE, "none", at(5))


def test_who_read_an_alert_before_it_was_to_be_looked_at_does_not_write_over_that() -> None:
    read = alert_table.put(WHOLE, at(60), [])
    alert_table.look_at_once(NODE, read.id, at(5))

    with pytest.raises(Conflict, match=f"Alert {read.id} changed meanwhile"):
        alert_table.put(read, at(60), [])
    assert alert_table.get(NODE, read.id).revision == 2


def test_those_of_a_shard_are_looked_at_the_longest_waiting_first_and_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shards, "of", lambda uuid: 1)
    for alert, second in ((WHOLE, 9), (FRESH, 5), (OTHER, 7)):
        alert_table.put(alert, at(second), [])

    assert alert_table.due(1, at(9), 2) == [(NODE, FRESH.id), (NODE, OTHER.id)]
    assert alert_table.due(0, at(9), 2) == []


def test_alerts_are_listed_behind_one_that_need_not_be_there() -> None:
    for alert in (WHOLE, OTHER):
        alert_table.put(alert, at(60), [])

    assert [each.id for each in alert_table.every(NODE, WHOLE.id)] == [OTHER.id]
    assert [each.id for each in alert_table.every(NODE, "loss", page_size=1)] == [WHOLE.id, OTHER.id]
    assert [each.id for each in alert_table.active(NODE, (at(2), WHOLE.id), page_size=1)] == [OTHER.id]
    assert list(alert_table.active(NODE, (at(3), ""))) == []


def test_those_before_a_place_are_not_looked_at() -> None:
    for second, alert in enumerate((WHOLE, OTHER)):
        alert_table.put(alert.evolve(since=at(second)), at(60), [])

    with looked_at() as numbers:
        assert [each.id for each in alert_table.active(NODE, (at(1), ""))] == [OTHER.id]

    assert numbers == [1]


def test_an_alert_that_nobody_looks_at_any_more_expires() -> None:
    alert_table.put(WHOLE, at(60.5), [])

    item = AlertItem.get(NODE, WHOLE.id)

    assert item.expires == (at(61) + KEPT).timestamp()
    assert (item.active, item.since) == (NODE, at(2))

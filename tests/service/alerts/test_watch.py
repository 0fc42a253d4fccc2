"""A planted outage is told once and its end once, whatever crashes, races and maintenance there are."""

import dataclasses
import datetime as dt
import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.domain.alerts import AlertState
from chalicelib.domain.delivery_states import DeliveryState
from chalicelib.domain.errors import Conflict, Invalid, NotFound, TooLarge
from chalicelib.domain.run_states import State
from chalicelib.domain.series import series_of
from chalicelib.domain.times import format_timestamp
from chalicelib.service.alerts import rules, watch
from chalicelib.service.alerts.rules import RULES, WINDOWS
from chalicelib.service.archiving import attempt
from chalicelib.service.node import turns_to_change
from chalicelib.service.series import hourly_rollups, points
from chalicelib.store import alert_table, delivery_table, series_table, shards
from chalicelib.store.models.series_models import PointItem
from plugins import registry
from plugins.sdk.jobs import Outcome, Parcel
from tests import requests_sent
from tests.builders import NODE, NOON, at, run, task

pytestmark = pytest.mark.usefixtures("empty_aws")
MINUTE, HOUR = 60, 3600
RTT: dict[str, Any] = {
    "schema": 1,
    "test": {"type": "rtt", "spec": {"dest": "b.example.org"}},
    "tool": "ping",
    "schedule": {},
}
SERIES = series_of(RTT, "ping", ["here"])
ALERT = f"loss.{SERIES.uuid}"
NIGHT = {"start": "2026-11-24T02:00:00Z", "duration": "PT1H", "repeat": "P1D"}
LOSS: dict[str, Any] = {
    "series": {"test": "rtt"},
    "metric": "loss.ratio",
    "critical": {"above": 0.05, "clear": 0.02},
    "notify": [{"archiver": "bitbucket", "data": {}}],
}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    points._current.clear()
    rules._seen.clear()
    rules._full.clear()


def rule(now: float = 0, **changes: Any) -> None:
    document = {name: value for name, value in {**LOSS, **changes}.items() if value is not None}
    rules.put_rule(NODE, "loss", document, at(now))


def leave(seconds: float, loss: float | None, dest: str = "b.example.org", now: float | None = None) -> None:
    """A result so many seconds after noon, of which the rules hear right then."""
    owner = task(document={**RTT, "test": {"type": "rtt", "spec": {"dest": dest}}})
    result = None if loss is None else {"succeeded": True, "loss": loss, "roundtrips": []}
    state = State.FAILED if loss is None else State.FINISHED
    over = run(owner, seconds, state=state).with_documents(result_merged=result)
    watch.leave(owner, over, at(seconds if now is None else now))


def told() -> list[str]:
    """What others were told, in order: the states."""
    found = list(delivery_table.in_state(NODE, DeliveryState.WAITING, None))
    ordered = sorted(found, key=lambda each: (each.added, each.number))
    return [each.document["state"] for each in ordered]


def state(alert: str = ALERT) -> str:
    return alert_table.get(NODE, alert).state.value


def outage(begin: int, end: int) -> Iterator[None]:
    """Results every five minutes for two hours, all lost in between; yields after each."""
    for minute in range(0, 120, 5):
        leave(minute * MINUTE, 1.0 if begin <= minute < end else 0.0)
        yield


def test_an_outage_is_told_with_its_first_result_once_and_its_end_once() -> None:
    rule()

    states = [state() for _ in outage(30, 60)]

    assert states == ["ok"] * 6 + ["critical"] * 6 + ["ok"] * 12
    assert told() == ["critical", "ok"]


def test_with_m_of_n_it_is_told_with_the_result_that_makes_it_so() -> None:
    rule(results={"at-least": 3, "of": 5})

    states = [state() for _ in outage(30, 60)]

    assert states.index("critical") == 6 + 2
    assert states[-1] == "ok"
    assert told() == ["critical", "ok"]


def test_what_wavers_inside_the_hysteresis_is_told_once() -> None:
    rule()

    for minute, loss in enumerate([0.0, 0.06, 0.04, 0.06, 0.03, 0.07, 0.04, 0.06]):
        leave(minute * MINUTE, loss)

    assert told() == ["critical"]


def test_whoever_waits_hears_of_an_alert_whose_state_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(watch.changes, "alert_changed", lambda alert: heard.append(alert.state.value))
    rule()

    for minute, loss in enumerate((0.0, 0.0, 1.0, 1.0, 0.0)):
        leave(minute * MINUTE, loss)

    assert heard == ["critical", "ok"]


def test_a_notification_says_what_where_since_when_and_leads_to_the_path() -> None:
    rule(description="Packets are lost")

    leave(MINUTE, 0.5)

    (delivery,) = delivery_table.in_state(NODE, DeliveryState.WAITING, None)
    document = delivery.document
    assert document["summary"] == (
        "critical: rtt here to b.example.org (loss) since 2026-11-23T12:01:00+00:00:"
        " loss.ratio is 0.5, above 0.05"
    )
    assert (document["type"], document["was"], document["description"]) == ("alert", "ok", "Packets are lost")
    assert document["series"] == SERIES.describe()
    assert document["href"].endswith(f"/pscheduler/alerts/{ALERT}")
    assert document["path"].endswith("/ui/#/path?source=here&destination=b.example.org")


def test_a_notification_is_delivered_as_a_result_is(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[Parcel] = []

    def keep(parcel: Parcel) -> Outcome:
        handed.append(parcel)
        return Outcome(True)

    bitbucket = dataclasses.replace(registry.archivers()["bitbucket"], deliver=keep)
    monkeypatch.setitem(registry.archivers(), "bitbucket", bitbucket)
    rule(notify=[{"archiver": "bitbucket", "data": {}, "transform": {"script": ".summary"}}])
    leave(0, 1.0)
    (delivery,) = delivery_table.in_state(NODE, DeliveryState.WAITING, None)

    attempt.deliver(NODE, delivery.run, 0, at(1))

    (parcel,) = handed
    assert parcel.result.startswith("critical: rtt here to b.example.org")
    assert delivery_table.get(NODE, delivery.run, 0).archived


def test_silence_is_told_by_the_clock_and_its_end_by_the_next_result() -> None:
    rule(**{"no-data": "PT1H"})
    leave(0, 0.0)

    early, late = watch.tick(at(HOUR - 1)), watch.tick(at(HOUR))
    after = state()
    leave(HOUR + MINUTE, 0.0)

    assert (early, late, after, state()) == (0, 1, "no-data", "ok")
    assert told() == ["no-data", "ok"]


def test_a_function_of_its_own_looks_at_what_is_due_in_a_shard_in_the_time_it_has() -> None:
    rule(**{"no-data": "PT1H"})
    hosts = [f"{number}.example.org" for number in range(3)]
    for dest in hosts:
        leave(0, 0.0, dest)
    due = {shard: len(alert_table.due(shard, at(HOUR), 9)) for shard in shards.every()}
    assert sum(due.values()) == 3

    for shard, count in due.items():
        left = iter([True, False])
        assert watch.look(shard, at(HOUR), lambda left=left: next(left)) == min(count, 1)
        assert watch.look(shard, at(HOUR), lambda: True) == max(0, count - 1)
        assert watch.look(shard, at(HOUR), lambda: False) == 0

    assert told() == 3 * ["no-data"]


def test_an_alert_that_cannot_be_looked_at_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looked: list[Any] = []

    def look(*what: Any) -> None:
        looked.append(what)
        if what[1] == "bad":
            raise ValueError

    monkeypatch.setattr(watch, "_look_at", look)

    assert watch._look([(NODE, "one"), (NODE, "bad"), (NODE, "two")], NOON) == 2

    assert looked == [(NODE, alert, NOON) for alert in ("one", "bad", "two")]
    assert [record.message for record in caplog.records] == ["Alert bad could not be looked at"]


@pytest.mark.embedded_only
def test_the_clock_looks_at_a_series_that_goes_on_once_a_while_and_says_nothing() -> None:
    rule(**{"no-data": "PT1H"})
    looked = 0
    for minute in range(180):
        leave(minute * MINUTE, 0.0)
        looked += watch.tick(at(minute * MINUTE))

    assert looked <= 4
    assert (state(), told()) == ("ok", [])


def test_a_new_rule_looks_at_the_series_that_are_there() -> None:
    leave(0, 1.0)
    leave(0, 0.0, "c.example.org")

    rule(MINUTE)
    watch.tick(at(2 * MINUTE))

    assert state() == "critical"
    assert len(alert_table.of_rule(NODE, "loss")) == 2
    assert told() == ["critical"]


def test_a_changed_rule_looks_anew_at_what_it_watches() -> None:
    rule()
    leave(0, 0.06)

    rule(MINUTE, critical={"above": 0.5})
    watch.tick(at(2 * MINUTE))

    assert (state(), told()) == ("ok", ["critical", "ok"])


def test_maintenance_holds_back_what_goes_by() -> None:
    rule()
    window = {"start": format_timestamp(at(25 * MINUTE)), "duration": "PT1H"}
    rules.put_window(NODE, "works", window, NOON)

    states = [state() for _ in outage(30, 60)]

    assert "critical" in states
    assert told() == []


@pytest.mark.parametrize(
    ("of", "is_told"),
    [
        ({"rules": ["loss"]}, False),
        ({"rules": ["other"]}, True),
        ({"series": {"test": "rtt"}}, False),
        ({"series": {"test": "latency"}}, True),
    ],
)
def test_maintenance_is_of_the_rules_and_series_it_names(of: dict[str, Any], is_told: bool) -> None:
    rule()
    rules.put_window(NODE, "works", {"start": format_timestamp(NOON), "duration": "PT1H", **of}, NOON)

    leave(MINUTE, 1.0)

    assert (state(), told()) == ("critical", ["critical"] if is_told else [])


def test_what_is_still_bad_when_maintenance_ends_is_told_then() -> None:
    rule()
    rules.put_window(NODE, "works", {"start": format_timestamp(NOON), "duration": "PT1H"}, NOON)
    leave(MINUTE, 1.0)

    before = watch.tick(at(HOUR - 1)), told()
    watch.tick(at(HOUR))
    watch.tick(at(HOUR + MINUTE))

    assert before == (0, [])
    assert told() == ["critical"]


def test_a_crash_before_the_rules_are_looked_at_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rule()
    leave(0, 0.0)
    with monkeypatch.context() as crash:
        crash.setattr(alert_table, "put", lambda *_: 1 / 0)
        leave(MINUTE, 1.0)
    lost = told()

    leave(2 * MINUTE, 1.0)

    assert (lost, told()) == ([], ["critical"])
    line = f"The alerts of series {SERIES.uuid} could not be looked at"
    assert [record.message for record in caplog.records] == [line]


def test_of_two_that_look_at_a_time_one_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    rule()
    leave(0, 0.0)
    put, others = alert_table.put, [True]

    def overtaken(alert: Any, *more: Any) -> Any:
        if others.pop() if others else False:
            put(alert, *more)  # by another process, just before
        return put(alert, *more)

    monkeypatch.setattr(alert_table, "put", overtaken)
    leave(MINUTE, 1.0)

    assert (state(), told()) == ("critical", ["critical"])


@pytest.mark.parametrize("lost", [4, 5])
def test_one_who_is_overtaken_looks_again_five_times(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, lost: int
) -> None:
    rule()
    put, errors = alert_table.put, iter([Conflict("")] * lost)

    def overtaken(*what: Any) -> Any:
        for error in errors:
            raise error
        return put(*what)

    monkeypatch.setattr(alert_table, "put", overtaken)
    leave(0, 1.0)

    if lost < watch.TRIES:
        assert (state(), told(), caplog.records) == ("critical", ["critical"], [])
        return
    assert (alert_table.find(NODE, ALERT), told()) == (None, [])
    (record,) = caplog.records
    assert str(record.exc_info[1]) == f"Alert {ALERT} changes too often"  # type: ignore[index]


def test_a_result_that_changes_nothing_writes_its_point_alone() -> None:
    rule(**{"no-data": "P1D"})
    leave(0, 0.0)

    with requests_sent.counted() as calls:
        leave(MINUTE, 0.0)

    assert [name for name in calls if name not in ("GetItem", "Query")] == ["PutItem"]


def test_results_of_days_ago_are_among_the_last_where_few_come() -> None:
    rule(results={"of": 3, "at-least": 3})
    for day in range(3):
        leave(day * 24 * HOUR, 1.0)
        while hourly_rollups.tick(at(day * 24 * HOUR + 8 * HOUR)):
            pass
        for item in PointItem.query(f"{NODE}#{SERIES.uuid}"):
            item.delete()  # as its time to live does

    assert (state(), told()) == ("critical", ["critical"])


def test_a_rule_watches_so_many_series_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_SERIES", 2)
    rule()

    for number in range(4):
        leave(number, 1.0, f"host{number}.example.org")

    assert len(alert_table.of_rule(NODE, "loss")) == 2
    assert told() == ["critical", "critical"]


def test_a_rule_that_is_forgotten_takes_its_alerts_along() -> None:
    rule()
    leave(0, 1.0)

    rules.remove(NODE, RULES, "loss", at(MINUTE))
    leave(2 * MINUTE, 0.0)

    assert alert_table.of_rule(NODE, "loss") == []
    with pytest.raises(NotFound):
        rules.remove(NODE, RULES, "loss", at(MINUTE))


def test_an_alert_whose_rule_is_about_others_now_is_forgotten() -> None:
    rule()
    leave(0, 1.0)

    rule(MINUTE, series={"test": "latency"})
    watch.tick(at(2 * MINUTE))

    assert alert_table.find(NODE, ALERT) is None


def test_a_rule_that_cannot_notify_is_refused() -> None:
    with pytest.raises(Invalid, match="/notify/0/archiver: there is no archiver pigeon"):
        rule(notify=[{"archiver": "pigeon", "data": {}}])


def test_there_are_so_many_rules_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_RULES", 1)
    rule()
    rule()  # in place of itself

    with pytest.raises(Conflict, match="There are 1 rules: delete some first"):
        rules.put_rule(NODE, "other", LOSS, NOON)
    assert list(rules.documents(NODE, RULES)) == ["loss"]
    with pytest.raises(NotFound, match="There is no other"):
        rules.document(NODE, RULES, "other")


def test_one_changes_the_rules_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_to_change, "PATIENCE", 0.05)
    busy = "^Somebody else is changing the alert rules and maintenance windows: try again$"

    with rules._changing(NODE, NOON), pytest.raises(Conflict, match=busy):
        rule()

    assert rules.documents(NODE, RULES) == {}


def test_rules_and_windows_that_are_put_and_removed_at_once_are_all_changed() -> None:
    names = [f"night-{number}" for number in range(8)]
    for name in names:
        rules.put_window(NODE, f"old-{name}", NIGHT, NOON)
    changes = [
        *(functools.partial(rules.put_window, NODE, name, NIGHT, NOON) for name in names),
        *(functools.partial(rules.put_rule, NODE, name, LOSS, NOON) for name in names),
        *(functools.partial(rules.remove, NODE, WINDOWS, f"old-{name}", NOON) for name in names),
    ]

    with ThreadPoolExecutor(len(changes)) as pool:
        done = [pool.submit(change) for change in changes]

    assert [each.exception() for each in done] == [None] * len(changes)
    assert sorted(rules.documents(NODE, WINDOWS)) == sorted(rules.documents(NODE, RULES)) == names


@pytest.mark.parametrize(("passed", "is_seen"), [(0, False), (4.999, False), (5, True), (-0.001, True)])
def test_a_rule_of_another_process_is_heard_of_within_five_seconds(passed: float, is_seen: bool) -> None:
    assert rules.current(NODE, NOON).rules == {}
    seen = rules._seen[NODE]
    rule()
    rules._seen[NODE] = seen  # as in a process that did not change it

    assert ("loss" in rules.current(NODE, at(passed)).rules) is is_seen


@pytest.mark.parametrize(
    ("passed", "is_looked_for"), [(0, False), (299.999, False), (300, True), (-0.001, True)]
)
def test_that_a_rule_may_watch_no_more_is_remembered_for_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, passed: float, is_looked_for: bool
) -> None:
    monkeypatch.setattr(rules, "MOST_SERIES", 1)
    assert rules.has_room(NODE, "loss", NOON)
    rule()
    leave(0, 1.0)
    assert not rules.has_room(NODE, "loss", NOON)
    assert [record.message for record in caplog.records] == ["The rule loss watches 1 series, and no more"]
    rules.remove(NODE, RULES, "loss", NOON)

    assert rules.has_room(NODE, "loss", at(passed)) is is_looked_for
    assert rules.has_room(NODE, "other", at(passed))


@pytest.mark.parametrize("most", [0, 1, 2])
def test_a_new_rule_watches_no_more_series_than_it_may(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    for number in range(3):
        leave(number, 1.0, f"host{number}.example.org")
    monkeypatch.setattr(rules, "MOST_SERIES", most)

    for second in (0, MINUTE):
        rule(second)
        assert len(alert_table.of_rule(NODE, "loss")) == most


def test_a_new_rule_is_held_against_so_many_series(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        leave(number, 1.0, f"host{number}.example.org")
    monkeypatch.setattr(rules, "MOST_LOOKED_AT", 2)

    rule()

    first = [stored.series.uuid for stored in series_table.every(NODE)][:2]
    assert alert_table.of_rule(NODE, "loss") == sorted(f"loss.{uuid}" for uuid in first)


def test_rules_have_no_room_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "LARGEST_IN_ALL", 1000)
    rule()

    with pytest.raises(TooLarge):
        rule(
            description="x" * 300,
            notify=[{"archiver": "bitbucket", "data": {}, "schema": 3, "label": "y" * 900}],
        )
    with pytest.raises(TooLarge, match=r"^/: must have at most 20000 characters$"):
        rule(notify=[{"archiver": "bitbucket", "data": {}, "schema": 3, "label": "y" * 20_000}])
    assert rules.document(NODE, RULES, "loss") == LOSS


def test_a_document_that_is_no_longer_understood_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    rule()
    with rules._changing(NODE, NOON) as kept:
        kept[RULES]["old"] = {"metric": "x"}
        kept[WINDOWS]["old"] = {}

    known = rules.current(NODE, at(10))

    assert (list(known.rules), known.windows) == (["loss"], [])
    whys = []
    for kind, parse in ((RULES, rules.rule_of), (WINDOWS, rules.window_of)):
        with pytest.raises(Invalid) as error:
            parse("old", rules.document(NODE, kind, "old"))
        whys.append(f"The document old is left out: {error.value}")
    assert [record.message for record in caplog.records] == whys


def test_active_alerts_come_in_the_order_they_came_to_be_so() -> None:
    rule()
    for number, dest in enumerate("cab"):
        leave(number, 1.0, dest)

    found = [alert.series.destination for alert in alert_table.active(NODE, None)]

    assert found == ["c", "a", "b"]
    assert all(alert.state is AlertState.CRITICAL for alert in alert_table.active(NODE, None))


def test_a_series_that_is_gone_for_good_goes_on_to_be_silent() -> None:
    rule(**{"no-data": "PT1H"})
    leave(0, 0.0)
    watch.tick(at(HOUR))

    watch.tick(at(HOUR) + dt.timedelta(days=30))

    assert (state(), told()) == ("no-data", ["no-data"])
    assert series_table.find(NODE, SERIES.uuid) is not None

"""Whether a node works, and what waits in the deployment."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain import telemetry
from chalicelib.domain.delivery import Delivery
from chalicelib.domain.outbox_request import withdrawal
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.telemetry import Sample
from chalicelib.infrastructure import process_counters as counted
from chalicelib.infrastructure import queues
from chalicelib.service.node import health, heartbeats, pause
from chalicelib.store import delivery_table, outbox_table, run_items
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NODE, NOON, at, run, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "dead_letters", lambda: 7)


def waiting(start: float, **changes: Any) -> Task:
    """A task with a run that is to be dispatched."""
    one = task(duration=seconds(3600))
    run_items.to_item(run(one, start, **changes)).save()
    return one


def deliver(number: int, when: dt.datetime) -> None:
    """A delivery that is to be attempted at an instant."""
    one = Delivery(NODE, run(task()).uuid, number, task().uuid, {"archiver": "x"}, NOON, next_attempt=when)
    delivery_table.to_item(one).save()


@pytest.mark.parametrize(
    ("now", "late", "said"),
    [
        (99, 0, []),
        (100, 0, []),
        (160, 60, []),
        (160.5, 60.5, ["A run that was due PT1M1S ago waits to be dispatched"]),
    ],
)
def test_a_run_waits_a_minute_to_be_dispatched(now: float, late: float, said: list[str]) -> None:
    waiting(100)
    waiting(105)

    assert health.oldest_due(at(now)) == seconds(late)
    assert health.troubles(NODE, at(now)) == said


def test_while_a_node_is_paused_its_runs_may_wait() -> None:
    waiting(100)
    pause.pause(NODE, at(200))

    assert health.troubles(NODE, at(199)) == []
    assert health.troubles(NODE, at(200)) != []


def test_services_that_are_overdue_are_named_and_none_that_never_worked() -> None:
    heartbeats.beat("archiver", NOON)
    heartbeats.beat("scheduler", at(60))

    assert health.troubles(NODE, at(89)) == []
    assert health.troubles(NODE, at(100)) == ["The archiver is overdue by PT40S"]


@pytest.mark.usefixtures("letters")
def test_what_waits_is_counted_in_all_of_the_deployment() -> None:
    waiting(100)
    for number in range(3):
        one = task(node="ams.example" if number else NODE)
        commit(Booking(None, one.replanned(NOON), []), NOON)
    for number in range(2):
        deliver(number, NOON)

    assert health.watched(at(130)) == [
        Sample(telemetry.PLANNING, 3),
        Sample(telemetry.OLDEST, 30.0),
        Sample(telemetry.DELIVERIES, 2),
        Sample(telemetry.DEAD, 7),
    ]


@pytest.mark.usefixtures("letters")
def test_cloudwatch_is_told_where_there_is_any(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(counted, "emit", told.append)
    health.tick(NOON)
    assert told == []

    monkeypatch.setattr(counted, "is_on_aws", lambda: True)
    health.tick(NOON)

    assert told == [health.watched(NOON)]


@pytest.mark.usefixtures("letters")
def test_all_that_is_shown_of_a_node_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    counted.forget()
    counted.count(telemetry.REQUESTS, status="200")
    counted.count(telemetry.CONFLICTS)
    owner = task()
    for start, state in ((10, State.FINISHED), (20, State.FINISHED), (30, State.MISSED)):
        run_items.to_item(run(owner, start, state=state)).save()
    run_items.to_item(run(task(node="ams.example"), 10, state=State.FINISHED)).save()
    for number, when in enumerate((NOON, NOON, at(600))):
        deliver(number, when)
    made = [withdrawal(task(), "b", NOON) for _ in range(3)]
    outbox_table.add(made)
    outbox_table.claim(made[0], NOON)
    pause.pause(NODE, None)

    found = list(health.samples(NODE, at(60)))

    assert [each.metric for each in found[:2]] == [telemetry.CONFLICTS, telemetry.REQUESTS]  # by name
    assert found[2:6] == health.watched(at(60))
    shown = {(each.metric, each.labels.get("state")): each.value for each in found[6:]}
    assert shown == {
        (telemetry.PAUSED, None): 1,
        (telemetry.ARCHIVING, "backlog"): 2,
        (telemetry.ARCHIVING, "upcoming"): 1,
        (telemetry.HTTP_QUEUE, "backlog"): 2,
        (telemetry.HTTP_QUEUE, "length"): 3,
        **{(telemetry.RUN_COUNTS, state.value): 0 for state in health.STATES},
        (telemetry.RUN_COUNTS, "finished"): 2,
        (telemetry.RUN_COUNTS, "missed"): 1,
    }

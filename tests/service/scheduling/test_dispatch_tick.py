"""Runs that start soon are sent to their runner: which first, when, and what is claimed is sent."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.domain.messages import PerformRun
from chalicelib.domain.repeat import Schedule
from chalicelib.infrastructure import queues
from chalicelib.service.scheduling import dispatch_tick
from chalicelib.service.scheduling.placement import place_next
from chalicelib.store import run_table
from chalicelib.store.run_table import Due
from chalicelib.store.transactions.booking import New
from tests.builders import NODE, NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("moto_engine")

MESSAGE = PerformRun(NODE, "task", "run")
Sent = list[list[tuple[str, dt.datetime]]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """(run, when it is to arrive) of all that was sent, a list a request."""
    found: Sent = []

    def send_at(queue: queues.Queue, messages: Sequence[tuple[PerformRun, dt.datetime]]) -> None:
        found.append([(message.run, moment) for message, moment in messages])

    monkeypatch.setattr(queues, "send_at", send_at)
    return found


def placed(start: float) -> str:
    """A run so many seconds after noon, placed long before."""
    early = NOON - dt.timedelta(hours=1)
    one = task(schedule=Schedule(start=at(start), max_runs=1), added=early)
    return place_next(one.replanned(early), early, New()).runs[0].uuid


def test_what_can_still_start_goes_before_what_is_late(sent: Sent) -> None:
    runs = {start: placed(start) for start in (30, -40, 5, -20, 90)}
    sent.clear()

    assert dispatch_tick.tick(NOON) == 5

    in_turn = [(runs[start], at(start) - seconds(2)) for start in (5, 30, 90, -40, -20)]
    assert [each for batch in sent for each in batch] == in_turn


def test_ten_are_sent_before_the_next_are_claimed(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(25):
        placed(10 + number)
    sent.clear()
    sent_before = []
    claim = run_table.claim

    def claimed(due: Due) -> None:
        sent_before.append(sum(map(len, sent)))
        claim(due)

    monkeypatch.setattr(run_table, "claim", claimed)
    dispatch_tick.tick(NOON)

    assert sent_before == [0] * 10 + [10] * 10 + [20] * 5


def test_what_was_claimed_is_sent_though_the_next_cannot_be(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = placed(10), placed(20)
    sent.clear()
    claim = run_table.claim

    def claimed(due: Due) -> None:
        if due.run == second:
            raise TimeoutError("the table does not answer")
        claim(due)

    monkeypatch.setattr(run_table, "claim", claimed)
    with pytest.raises(TimeoutError):
        dispatch_tick.tick(NOON)

    assert [run for batch in sent for run, _ in batch] == [first]


def test_a_delay_is_reckoned_when_its_message_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, delays = [NOON], []

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return clock[0]

    class Client:
        def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
            delays.append([entry["DelaySeconds"] for entry in Entries])
            clock[0] += seconds(15)
            return {}

    monkeypatch.setattr(queues.dt, "datetime", Clock)
    monkeypatch.setattr(queues, "client", lambda _: Client())
    monkeypatch.setattr(queues, "queue_url", lambda name: name)
    queues.send_at(queues.RUNS, [(MESSAGE, at(20))] * 11 + [(MESSAGE, at(10))])

    assert delays == [[20] * 10, [5, 0]]

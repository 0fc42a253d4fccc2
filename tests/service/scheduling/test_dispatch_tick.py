"""Runs that start soon are sent to their runner: which first, when, and each once."""

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.domain.messages import PerformRun
from chalicelib.domain.names import RunId, TaskId
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run_states import State
from chalicelib.domain.times import INSTANT
from chalicelib.infrastructure import queues
from chalicelib.service.scheduling import dispatch_tick
from chalicelib.service.scheduling.placement import place_next
from chalicelib.store import dispatch_marks, due_runs, run_items, run_table, shards
from chalicelib.store.transactions.booking import New
from tests.builders import NODE, NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")

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


def all_of(sent: Sent) -> list[str]:
    return [run for batch in sent for run, _ in batch]


def test_what_can_still_start_is_sent_the_next_first(sent: Sent) -> None:
    runs = {start: placed(start) for start in (30, -40, 5, -20, 90)}
    sent.clear()

    assert dispatch_tick.tick(NOON) == 3

    in_turn = [(runs[start], at(start) - seconds(2)) for start in (5, 30, 90)]
    assert [each for batch in sent for each in batch] == in_turn


def test_a_runner_is_told_whose_run_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    monkeypatch.setattr(queues, "send_at", lambda queue, messages: found.extend((queue, *messages)))
    one = placed(30)
    due = next(
        each for shard in shards.every() for each in due_runs.due(run_items.DISPATCH, shard, at(30), 9)
    )
    found.clear()

    dispatch_tick.tick(NOON)

    message = PerformRun(NODE, due.task, RunId(one), start=at(30), lane=due.lane)
    assert due.lane
    assert found == [queues.RUNS, (message, at(28))]


@pytest.mark.parametrize(("mark", "sent_again"), [(180, False), (180.001, True), (400 * 86400, True)])
def test_a_mark_of_a_clock_that_was_ahead_holds_nothing_up(mark: float, sent_again: bool, sent: Sent) -> None:
    one = placed(90)
    for shard in shards.every():
        dispatch_marks.move(shard, None, at(mark))
    sent.clear()

    dispatch_tick.tick(NOON)

    assert all_of(sent) == ([one] if sent_again else [])
    marks = set(dispatch_marks.read(shards.every()).values())
    assert marks == ({at(-1), at(120)} if sent_again else {at(mark)})


def test_what_was_sent_is_not_sent_again(sent: Sent) -> None:
    first, second = placed(10), placed(150)
    sent.clear()

    for minute in range(3):
        dispatch_tick.tick(at(60 * minute - 60))

    assert all_of(sent) == [first, second]


def test_what_a_tick_did_not_come_to_is_sent_by_the_next(sent: Sent) -> None:
    runs = [placed(10 + number) for number in range(25)]
    sent.clear()

    done = dispatch_tick.dispatch(shards.every(), at(-60), has_time=lambda: len(sent) < 2)
    again = dispatch_tick.dispatch(shards.every(), at(-50))

    assert (done, all_of(sent[:2])) == (20, runs[:20])
    assert set(runs[20:]) <= set(all_of(sent[2:]))
    assert again < 15  # some twice: more could have started at the instant of the last


def test_what_could_not_be_sent_is_sent_by_the_next_tick(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [placed(10 + number) for number in range(15)]
    sent.clear()
    works = queues.send_at

    def fails(queue: queues.Queue, messages: Any) -> None:
        if sent:
            raise TimeoutError("the queue does not answer")
        works(queue, messages)

    monkeypatch.setattr(queues, "send_at", fails)
    with pytest.raises(TimeoutError):
        dispatch_tick.tick(at(-60))
    monkeypatch.setattr(queues, "send_at", works)
    dispatch_tick.tick(NOON)

    assert set(all_of(sent)) == set(runs)


def test_somebody_who_sends_the_same_runs_ends_it(
    sent: Sent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, dispatch_tick.LOG.name)
    runs = [placed(10 + number) for number in range(30)]
    sent.clear()
    monkeypatch.setattr(dispatch_tick, "BATCHES_PER_MARK", 1)
    send, other = queues.send_at, []

    def overtaken(queue: queues.Queue, messages: Any) -> None:
        send(queue, messages)
        monkeypatch.setattr(queues, "send_at", send)
        other.append(dispatch_tick.dispatch(shards.every(), NOON))

    monkeypatch.setattr(queues, "send_at", overtaken)
    first = dispatch_tick.tick(NOON)

    assert (first, other) == (10, [30])
    assert "Somebody else sends the same runs" in [record.message for record in caplog.records]
    assert set(all_of(sent)) == set(runs)


def test_a_run_that_begins_and_one_that_is_over_are_not_sent(sent: Sent) -> None:
    found = placed(10)
    sent.clear()
    dispatch_tick.tick(at(-60))
    run = run_table.get(NODE, *_key(found))
    run_table.change(run.evolve(state=State.RUNNING))

    assert dispatch_tick.tick(NOON) == 0


def test_a_run_placed_too_late_for_the_tick_is_sent_by_whoever_places_it(sent: Sent) -> None:
    dispatch_tick.tick(NOON)
    one = task(schedule=Schedule(start=at(170), max_runs=1), added=NOON)

    run = place_next(one.replanned(NOON), NOON, New()).runs[0]
    for minute in range(1, 4):
        dispatch_tick.tick(at(60 * minute))

    assert all_of(sent) == [run.uuid]


def test_nothing_waits_to_be_sent_once_it_was(sent: Sent) -> None:
    placed(10)

    before = dispatch_marks.oldest_unsent(at(70))
    dispatch_tick.tick(NOON)

    assert (before, dispatch_marks.oldest_unsent(at(70))) == (at(10), None)


def _key(run: str) -> tuple[TaskId, RunId]:
    for shard in shards.every():
        for due in due_runs.due(run_items.DISPATCH, shard, at(3600), 100):
            if due.run == run:
                return due.task, due.run
    raise LookupError(run)


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


@pytest.mark.parametrize(
    ("mark", "sent_from"), [(None, -1), (-5, -1), (-1, -1 + 1e-6), (10, 10 + 1e-6)], ids=str
)
def test_what_may_still_start_and_lies_behind_the_mark_is_sent(
    monkeypatch: pytest.MonkeyPatch, mark: float | None, sent_from: float
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(due_runs, "between", lambda *what: asked.append(what))

    dispatch_tick._ahead(2, {} if mark is None else {2: at(mark)}, NOON, 7)

    assert asked == [(run_items.DISPATCH, 2, at(sent_from), at(120), 7)]


@pytest.mark.parametrize("most", [3, 4])
def test_a_shard_with_many_is_left_to_a_function_of_its_own(
    sent: Sent, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(shards, "of", lambda uuid: 1)
    runs = [placed(10 + number) for number in range(3)]
    sent.clear()
    left: list[Any] = []
    beats: list[Any] = []
    monkeypatch.setattr(dispatch_tick.shard_work, "is_shared", lambda: True)
    monkeypatch.setattr(dispatch_tick.shard_work, "most", lambda _: most)
    monkeypatch.setattr(dispatch_tick.shard_work, "AT_TICK", 1)
    monkeypatch.setattr(dispatch_tick.shard_work, "leave", lambda *what: left.append(what))
    monkeypatch.setattr(dispatch_tick.heartbeats, "beat", lambda *what: beats.append(what))

    count = dispatch_tick.tick(NOON)

    is_full = most == 3
    assert (count, left) == ((0, [("dispatch", [1])]) if is_full else (3, [("dispatch", [])]))
    assert all_of(sent) == ([] if is_full else runs)
    assert beats == [("runner", NOON)]


def test_marks_are_moved_now_and_then_and_at_the_end(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "of", lambda uuid: 1)
    monkeypatch.setattr(dispatch_tick, "BATCHES_PER_MARK", 2)
    for number in range(45):
        placed(10 + number)
    sent.clear()
    moved: list[Any] = []
    move = dispatch_marks.move
    monkeypatch.setattr(dispatch_marks, "move", lambda *what: moved.append(what) or move(*what))

    assert dispatch_tick.tick(NOON) == 45

    before = [at(29) - INSTANT, at(49) - INSTANT, at(120)]  # of those to come more may start at that instant
    assert moved == [(1, old, new) for old, new in zip([None, *before], before, strict=False)]
    assert dispatch_marks.read([1]) == {1: at(120)}

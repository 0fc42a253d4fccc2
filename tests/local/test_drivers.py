"""Tickers and pollers against real queues of moto."""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest

from local import engine_moto, handled
from local.drivers import PERIOD, Drivers


@dataclasses.dataclass
class Queue:
    name: str = "work"
    handler: str = "work"
    timeout: int = 5


class Emulator:
    """A queue, and the drivers under test on it."""

    def __init__(self) -> None:
        self.sqs: Any = botocore.session.get_session().create_client("sqs")
        self.url = self.sqs.create_queue(QueueName="work")["QueueUrl"]
        self.hide(600)  # nothing comes twice, however long it takes this machine
        self.running: list[Drivers] = []

    def hide(self, seconds: int) -> None:
        """For how long a message that was taken is not seen by others."""
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"VisibilityTimeout": str(seconds)})

    def drive(self, handlers: dict[str, Callable[..., Any]], sqs: Any = None, **more: Any) -> Drivers:
        queues = [Queue()] if "work" in handlers else []
        drivers = Drivers(handlers, queues, lambda name: self.url, sqs or self.sqs, **more)
        self.running.append(drivers)
        drivers.start()
        return drivers

    def send(self, body: str, delay: int = 0) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body, DelaySeconds=delay)

    def left(self) -> int:
        """Messages not deleted, seen or unseen."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        numbers = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(numbers[name]) for name in names)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with engine_moto.mocked():
        emulator = Emulator()
        yield emulator
        for drivers in emulator.running:
            drivers.stop()


def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def test_a_message_is_handed_over_as_lambda_would_and_deleted(emulator: Emulator) -> None:
    events: list[Any] = []
    emulator.drive({"work": lambda event, context: events.append((event, context))})

    emulator.send("hello")

    until(lambda: events and emulator.left() == 0)
    event, context = events[0]
    (record,) = event["Records"]
    assert record["body"] == "hello"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["eventSource"] == "aws:sqs"
    assert 0 < context.get_remaining_time_in_millis() <= 5000


def test_a_message_comes_again_when_its_handler_raises(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    emulator.hide(1)
    counts: list[str] = []

    def fails_once(event: Any, context: Any) -> None:
        counts.append(event["Records"][0]["attributes"]["ApproximateReceiveCount"])
        if len(counts) == 1:
            emulator.hide(600)  # the second time it is done with, and comes no more
            raise ValueError("not today")

    emulator.drive({"work": fails_once})
    emulator.send("again")

    until(lambda: len(counts) == 2 and emulator.left() == 0)
    assert counts == ["1", "2"]
    assert "not today" in caplog.text


def test_a_delay_is_honoured(emulator: Emulator) -> None:
    seen: list[float] = []
    emulator.drive({"work": lambda event, context: seen.append(time.monotonic())})

    sent = time.monotonic()
    emulator.send("later", delay=2)

    until(lambda: seen)
    assert 1.5 <= seen[0] - sent <= 30


def test_eight_messages_are_handled_at_a_time_and_no_more(emulator: Emulator) -> None:
    most, now, changing, go_on = [0], [0], threading.Lock(), threading.Event()

    def slow(event: Any, context: Any) -> None:
        with changing:
            now[0] += 1
            most[0] = max(most[0], now[0])
        go_on.wait(60)
        with changing:
            now[0] -= 1

    for number in range(12):
        emulator.send(str(number))
    emulator.drive({"work": slow})

    until(lambda: most[0] == 8)
    go_on.set()
    until(lambda: emulator.left() == 0)
    assert most[0] == 8


def test_what_does_not_end_in_time_is_put_back_by_a_stop(emulator: Emulator) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slow(event: Any, context: Any) -> None:
        started.set()
        go_on.wait(120)
        raise ValueError("stopped under me")

    drivers = emulator.drive({"work": slow})
    emulator.send("long")
    assert started.wait(60)

    began = time.monotonic()
    drivers.stop(seconds=1.5)

    assert time.monotonic() - began < 60  # half of what it would have taken
    back = emulator.sqs.receive_message(QueueUrl=emulator.url, WaitTimeSeconds=1)["Messages"]
    go_on.set()
    assert [message["Body"] for message in back] == ["long"]


class Counting:
    """The client of a queue, and how many messages each request removed."""

    def __init__(self, sqs: Any):
        self._sqs = sqs
        self.removed: list[int] = []

    def delete_message_batch(self, **asked: Any) -> Any:
        answer = self._sqs.delete_message_batch(**asked)
        self.removed.append(len(asked["Entries"]))
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sqs, name)


def test_messages_that_are_done_with_together_are_removed_together(emulator: Emulator) -> None:
    sqs, together = Counting(emulator.sqs), threading.Barrier(8)
    for number in range(8):
        emulator.send(str(number))

    emulator.drive({"work": lambda event, context: together.wait(60)}, sqs=sqs)

    until(lambda: sum(sqs.removed) == 8)
    assert emulator.left() == 0
    assert len(sqs.removed) < 8


def test_what_was_handled_as_the_node_stops_is_removed(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    monkeypatch.setattr(handled, "TOGETHER", 0.5)
    drivers = emulator.drive({"work": lambda event, context: done.set()})
    emulator.send("done")
    assert done.wait(60)

    drivers.stop()

    assert emulator.left() == 0


def test_a_message_that_cannot_be_removed_comes_again(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    class Forgetful(Counting):
        def delete_message_batch(self, **asked: Any) -> Any:
            if not self.removed:
                self.removed.append(0)
                raise ConnectionError("nobody there")
            return super().delete_message_batch(**asked)

    def see(event: Any, context: Any) -> None:
        seen.append(event)
        emulator.hide(600)

    emulator.hide(1)
    seen: list[Any] = []
    with caplog.at_level(logging.INFO):
        emulator.drive({"work": see}, sqs=Forgetful(emulator.sqs))
        emulator.send("twice")
        until(lambda: len(seen) == 2 and emulator.left() == 0)

    assert "nobody there" in caplog.text


def test_nothing_is_handled_after_a_stop(emulator: Emulator) -> None:
    seen: list[Any] = []
    drivers = emulator.drive({"work": lambda event, context: seen.append(event)})

    drivers.stop()
    emulator.send("too late")
    time.sleep(1.5)

    assert (seen, emulator.left()) == ([], 1)


def test_an_emulator_that_is_away_for_a_while_ends_nothing(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    class Shaky:
        """The client, away for its first three receives."""

        away = 3

        def receive_message(self, **arguments: Any) -> Any:
            if self.away:
                self.away -= 1
                raise ConnectionError("nobody there")
            return emulator.sqs.receive_message(**arguments)

        def __getattr__(self, name: str) -> Any:
            return getattr(emulator.sqs, name)

    seen: list[Any] = []
    emulator.send("patience")
    with caplog.at_level(logging.WARNING):
        emulator.drive({"work": lambda event, context: seen.append(event)}, sqs=Shaky())
        until(lambda: seen)

    assert caplog.text.count("nobody there") == 3


def test_ticks_come_at_once_and_again_even_when_one_fails(emulator: Emulator) -> None:
    ticks: list[Any] = []

    def plan(event: Any, context: Any) -> None:
        ticks.append(event)
        if len(ticks) == 1:
            raise ValueError("first one fails")

    emulator.drive({"plan": plan}, period=0.2)
    until(lambda: len(ticks) == 3, 2 * PERIOD)  # sooner than by the period there usually is

    assert ticks[0]["detail-type"] == "Scheduled Event"
    assert ticks[0]["resources"][0].endswith(":rule/plan")
    assert len({tick["id"] for tick in ticks}) == 3

"""A node that delivers in simulated time, and whose process may end at any step.

A step is a write to the tables, a message to the queue, and what a sink is sent; each is a place to end
before and one to end after.
"""

import dataclasses
import datetime as dt
import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from botocore.client import BaseClient

from chalicelib.domain.errors import Conflict
from chalicelib.domain.messages import AttemptDelivery
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.infrastructure import queues
from chalicelib.service.archiving import announce, attempt
from chalicelib.service.execution import results
from chalicelib.service.node import heartbeats
from chalicelib.service.scheduling.placement import place_next
from chalicelib.store.models.all_tables import TABLES
from chalicelib.store.transactions.booking import New
from plugins.sdk.jobs import Outcome, Parcel
from tests.acceptance.history.tables import Tables
from tests.builders import NOON, at, task
from tests.plugins.everything import ARCHIVERS

WRITES = ("PutItem", "UpdateItem", "TransactWriteItems", "DeleteItem", "BatchWriteItem")
SEEN_AGAIN = 900
"""Seconds after which a queue hands out what was never said to be done."""


class Killed(BaseException):
    """The process ends here."""


@dataclasses.dataclass
class Node:
    """``dies`` is asked at each step, by its name, whether the process ends there; ``sinks`` is what is sent
    to an archive, and what it says. ``received`` counts what sinks had in hand, by delivery."""

    dies: Callable[[str], bool] = lambda step: False
    sinks: Callable[[Parcel], Outcome] = lambda parcel: Outcome(True)
    now: float = 0
    waiting: list[tuple[float, int, AttemptDelivery]] = dataclasses.field(default_factory=list)
    count: Any = dataclasses.field(default_factory=itertools.count)
    received: Counter[str] = dataclasses.field(default_factory=Counter)
    kills: int = 0

    def __post_init__(self) -> None:
        # They forget what was written long ago, by this clock.
        self.tables = Tables([each.definition() for each in TABLES], lambda: self.now, lambda: 0)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand in for tables, queues and sinks."""
        monkeypatch.setattr(BaseClient, "_make_api_call", lambda _, name, request: self._store(name, request))
        for name, stand_in in (("send", self._send), ("send_many", self._send_many)):
            monkeypatch.setattr(queues, name, stand_in)
        monkeypatch.setattr(queues, "send_at", lambda *_: None)
        monkeypatch.setattr(heartbeats, "_noted", {})
        monkeypatch.setitem(vars(ARCHIVERS["http"]), "deliver", self._deliver)

    def _send(self, queue: queues.Queue, message: Any, delay: dt.timedelta = dt.timedelta(0)) -> None:
        self._send_many(queue, [(message, delay)])

    def _send_many(self, queue: queues.Queue, outgoing: Any) -> None:
        if queue is not queues.DELIVERIES:
            return
        self._step("before a message")
        for message, delay in outgoing:
            heapq.heappush(self.waiting, (self.now + delay.total_seconds(), next(self.count), message))
        self._step("after a message")

    def _store(self, operation: str, request: dict[str, Any]) -> Any:
        if operation not in WRITES:
            return self.tables.call(operation, request)
        self._step(f"before {operation}")
        answer = self.tables.call(operation, request)
        self._step(f"after {operation}")
        return answer

    def _deliver(self, parcel: Parcel) -> Outcome:
        self._step("before a sink")
        outcome = self.sinks(parcel)
        self.received[parcel.delivery] += outcome.succeeded
        self._step("after a sink")
        return outcome

    def _step(self, name: str) -> None:
        if self.dies(name):
            self.kills += 1
            raise Killed(name)

    def do(self, work: Any, *what: Any) -> bool:
        """Whether it came to its end."""
        try:
            work(*what)
        except (Killed, Conflict):
            return False
        return True

    def run_until(self, end: float, pace: float = 60) -> None:
        """Let the queue and the archive tick do their work, every so many seconds."""
        while self.now < end:
            while self.waiting and self.waiting[0][0] <= self.now:
                when, number, message = heapq.heappop(self.waiting)
                if not self.do(attempt.deliver, message.node, message.run, message.number, at(self.now)):
                    heapq.heappush(self.waiting, (when + SEEN_AGAIN, number, message))
            self.do(announce.tick, at(self.now))
            self.now += pace


def over(archives: list[dict[str, Any]]) -> tuple[Task, Run]:
    """A task with these archives, stored, and its run as it is when its result is about to be."""
    one = task(document={**task().document, "archives": archives})
    found = place_next(one.replanned(NOON), NOON, New()).runs[0]
    ended = found.evolve(state=State.RUNNING).evolve(state=State.FINISHED)
    return one, ended.with_documents(result_merged={"succeeded": True})


def record(node: Node, one: Task, run: Run) -> bool:
    """Store the result, as whoever performed the run; whether that came to its end."""
    return node.do(results.record, one, run, NOON)

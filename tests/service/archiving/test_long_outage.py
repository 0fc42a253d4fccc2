"""Sinks that are down for six hours, and a node that is killed between any two steps: nothing is lost."""

import dataclasses
import datetime as dt
import heapq
import itertools
import random
from collections import Counter
from typing import Any

import pytest
from botocore.client import BaseClient

from chalicelib.domain.delivery_states import DeliveryState
from chalicelib.domain.errors import Conflict
from chalicelib.domain.messages import AttemptDelivery
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.infrastructure import queues
from chalicelib.service.archiving import announce, attempt
from chalicelib.service.execution import results
from chalicelib.service.node import heartbeats
from chalicelib.service.scheduling.placement import place_next
from chalicelib.store import delivery_table
from chalicelib.store.models import TABLES
from chalicelib.store.transactions.booking import New
from plugins.sdk.base import Outcome, Parcel
from tests.acceptance.history.tables import Tables
from tests.builders import NODE, NOON, at, task
from tests.plugins.everything import ARCHIVERS

SINKS, RUNS = 10, 5
BACK = 6 * 3600
"""Seconds after which the sinks answer again."""
OVER = 9 * 3600
WRITES = ("PutItem", "UpdateItem", "TransactWriteItems")


class Killed(BaseException):
    """The process ends here."""


@dataclasses.dataclass
class Node:
    """A queue and a clock in simulated time; each write may be the last that its process makes."""

    chance: random.Random
    crash: float
    tables: Tables
    now: float = 0
    waiting: list[tuple[float, int, AttemptDelivery]] = dataclasses.field(default_factory=list)
    count: Any = dataclasses.field(default_factory=itertools.count)
    kills: int = 0

    def send(self, queue: queues.Queue, message: Any, delay: dt.timedelta = dt.timedelta(0)) -> None:
        self.send_many(queue, [(message, delay)])

    def send_many(self, queue: queues.Queue, outgoing: Any) -> None:
        self.maybe_killed()
        if queue is queues.DELIVERIES:
            for message, delay in outgoing:
                heapq.heappush(self.waiting, (self.now + delay.total_seconds(), next(self.count), message))
        self.maybe_killed()

    def store(self, operation: str, request: dict[str, Any]) -> Any:
        if operation in WRITES:
            self.maybe_killed()
        answer = self.tables.call(operation, request)
        if operation in WRITES:
            self.maybe_killed()
        return answer

    def maybe_killed(self) -> None:
        if self.chance.random() < self.crash:
            self.kills += 1
            raise Killed

    def do(self, work: Any, *what: Any) -> bool:
        """Whether it came to its end."""
        try:
            work(*what)
        except (Killed, Conflict):
            return False
        return True

    def run_until(self, end: float) -> None:
        while self.now < end:
            while self.waiting and self.waiting[0][0] <= self.now:
                when, number, message = heapq.heappop(self.waiting)
                if not self.do(attempt.deliver, message.node, message.run, message.number, at(self.now)):
                    heapq.heappush(self.waiting, (when + 900, number, message))  # seen again by then
            self.do(announce.tick, at(self.now))
            self.now += 60


def ended(node: Node) -> list[Run]:
    """Runs that have come to their results, each to be delivered to every sink."""
    archives = [
        {"archiver": "http", "data": {"_url": f"http://sink{number}.example/"}, "ttl": "P1D"}
        for number in range(SINKS)
    ]
    runs = []
    for _ in range(RUNS):
        one = task(document={**task().document, "archives": archives})
        found = place_next(one.replanned(NOON), NOON, New()).runs[0]
        over = found.evolve(state=State.RUNNING).evolve(state=State.FINISHED)
        node.crash, crash = 0.2, node.crash
        node.do(results.record, one, over.with_documents(result_merged={"succeeded": True}), NOON)
        node.crash = crash
        runs.append(found)
    return runs


@pytest.mark.parametrize("seed", range(3))
def test_sinks_that_come_back_get_everything_whatever_was_killed(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node(random.Random(seed), 0, Tables([each.definition() for each in TABLES], lambda: 0, lambda: 0))
    received: Counter[str] = Counter()

    def deliver(parcel: Parcel) -> Outcome:
        if node.now < BACK:
            return Outcome(False, "down")
        received[parcel.delivery] += 1
        return Outcome(True)

    monkeypatch.setattr(BaseClient, "_make_api_call", lambda _, name, request: node.store(name, request))
    for name, stand_in in (("send", node.send), ("send_many", node.send_many)):
        monkeypatch.setattr(queues, name, stand_in)
    monkeypatch.setattr(queues, "send_at", lambda *_: None)
    monkeypatch.setattr(heartbeats, "_noted", {})
    monkeypatch.setitem(vars(ARCHIVERS["http"]), "deliver", deliver)
    runs = ended(node)
    node.crash = 0.01
    node.run_until(OVER)

    stored = [each for run in runs for each in delivery_table.of_run(NODE, run.uuid)]
    assert node.kills > 50
    assert len(stored) >= SINKS  # what was killed before its result was stored has none, and says so
    assert {each.state for each in stored} == {DeliveryState.ARCHIVED}
    assert received.keys() == {each.id for each in stored}
    assert sum(received.values()) <= 1.2 * len(stored)  # again only where the answer was not noted

"""Results on their way to the coordinator: on disk until acknowledged, in memory where the disk is full."""

import collections
import json
import logging
import threading
from collections.abc import Callable

from agent.agent_state import State
from agent.coordinator_client import Client
from agent.failures import Backoff, Oversized, Rejected, Unanswered
from agent.state_records import Result
from chalicelib.domain.errors import StorageFull

LOG = logging.getLogger(__name__)
MOST_IN_MEMORY = 64 * 2**20
"""Characters of results that are kept in memory while the disk is full."""
LOOK_EVERY = 30.0
"""Seconds after which results in memory are tried to be put on disk, and deletions that failed are made."""


class Spool:
    """The results of all runs, in the order they came. Safe for threads."""

    def __init__(self, state: State):
        self._state = state
        self._lock = threading.Condition()
        self._memory: collections.deque[Result] = collections.deque()
        self._size = 0
        self._acknowledged: dict[int, Result] = {}
        self._unnoted: list[Result] = []
        self.lost = 0
        """Results there was no room for, neither on disk nor in memory."""

    def add(self, result: Result) -> None:
        """Keep a result, on disk if that can be. Never raises for want of room."""
        with self._lock:
            if self._memory or not self._stored(result):
                self._remember(result)
            self._lock.notify_all()

    def _stored(self, result: Result) -> bool:
        try:
            self._state.add(result)
        except StorageFull as error:
            LOG.error("The result of run %s stays in memory: %s", result.run, error)
            return False
        return True

    def _remember(self, result: Result) -> None:
        size = len(json.dumps(result.local))
        if self._size + size > MOST_IN_MEMORY:
            self.lost += 1
            LOG.error("The result of run %s is lost: there is no room on disk and in memory", result.run)
            return
        self._memory.append(result)
        self._size += size

    def to_disk(self) -> None:
        """Put on disk what is in memory, as far as there is room, and forget what was acknowledged."""
        with self._lock:
            while self._memory and self._stored(self._memory[0]):
                self._drop_first()
            self._tidy()

    def first(self, seconds: float) -> Result | None:
        """The first result to be sent, waited for so long; None where none came."""
        with self._lock:
            found = self._first()
            if found is None:
                self._lock.wait(seconds)
                found = self._first()
            return found

    def _first(self) -> Result | None:
        on_disk = self._state.next_result(after=max(self._acknowledged, default=0))
        return on_disk or (self._memory[0] if self._memory else None)

    def done(self, result: Result) -> None:
        """Forget the first result: it was acknowledged, or nobody will ever take it."""
        with self._lock:
            if result.id is None:
                self._drop_first()
                self._unnoted.append(result)
            else:
                self._acknowledged[result.id] = result
            self._tidy()

    def _drop_first(self) -> None:
        self._size -= len(json.dumps(self._memory.popleft().local))

    def _note(self) -> None:
        """Have the state know what was sent from memory; until it does, a restart would report it again."""
        while self._unnoted:
            result = self._unnoted[0]
            if result.final:
                self._state.forget(result.run)
            else:
                self._state.came_to(result)
            del self._unnoted[0]

    def _tidy(self) -> None:
        try:
            for place in sorted(self._acknowledged):
                self._state.sent(self._acknowledged[place])
                del self._acknowledged[place]
            self._note()
        except StorageFull as error:
            LOG.error("What was acknowledged stays noted: %s", error)

    def waiting(self) -> tuple[int, int]:
        """How many results are not acknowledged, and how many of them are in memory alone."""
        with self._lock:
            in_memory = len(self._memory)
            return self._state.waiting() - len(self._acknowledged) + in_memory, in_memory

    def wake(self) -> None:
        """Have whoever waits for a result look again."""
        with self._lock:
            self._lock.notify_all()


def too_large(result: Result, why: str) -> Result:
    """What is sent in place of a result that the coordinator finds too large."""
    failed = {"result": None, "errors": f"The result could not be handed over: {why}", "diags": ""}
    return Result(result.task, result.run, result.number, result.at, failed, result.final, result.id)


def send(
    spool: Spool, client: Client, instance: str, stop: threading.Event, failed: Callable[[Unanswered], None]
) -> None:
    """Send results until told to stop, each until it is acknowledged; ``failed`` hears of what went wrong."""
    backoff = Backoff()
    while not stop.is_set():
        result = spool.first(LOOK_EVERY)
        if result is None:
            spool.to_disk()
            continue
        try:
            deliver(result, client, instance)
        except Unanswered as error:
            failed(error)
            stop.wait(backoff.wait())
            spool.to_disk()
            continue
        backoff.reset()
        spool.done(result)


def deliver(result: Result, client: Client, instance: str) -> None:
    """Send one result; one that nobody will ever take is logged. Raises what may pass."""
    try:
        try:
            client.results(result.body(instance))
        except Oversized as error:
            LOG.error("The result of run %s is too large: %s", result.run, error)
            client.results(too_large(result, error.message).body(instance))
    except Rejected as error:
        LOG.error("The result of run %s is not taken, and dropped: %s", result.run, error)

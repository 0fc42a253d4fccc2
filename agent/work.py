"""One run at work: its tool in a thread of its own, told to the coordinator, watched, and reported once."""

import datetime as dt
import logging
import threading
from collections.abc import Callable

from agent.coordinator_client import Client
from agent.failures import Backoff, Unanswered
from agent.spool import Spool
from agent.state_records import Held, Result
from chalicelib.domain.assignment import Assignment, LocalResult
from chalicelib.domain.conflicts import START_MARGIN
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from chalicelib.host.tool_execution import perform
from chalicelib.infrastructure.machine import Machine

LOG = logging.getLogger(__name__)
ANSWER_AWAITED = 1.0
"""Seconds for which a tool waits to hear that its run goes ahead; without an answer it does."""

Perform = Callable[[Assignment, Machine, Callable[[JSON], None]], LocalResult]


class Announce:
    """Tells the coordinator that a run starts, until that answers or the run is over."""

    def __init__(self, client: Client, instance: str, held: Held):
        self._client, self._body = client, {"instance": instance, **held.names()}
        self.answered = threading.Event()

    def goes_ahead(self, is_over: Callable[[], bool]) -> bool:
        """What the coordinator says; True where it never answers."""
        backoff = Backoff()
        while not is_over():
            try:
                answer = self._client.starts(self._body, within=5.0)
            except Unanswered as error:
                LOG.info("The coordinator is not told that run %s starts: %s", self._body["run"], error)
                self.answered.wait(backoff.wait())
                continue
            if answer.get("go") is False:
                LOG.info("Run %s is not to be done: %s", self._body["run"], answer.get("reason", ""))
                return False
            return True
        return True


class Work:
    """A run whose start is noted. It is reported once, by whoever comes first: its tool, its end, a stop."""

    def __init__(
        self, assignment: Assignment, spool: Spool, machine: Machine, number: int, announce: Announce
    ):
        self.assignment = assignment
        self.perform: Perform = perform
        self.declined: Callable[[str], None] = lambda run: self.abandon()
        self._spool, self._machine, self._number, self._announce = spool, machine, number, announce
        self._lock = threading.Lock()
        self._reported = False
        self._heard = threading.Event()
        self._tool = threading.Thread(target=self._work, name=f"run {assignment.run}", daemon=True)

    def start(self) -> None:
        threading.Thread(target=self._say, name=f"start {self.assignment.run}", daemon=True).start()
        self._tool.start()

    def _say(self) -> None:
        if not self._announce.goes_ahead(lambda: self._reported):
            self.declined(self.assignment.run)
        self._heard.set()

    def _work(self) -> None:
        self._heard.wait(ANSWER_AWAITED)
        if self._reported:
            return
        try:
            local = self.perform(self.assignment, self._machine, self._emit)
        except Exception as error:  # whatever it is, somebody waits for a result
            LOG.error("Run %s broke: %s", self.assignment.run, type(error).__name__)
            local = LocalResult(errors=f"The tool broke: {type(error).__name__}")
        self._report(local)

    def _emit(self, result: JSON) -> None:
        self._machine.check()  # what is stopped, and goes on all the same, is not heard any more
        with self._lock:
            if not self._reported:
                self._add(LocalResult(result), final=False)

    def _report(self, local: LocalResult) -> None:
        with self._lock:
            if not self._reported:
                self._reported = True
                self._add(local, final=True)

    def _add(self, local: LocalResult, final: bool) -> None:
        self._number += 1
        run = self.assignment
        now = self._machine.now()
        self._spool.add(Result(run.task, run.run, self._number, now, local.to_json(), final))

    def look(self, now: dt.datetime) -> None:
        """End a tool that takes longer than its run was planned for."""
        if not self._reported and now >= self.assignment.end + START_MARGIN + SECOND:
            self._report(LocalResult.too_late(self.assignment.duration))
            self._machine.cancel()

    def abandon(self) -> None:
        """End the tool, and say nothing of its run."""
        with self._lock:
            self._reported = True
        self._announce.answered.set()
        self._machine.cancel()

    def interrupt(self, now: dt.datetime, why: str) -> None:
        """End the tool because the agent ends. A run that streams stays as it is, to be carried on."""
        if self.assignment.streams and now < self.assignment.end:
            self.abandon()
            return
        self._report(LocalResult(errors=why))
        self._machine.cancel()

    def is_over(self) -> bool:
        return self._reported and not self._tool.is_alive()

"""One contact: what an agent says of itself, and what it makes of the answer."""

import datetime as dt
from collections.abc import Callable

from agent.agent_state import State
from agent.clock_offset import Offset
from agent.coordinator_client import Client
from agent.spool import Spool
from agent.taken_runs import Runs
from agent.version import VERSION
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp, parse_timestamp


class Contacts:
    """The contacts of one agent. Whoever makes them does with the rest of an answer what it likes."""

    def __init__(
        self,
        client: Client,
        state: State,
        results: Spool,
        runs: Runs,
        offset: Offset,
        steady: Callable[[], float],
    ):
        self._client, self._state, self._spool, self._runs = client, state, results, runs
        self._offset, self._steady = offset, steady

    def say(self, now: dt.datetime, synchronized: bool, facts: str | None) -> JSON:
        """Make contact, with the digest of the host's facts; the answer. Raises Unanswered."""
        body = {
            "instance": self._state.instance,
            "version": VERSION,
            "clock": {
                "time": format_timestamp(now),
                "synchronized": synchronized,
                "offset": self._offset.seconds(now),
            },
            "facts": facts,
            "held": self._runs.held(),
            "take": self._runs.room(),
            "waiting": self._spool.waiting()[0],
        }
        sent = self._steady()
        answer = self._client.contact(body)
        self._offset.note(sent, self._steady(), parse_timestamp(str(answer.get("time", ""))))
        return answer

    def heed(self, answer: JSON) -> None:
        """Do as an answer says: let go of what was cancelled, take what is offered.

        Raises Unanswered and StorageFull; the next contact does what was left then.
        """
        for each in answer.get("cancelled", ()):
            self._runs.cancel(str(each["run"]))
        try:
            self._runs.offer(answer.get("runs", ()), frozenset(answer.get("taken", ())))
        finally:
            self._runs.claim(self._state.instance)

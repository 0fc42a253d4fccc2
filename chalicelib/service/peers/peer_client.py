"""Talking to the other participants of a task: what is asked of them, for how long, and what comes back.

The requests are those of docs/contract/scheduler.md sections 6, 7 and 13, so that a node of the reference
understands them, and they it.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import PeerBusy, PeerConflict, PeerError, PeerForgot, Refused
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.infrastructure.peer_http import Call, Reply, network

QUESTION, RUN = 10.0, 30.0
"""Seconds for a question, and for a request that places or changes a run."""
TOOLS, TASK = 15.0, 15.0
"""Seconds for what a tool or a task takes to be looked into; the reference sets none."""
FOR_NOW = (429, 502, 503, 504)
"""Statuses of who has too much to do, or is being started again behind a proxy."""
SHOWN = 500
"""Characters of a refusal that are passed on."""

Outcome = Reply | PeerError


class Deadline:
    """What is left of the seconds that a whole conversation may take."""

    def __init__(self, seconds: float):
        self._began = time.monotonic()
        self._until = self._began + seconds

    @property
    def left(self) -> float:
        return self._until - time.monotonic()

    @property
    def spent(self) -> float:
        return time.monotonic() - self._began

    def most(self, seconds: float) -> float:
        """So many seconds, or what is left; never so few that nothing could come of it."""
        return max(0.5, min(seconds, self.left))


class PeerGroup:
    """The other participants of a task, as asked by this node within a budget."""

    def __init__(self, task: Task, deadline: Deadline):
        self.task = task
        self.deadline = deadline

    def call(self, number: int, method: str, what: str = "", **more: Any) -> Call:
        """A request to one of them: about the task, ``what`` following its path, or at another ``path``.

        ``args``, ``body`` and ``timeout`` as a Call has them; nothing takes longer than the budget.
        """
        path = more.pop("path", f"/tasks/{self.task.uuid}{what}")
        timeout = self.deadline.most(more.pop("timeout", QUESTION))
        host = self.task.participants[number]
        return Call(method, host, path, timeout=timeout, bind=self.task.lead_bind, **more)

    def ask(self, method: str, what: str = "", **more: Any) -> dict[int, Outcome]:
        """Ask all of them the same: outcomes by participant. The rest as for ``call``."""
        return self.send({number: self.call(number, method, what, **more) for number in self.task.others})

    def send(self, calls: Mapping[int, Call]) -> dict[int, Outcome]:
        """Make a call for each participant; a refusal is a trouble like others."""
        answers = network().ask(list(calls.values()))
        return {number: settled(answer) for number, answer in zip(calls, answers, strict=True)}

    @property
    def key(self) -> dict[str, str]:
        """The argument that lets this node write at the others."""
        return {"key": self.task.participant_key} if self.task.participant_key else {}


def settled(answer: Outcome) -> Outcome:
    """An answer, a refusal turned into the trouble it is."""
    if isinstance(answer, PeerError) or answer.status == 200:
        return answer
    kinds: dict[int, type[Refused]] = {409: PeerConflict, 404: PeerForgot, 410: PeerForgot}
    said = told(answer.text)
    message = f"answered with status {answer.status}" + (f": {said}" if said else "")
    if answer.status in FOR_NOW:
        return PeerBusy(answer.host, message)
    return kinds.get(answer.status, Refused)(answer.host, message, answer.status)


def told(what: JSON) -> str:
    """What another node says, in a line that is not too long."""
    return " ".join((what if isinstance(what, str) else shown(what, SHOWN))[:SHOWN].split())


def errors(outcomes: Mapping[int, Outcome]) -> list[PeerError]:
    """What went wrong, in the order of the participants."""
    return [found for found in outcomes.values() if isinstance(found, PeerError)]


def replies(outcomes: Mapping[int, Outcome]) -> dict[int, Reply]:
    """All the answers. Raises the first trouble there was instead."""
    for error in errors(outcomes):
        raise error
    return {number: found for number, found in outcomes.items() if isinstance(found, Reply)}


def ask_hosts(hosts: Sequence[str], path: str, bind: str | None, timeout: float) -> list[Reply]:
    """Ask hosts the same. Raises the first trouble there was."""
    answers = network().ask([Call("GET", host, path, bind=bind, timeout=timeout) for host in hosts])
    return list(replies(dict(enumerate(map(settled, answers)))).values())


def ask_tools(
    levels: Mapping[str, int], test: Mapping[str, JSON], bind: str | None, timeout: float
) -> dict[str, JSON]:
    """Ask hosts, each in its own API level, what tools they have for a test. Raises the first trouble."""
    calls = {
        number: Call(
            "GET", host, "/tools", {"test": json.dumps(test), "api": str(level)}, None, timeout, bind
        )
        for number, (host, level) in enumerate(levels.items())
    }
    answers = network().ask(list(calls.values()))
    found = replies({number: settled(answer) for number, answer in enumerate(answers)})
    return {reply.host: reply.json() for reply in found.values()}

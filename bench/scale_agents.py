"""Agents of a slice of many nodes: each makes contact, takes what is offered, starts it and hands it back.

What they say goes to the services behind the pages, as a function of the API does. The bell is heard in a
queue of each, which is no function's, so nothing is played of it but that it is rung.
"""

import datetime as dt
import functools
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from chalicelib.domain.assignment import Assignment, LocalResult
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_timestamp

API = "api"
"""The function that agents ask."""
FIRST_CONTACT = 30.0
"""Seconds over which agents come for the first time."""


class Clock(Protocol):
    now: dt.datetime
    performed: int

    def at(self, moment: dt.datetime, function: str, work: Callable[[], object]) -> None: ...


class Agent:
    """One node's; ``lasts`` is how many seconds its tools measure, ``result`` what they come to."""

    def __init__(self, node: NodeName, clock: Clock, machine: Callable[[], Any], lasts: float, result: JSON):
        self._node, self._clock, self._machine = node, clock, machine
        self._lasts, self._result = lasts, result
        self._instance = str(uuid.uuid4())
        self._held: dict[str, Assignment] = {}

    def begin(self, after: float) -> None:
        self._clock.at(self._clock.now + after * SECOND, API, self._contact)

    def _contact(self) -> None:
        from chalicelib.domain import agent_protocol
        from chalicelib.service.agents import contacts

        held = [
            {"task": each.task, "run": each.run, "start": format_timestamp(each.start)}
            for each in self._held.values()
        ]
        said = agent_protocol.require_contact(
            {
                "instance": self._instance,
                "version": "0.3.0",
                "clock": {"time": format_timestamp(self._clock.now), "synchronized": True, "offset": 0.0},
                "facts": None,
                "held": held,
                "take": agent_protocol.MOST_OFFERED,
                "waiting": 0,
            }
        )
        answer = contacts.contact(self._known(), said, self._clock.now)
        offered = [Assignment.from_json(each) for each in answer["runs"]]
        self._have(offered, answer["taken"])
        left = [each for each in offered if each.run not in answer["taken"]]
        if left:
            self._clock.at(self._clock.now, API, functools.partial(self._claim, left))
        self.begin(answer["every"])

    def _claim(self, offered: Sequence[Assignment]) -> None:
        from chalicelib.service.agents import claims

        self._known()
        take = [{"task": each.task, "run": each.run} for each in offered]
        answer = claims.claim(
            self._node, {"instance": self._instance, "take": take, "refuse": []}, self._clock.now
        )
        self._have(offered, answer["taken"])

    def _have(self, offered: Sequence[Assignment], taken: Collection[str]) -> None:
        for each in offered:
            if each.run in taken:
                self._held[each.run] = each
                self._clock.at(each.start, API, functools.partial(self._start, each))

    def _start(self, run: Assignment) -> None:
        from chalicelib.service.agents import claims

        self._known()
        if claims.start(self._node, self._of(run), self._clock.now) is None:
            self._clock.at(self._clock.now + self._lasts * SECOND, API, functools.partial(self._report, run))
        else:
            self._held.pop(run.run)

    def _report(self, run: Assignment) -> None:
        from chalicelib.service.agents import reports

        self._known()
        local = LocalResult(
            result={"succeeded": True, "result": self._result, "error": None, "diags": ""}
        ).to_json()
        said = {
            **self._of(run),
            "number": 1,
            "at": format_timestamp(self._clock.now),
            "local": local,
            "final": True,
        }
        assert reports.take(self._node, said, self._machine()) == reports.RESULT
        self._held.pop(run.run)
        self._clock.performed += 1

    def _of(self, run: Assignment) -> Mapping[str, JSON]:
        return {"instance": self._instance, "task": run.task, "run": run.run}

    def _known(self) -> Any:
        """The node as each request looks it up, with its agent's secret."""
        from chalicelib.store import node_registry

        return node_registry.get(self._node)

"""A machine whose clock only moves when somebody sleeps."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from chalicelib.domain.messages import EndWait, Message
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from chalicelib.infrastructure import queues
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.execution import runner, waits
from plugins.sdk.jobs import Completed
from plugins.tools.idle import snooze


class FakeMachine(Machine):
    """Stands in for the host: ``now`` is what the test says, and sleeping moves it on at once."""

    def __init__(self, now: dt.datetime, asleep: Callable[[], None] = lambda: None):
        super().__init__()
        self.moment = now
        self.asleep = asleep

    def anew(self) -> "FakeMachine":
        return FakeMachine(self.moment)

    def now(self) -> dt.datetime:
        return self.moment

    def sleep_until(self, moment: dt.datetime) -> None:
        self.asleep()
        self.check()
        self.moment = max(self.moment, moment)

    def execute(self, argv: Sequence[str], timeout: float, *more: Any, **named: Any) -> Completed:
        raise AssertionError("no test of a service starts a program")

    def wait_until_cancelled(self) -> None:
        """For a tool that hangs: in real time, ten seconds at the most."""
        self._stop.wait(10)

    def clock_state(self) -> dict[str, JSON]:
        return {"time": self.moment.isoformat(), "synchronized": False, "source": "unknown"}


def perform_all(node: NodeName, task: str, run: str, machine: FakeMachine) -> None:
    """Do a run's whole work: what its runner does, and what is left once the messages come that wait."""
    waiting: list[EndWait] = []
    send_at = queues.send_at

    def keep(queue: queues.Queue, messages: Sequence[tuple[Message, dt.datetime]]) -> None:
        waiting.extend(message for message, _ in messages if isinstance(message, EndWait))
        send_at(queue, messages)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queues, "send_at", keep)
        runner.run(node, task, run, machine)
        for message in waiting:
            now = max(machine.moment, message.until - SECOND)
            waits.end(message, FakeMachine(now, machine.asleep))


def keep_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have runs that idle performed like those of any other tool."""
    monkeypatch.setitem(vars(snooze.TOOL), "idle", None)

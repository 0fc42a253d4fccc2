"""A machine whose clock only moves when somebody sleeps."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from chalicelib.domain.schemas import JSON
from chalicelib.infrastructure.machine import Machine
from plugins.sdk.base import Completed


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

"""The machine a tool works on: its clock, its programs, and an end to every wait."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from chalicelib.domain.errors import Cancelled
from chalicelib.domain.job import Completed
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import UTC
from chalicelib.infrastructure import guardian
from chalicelib.infrastructure.processes import Given, execute, follow
from chalicelib.infrastructure.system_clock import clock_state

LOOK_EVERY = 0.5
"""Seconds after which a wait reads the clock again, which may have been set meanwhile."""
FINE = 0.001
"""Seconds before its end that a wait leaves the event, whose wake-ups come late by fractions of this."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Machine:
    """One run's hold on this machine; plugins know it as ``Job.host``. ``cancel`` may come from any thread.

    Every method that waits raises Cancelled once the run is cancelled.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        guardian.watch()  # here, as a tool's thread may be in a namespace that it would stay in

    def cancel(self) -> None:
        """End the wait that is going on, and every later one."""
        self._stop.set()

    def anew(self) -> "Machine":
        """Another hold on this machine, for what is still to be done after this one was cancelled."""
        return type(self)()

    def now(self) -> dt.datetime:
        return dt.datetime.now(UTC)

    def sleep_until(self, moment: dt.datetime) -> None:
        """Wait until the clock of this machine shows a moment; one that has passed is no wait."""
        self.check()
        while (left := (moment - self.now()).total_seconds()) > 0:
            if left <= FINE:
                time.sleep(left)
            elif self._stop.wait(min(left - FINE / 2, LOOK_EVERY)):
                break
        self.check()

    def check(self) -> None:
        """Raise Cancelled once the run is cancelled."""
        if self._stop.is_set():
            raise Cancelled("The run was cancelled")

    def execute(
        self,
        argv: Sequence[str],
        timeout: float,
        stdin: str = "",
        env: Mapping[str, str] = _NOTHING,
        until: Callable[[], bool] = lambda: False,
    ) -> Completed:
        """Run a program for at most ``timeout`` seconds; see ``processes.execute``."""
        return execute(argv, timeout, Given(stdin, env, until), self._stop)

    def follow(
        self,
        argv: Sequence[str],
        timeout: float,
        on_line: Callable[[str], None],
        directory: str | None = None,
    ) -> Completed:
        """Run a program for at most ``timeout`` seconds, line by line; see ``processes.follow``."""
        return follow(argv, timeout, on_line, self._stop, directory)

    def clock_state(self) -> dict[str, JSON]:
        return clock_state(self.now())

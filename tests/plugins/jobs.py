"""Jobs for tools under test, on a machine whose time passes only while somebody sleeps."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from chalicelib.domain.schemas import JSON
from plugins.sdk.jobs import Completed, Host, Job
from plugins.sdk.tool import Tool
from tests.builders import NOON, at, seconds


class FakeHost:
    """A machine at noon. Programs are answered with ``completes``, and remembered in ``executed``."""

    def __init__(self, completes: Completed | Exception | None = None):
        self.time = NOON
        self.completes = completes
        self.executed: list[list[str]] = []
        self.slept_until: list[dt.datetime] = []

    def now(self) -> dt.datetime:
        return self.time

    def sleep_until(self, moment: dt.datetime) -> None:
        self.slept_until.append(moment)
        self.time = max(self.time, moment)

    def execute(self, argv: Sequence[str], timeout: float, *more: Any, **named: Any) -> Completed:
        self.executed.append(list(argv))
        assert self.completes is not None, "no program was expected"
        if isinstance(self.completes, Exception):
            raise self.completes
        return self.completes

    def follow(
        self,
        argv: Sequence[str],
        timeout: float,
        on_line: Callable[[str], None],
        directory: str | None = None,
    ) -> Completed:
        completed = self.execute(argv, timeout)
        for line in completed.stdout.splitlines():
            on_line(line)
        return completed

    def clock_state(self) -> dict[str, JSON]:
        return {"time": self.time.isoformat(), "synchronized": True, "source": "ntp", "error": "not a member"}


def job(tool: Tool, spec: dict[str, JSON], host: Host | None = None, **changes: Any) -> Job:
    """A job for the first test a tool performs, to start two seconds after noon."""
    test = tool.tests[0]
    defaults: dict[str, Any] = {
        "test": test,
        "spec": spec,
        "host": host or FakeHost(),
        "start": at(2),
        "duration": tool.duration(test, spec) if "duration" not in changes else seconds(1),
    }
    return Job(**{**defaults, **changes})

"""What a plugin is handed while it works: a Job for a tool, a Parcel for an archiver."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from chalicelib.domain.errors import Cancelled as Cancelled
from chalicelib.domain.errors import PluginFailed as PluginFailed
from chalicelib.domain.job import Completed as Completed
from chalicelib.domain.jq_scripts import Jq
from chalicelib.domain.metrics import Metric
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_duration, parse_duration


class Host(Protocol):
    """What the machine does for a tool; every wait in it ends early, raising Cancelled, on cancel."""

    def sleep_until(self, moment: dt.datetime) -> None: ...

    def now(self) -> dt.datetime: ...

    def execute(
        self,
        argv: Sequence[str],
        timeout: float,
        stdin: str = "",
        env: Mapping[str, str] = ...,
        until: Callable[[], bool] = ...,
    ) -> Completed:
        """Run a program to its end, or until ``until`` says so; ``env`` adds to its environment.

        Raises PluginFailed when it cannot start or takes too long.
        """
        ...

    def follow(
        self,
        argv: Sequence[str],
        timeout: float,
        on_line: Callable[[str], None],
        directory: str | None = None,
    ) -> Completed:
        """Run a program for at most so many seconds, handing over each line it prints as it comes.

        It works in ``directory``, or in one that goes when it ends. Being ended when the time is up is
        no failure; the status is negative then. Raises PluginFailed when it cannot start.
        """
        ...

    def clock_state(self) -> dict[str, JSON]:
        """This node's answer to /clock."""
        ...


@dataclasses.dataclass(frozen=True)
class Job:
    """One run as its tool sees it."""

    test: str
    spec: Mapping[str, JSON]
    host: Host
    start: dt.datetime
    duration: dt.timedelta
    participant: int = 0
    participant_data: Sequence[JSON] = ()
    emit: Callable[[JSON], None] = lambda result: None
    """Hand over one result of a test that streams them; each becomes a run of its own."""
    since: dt.datetime | None = None
    """Where another runner had the run before and handed it over: the results up to here are stored."""

    @property
    def begins(self) -> dt.datetime:
        """The instant after which results that stream are this job's to emit."""
        return self.since or self.host.now()

    def wait_for_start(self) -> None:
        self.host.sleep_until(self.start)

    def sleep(self, duration: dt.timedelta) -> None:
        self.host.sleep_until(self.host.now() + duration)

    def setting(self, name: str, default: dt.timedelta) -> dt.timedelta:
        """A member of the spec that is a duration."""
        return parse_duration(self.spec[name]) if name in self.spec else default


def wrapped(result: JSON, diags: str = "", error: str | None = None) -> dict[str, JSON]:
    """A local result in the wrapped form (docs/contract/tools.md section 0)."""
    return {"succeeded": True, "diags": diags, "error": error, "result": result}


@dataclasses.dataclass(frozen=True)
class Parcel:
    """One result handed to an archiver: its settings, the document, and the attempts made before.

    delivery  what identifies the delivery, the same at each attempt: receivers drop doubles by it
    metrics   the numbers of the result that are worth keeping, whatever a transform made of the document
    """

    data: Mapping[str, JSON]
    result: JSON
    attempts: int = 0
    jq: Jq | None = None
    """What runs a script of the archive, confined."""
    metrics: Sequence[Metric] = ()
    delivery: str = ""

    def with_data(self, data: Mapping[str, JSON]) -> "Parcel":
        """The same with other settings."""
        return dataclasses.replace(self, data=data)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a delivery went. One that failed and has ``retry`` is tried again that long from now."""

    succeeded: bool
    error: str | None = None
    retry: dt.timedelta | None = None

    def reply(self) -> dict[str, JSON]:
        """As archivings show it (docs/contract/archivers.md section 4)."""
        members = {
            "succeeded": self.succeeded,
            "error": self.error,
            "retry": format_duration(self.retry) if self.retry is not None else None,
        }
        return {name: value for name, value in members.items() if value is not None}


def retry_after(policy: Sequence[Mapping[str, JSON]], attempts: int) -> dt.timedelta | None:
    """The wait a retry policy allows after this many earlier attempts; None when it is used up.

    The policy is a list of ``{attempts, wait}`` segments (docs/contract/archivers.md section 4).
    """
    left = attempts
    for segment in policy:
        left -= segment["attempts"]
        if left < 0:
            return parse_duration(segment["wait"])
    return None

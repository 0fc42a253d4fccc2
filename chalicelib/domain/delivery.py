"""Deliveries of results to archives (docs/contract/archivers.md)."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.domain.delivery_states import DeliveryState, require
from chalicelib.domain.destinations import lane
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp, parse_duration

ATTEMPT_TIMEOUT = dt.timedelta(minutes=3)
"""After this long an attempt that has not reported is taken for lost, and made again."""
MOST_SILENT = 3
"""Attempts in a row that never reported, after which it is given up: whatever ended them would go on so."""
MOST_DIAGS = 20
"""Of the attempts that are remembered, the newest."""
ANNOUNCED = dt.timedelta(hours=1)
"""How long a delivery that was announced is not announced again. A queue keeps its messages: this is for
those that were lost all the same."""
JUST_STORED = dt.timedelta(minutes=10)
"""The same for one that was only just stored: whoever did so announces it, unless ended in between."""
SHORTEST_WAIT, LONGEST_WAIT = dt.timedelta(seconds=10), dt.timedelta(hours=1)
"""Between attempts where the archive has a time to live and no policy of its own."""


@dataclasses.dataclass(frozen=True)
class Delivery:
    """One result on its way to one archive; ``next_attempt`` None once nothing more will be tried.

    ``document`` is what is sent where it is not the result of a run but a notification, whose id is ``run``.

    ``lane`` names its destination: what goes to one holds up nothing that goes to another. ``announced`` is
    until when it is not announced again.
    """

    node: NodeName
    run: RunId
    number: int
    task: TaskId
    spec: Mapping[str, JSON]
    added: dt.datetime
    deadline: dt.datetime | None = None
    attempts: int = 0
    silent: int = 0
    """Attempts in a row that were begun and never reported, the one under way included."""
    last_attempt: dt.datetime | None = None
    archived: bool = False
    completed: bool = False
    diags: Sequence[JSON] = ()
    next_attempt: dt.datetime | None = None
    lane: str = ""
    announced: dt.datetime | None = None
    document: JSON = None
    revision: int = 0

    @property
    def id(self) -> str:
        """The same at each attempt, so that a receiver can tell what it has already."""
        return f"{self.run}-{self.number}"

    @property
    def last_error(self) -> str | None:
        """What the newest attempt said that went wrong; None where none did, or it is archived."""
        if not self.diags or self.archived:
            return None
        newest = self.diags[-1]
        found: str | None = newest.get("stderr") or (newest.get("stdout") or {}).get("error")
        return found

    @property
    def archiver(self) -> str:
        name: str = self.spec["archiver"]
        return name

    @property
    def state(self) -> DeliveryState:
        if self.completed:
            return DeliveryState.ARCHIVED if self.archived else DeliveryState.FAILED
        return DeliveryState.UNDER_WAY if self.silent else DeliveryState.WAITING

    def evolve(self, **changes: Any) -> "Delivery":
        """The delivery with these members changed. Raises BadTransition for a state it may not take."""
        made = dataclasses.replace(self, **changes)
        require(self.state, made.state)
        return made

    def is_expired(self, now: dt.datetime) -> bool:
        """Its time to live has passed; one attempt is made however short that is."""
        return self.deadline is not None and now >= self.deadline and self.attempts > 0

    @property
    def is_hopeless(self) -> bool:
        """Attempts keep ending without a word, as when they end the process they are made in."""
        return self.silent >= MOST_SILENT

    def begun(self, now: dt.datetime) -> "Delivery":
        """An attempt is under way; should it never report, it is made again."""
        return self.evolve(
            attempts=self.attempts + 1,
            silent=self.silent + 1,
            last_attempt=now,
            next_attempt=now + ATTEMPT_TIMEOUT,
            announced=None,
        )

    def ended(
        self, now: dt.datetime, diag: Mapping[str, JSON], archived: bool, retry: dt.timedelta | None = None
    ) -> "Delivery":
        """An attempt has reported: it is archived, to be tried again, or has failed for good."""
        again = None if retry is None or archived else now + retry
        if again is not None and self.deadline is not None:
            again = max(now, min(again, self.deadline))  # that it is over is said when it is
        diags = [*self.diags, {"time": format_timestamp(now), **diag}][-MOST_DIAGS:]
        return self.evolve(
            archived=archived,
            silent=0,
            completed=again is None,
            diags=tuple(diags),
            next_attempt=again,
            announced=None,
        )

    def revived(self, now: dt.datetime) -> "Delivery":
        """One that failed is tried again, as if its result had just come to be."""
        return self.evolve(
            archived=False,
            completed=False,
            attempts=0,
            silent=0,
            deadline=_deadline(self.spec, now),
            next_attempt=now,
            announced=now + JUST_STORED,
        )


def back_off(attempts: int, chance: float) -> dt.timedelta:
    """How long to wait after so many attempts: twice as long each time, less up to half of it by chance, so
    that what failed together is not tried again together."""
    longest = min(LONGEST_WAIT, SHORTEST_WAIT * float(2 ** min(attempts - 1, 20)))
    return longest * (1 - chance / 2)


def _deadline(spec: Mapping[str, JSON], now: dt.datetime) -> dt.datetime | None:
    return now + parse_duration(spec["ttl"]) if "ttl" in spec else None


EVENTS = (State.NONSTART, State.MISSED, State.PREEMPTED, State.CANCELED, State.OVERDUE)
"""The states in which a run ends without a result. An archive hears of those it names in ``events`` (an
addition, schema 4), whatever its ``runs`` says."""


def deliveries_for(archives: Sequence[Mapping[str, JSON]], run: Run, now: dt.datetime) -> list[Delivery]:
    """What to deliver of the result of a run that has just come to its end."""
    return _deliveries(archives, run, now, lambda spec: _selects(spec["runs"], run.state))


def events_for(archives: Sequence[Mapping[str, JSON]], run: Run, now: dt.datetime) -> list[Delivery]:
    """What to deliver of a run that has come to its end without a result."""
    return _deliveries(archives, run, now, lambda spec: run.state.value in spec.get("events", ()))


def _deliveries(
    archives: Sequence[Mapping[str, JSON]],
    run: Run,
    now: dt.datetime,
    is_wanted: Callable[[Mapping[str, JSON]], bool],
) -> list[Delivery]:
    """Each stored spec has its ``runs`` selector filled in; the time to live starts now."""
    specs = [{**archive, "runs": archive.get("runs", "succeeded")} for archive in archives]
    return [
        _new(run.node, run.uuid, run.task, number, spec, now)
        for number, spec in enumerate(specs)
        if is_wanted(spec)
    ]


def notifications(
    node: NodeName,
    notification: RunId,
    archives: Sequence[Mapping[str, JSON]],
    document: JSON,
    now: dt.datetime,
) -> list[Delivery]:
    """What to deliver of a document that is no result, to each of these archives."""
    return [
        dataclasses.replace(_new(node, notification, NO_TASK, number, spec, now), document=document)
        for number, spec in enumerate(archives)
    ]


NO_TASK = TaskId("")


def _new(
    node: NodeName, run: RunId, task: TaskId, number: int, spec: Mapping[str, JSON], now: dt.datetime
) -> Delivery:
    return Delivery(
        node=node,
        run=run,
        number=number,
        task=task,
        spec=spec,
        added=now,
        deadline=_deadline(spec, now),
        next_attempt=now,
        announced=now + JUST_STORED,
        lane=lane(spec["archiver"], spec["data"]),
    )


_FAILURES = (State.FAILED, State.OVERDUE, State.MISSED, State.PREEMPTED)


def _selects(selector: str, state: State) -> bool:
    wanted = {"all": tuple(State), "succeeded": (State.FINISHED,), "failed": _FAILURES}
    return state in wanted[selector]

"""Deliveries of results to archives (docs/contract/archivers.md)."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.delivery_states import DeliveryState, require
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


@dataclasses.dataclass(frozen=True)
class Delivery:
    """One result on its way to one archive; ``next_attempt`` None once nothing more will be tried."""

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
    revision: int = 0

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
        )

    def ended(
        self, now: dt.datetime, diag: Mapping[str, JSON], archived: bool, retry: dt.timedelta | None = None
    ) -> "Delivery":
        """An attempt has reported: it is archived, to be tried again, or has failed for good."""
        again = retry is not None and not archived
        diags = [*self.diags, {"time": format_timestamp(now), **diag}][-MOST_DIAGS:]
        return self.evolve(
            archived=archived,
            silent=0,
            completed=not again,
            diags=tuple(diags),
            next_attempt=now + retry if again and retry is not None else None,
        )


def deliveries_for(archives: Sequence[Mapping[str, JSON]], run: Run, now: dt.datetime) -> list[Delivery]:
    """What to deliver of the result of a run that is over.

    Each stored spec has its ``runs`` selector filled in; the time to live starts now.
    """
    specs = [{**archive, "runs": archive.get("runs", "succeeded")} for archive in archives]
    return [
        Delivery(
            node=run.node,
            run=run.uuid,
            number=number,
            task=run.task,
            spec=spec,
            added=now,
            deadline=now + parse_duration(spec["ttl"]) if "ttl" in spec else None,
            next_attempt=now,
        )
        for number, spec in enumerate(specs)
        if _selects(spec["runs"], run.state)
    ]


_FAILURES = (State.FAILED, State.OVERDUE, State.MISSED, State.PREEMPTED)


def _selects(selector: str, state: State) -> bool:
    wanted = {"all": tuple(State), "succeeded": (State.FINISHED,), "failed": _FAILURES}
    return state in wanted[selector]

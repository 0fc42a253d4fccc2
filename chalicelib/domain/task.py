"""A task: what to measure, when, with what, and how far it has come."""

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain import repeat
from chalicelib.domain.conflicts import ANYTIME, EXCLUSIVE, MULTI_RESULT
from chalicelib.domain.names import NodeName, TaskId
from chalicelib.domain.repeat import Progress, Schedule
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, UTC, ZERO, format_duration, format_timestamp

HORIZON = dt.timedelta(days=1)
"""How far ahead runs are placed (docs/contract/scheduler.md section 1)."""

SOON = dt.timedelta(minutes=2)
"""How long before a run is wanted the planner looks at a task whose runs are not bound by the horizon: later,
and the run would start too late for its slot, and be in the way of the next."""
ENOUGH_AHEAD = 50
"""Runs of a repeating task that are placed ahead where they conflict with nothing, however near the next is:
nobody has to know of them, one every second would be 86,400, and many tasks may be posted at once."""
LEAST_AHEAD = dt.timedelta(minutes=5)
"""How far ahead those are placed all the same, so that a tick or two may fail to come."""
PLACED_TOGETHER = dt.timedelta(hours=1)
"""Those of so much time are placed together, or of half the time ahead where that is less."""
_MINUTE = dt.timedelta(minutes=1)

KEEP_AFTER_LAST_RUN = dt.timedelta(days=2)
"""How long runs and tasks are kept after their end."""

NEVER = dt.datetime(9999, 1, 1, tzinfo=UTC)


@dataclasses.dataclass(frozen=True)
class Task:
    """One task. All but ``enabled``, ``progress``, ``runs_started``, ``started_until``, ``plan_at`` and
    ``plan_reason`` is fixed at its posting.

    ``node`` is whose it is: of the nodes of one deployment each has its own, of the same uuid where they
    take part in it together. ``document`` is the task as posted, with the tool chosen; ``participants`` has
    names only, this node's own included. ``plan_at`` is when the planner looks at it next, None being never,
    and ``plan_reason`` why then, or why never, where that does not follow from its schedule.
    """

    node: NodeName
    uuid: TaskId
    document: Mapping[str, JSON]
    schedule: Schedule
    participants: Sequence[str]
    duration: dt.timedelta
    scheduling_class: str
    added: dt.datetime
    participant: int = 0
    participant_key: str | None = None
    key_is_made_up: bool = False
    """Of one that another node leads: whether that node made up its key, which nobody posted."""
    post: dt.timedelta = ZERO
    url: str | None = None
    """The root of the API as it was posted to, which hrefs in what is archived lead to."""
    hints: Mapping[str, JSON] = dataclasses.field(default_factory=dict)
    cli: Sequence[str] = ()
    diags: str = ""
    limit_diags: str = ""
    enabled: bool = True
    progress: Progress = dataclasses.field(default_factory=Progress)
    runs_started: int = 0
    started_until: dt.datetime | None = None
    """Of those that start then or later ``runs_started`` has none yet; None where each counts itself."""
    plan_at: dt.datetime | None = None
    plan_reason: str | None = None

    @property
    def test(self) -> str:
        name: str = self.document["test"]["type"]
        return name

    @property
    def spec(self) -> Mapping[str, JSON]:
        spec: Mapping[str, JSON] = self.document["test"]["spec"]
        return spec

    @property
    def tool(self) -> str:
        name: str = self.document["tool"]
        return name

    @property
    def lane(self) -> str:
        """Whoever posted it, as 32 characters that do not say who that is."""
        who = self.hints.get("api-key") or self.hints.get("requester") or ""
        return hashlib.sha256(str(who).encode()).hexdigest()[:32]

    @property
    def archives(self) -> Sequence[JSON]:
        return self.document.get("archives") or ()

    @property
    def key(self) -> str | None:
        """The task's secret, which guards what is private in it; an empty one is none."""
        return self.document.get("_key") or None

    @property
    def lead_bind(self) -> str | None:
        """The address of this host from which the other participants are asked."""
        return self.document.get("lead-bind")

    @property
    def priority(self) -> int | None:
        return self.document.get("priority")

    @property
    def is_lead(self) -> bool:
        return self.participant == 0

    @property
    def others(self) -> dict[int, str]:
        """The participants besides this node, by their numbers."""
        return {number: name for number, name in enumerate(self.participants) if number != self.participant}

    @property
    def is_anytime(self) -> bool:
        return self.scheduling_class in ANYTIME

    @property
    def is_exclusive(self) -> bool:
        return self.scheduling_class == EXCLUSIVE

    @property
    def is_multi_result(self) -> bool:
        return self.scheduling_class == MULTI_RESULT

    @property
    def counts_together(self) -> bool:
        """Whether the runs that began are counted many at a time, as its next are placed: its planner writes
        it again and again, and sees them all. What is archived of each says how many began before it."""
        goes_on = self.schedule.repeats and self.is_lead and not self.others
        return goes_on and self.is_anytime and not self.is_multi_result and not self.archives

    def is_counted_by_itself(self, start: dt.datetime) -> bool:
        """Whether a run of that start is counted as it begins."""
        return self.started_until is None or start < self.started_until

    @property
    def horizon(self) -> dt.timedelta:
        """How far ahead its runs are placed."""
        if not (self.is_anytime and self.schedule.repeats):
            return HORIZON
        apart = min(self.schedule.repeat or HORIZON, _MINUTE if self.schedule.cron else HORIZON)
        return min(HORIZON, max(LEAST_AHEAD, ENOUGH_AHEAD * apart))

    @property
    def early(self) -> dt.timedelta:
        """How long before a run is wanted it is placed: its slip is inside the horizon too."""
        return self.horizon - min(self.schedule.slip_for(self.duration), self.horizon)

    def is_due(self, now: dt.datetime) -> bool:
        """Whether the planner has to look at it by now."""
        return self.plan_at is not None and self.plan_at <= now

    def evolve(self, **changes: Any) -> "Task":
        return dataclasses.replace(self, **changes)

    def next_try(self, now: dt.datetime) -> dt.datetime | None:
        """When its next run should start; None when there is to be none."""
        if not self.enabled or not self.is_lead:
            return None
        return repeat.next_try(self.schedule, self.progress, now)

    def counting(self, starts: Sequence[dt.datetime], now: dt.datetime) -> "Task":
        """The task once runs have been placed at these instants, and when it wants the next."""
        return self.counted(starts).replanned(now)

    def counted(self, starts: Sequence[dt.datetime]) -> "Task":
        """The task once runs have been placed at these instants (docs/contract/scheduler.md section 5)."""
        first = self.progress.first_start or self.schedule.start or min(starts)
        length = max(self.duration, SECOND)  # a slot has one run, be it over in no time
        latest = max([start + length for start in starts] + [self.progress.latest or starts[0]])
        progress = Progress(self.progress.runs + len(starts), first, latest)
        return self.evolve(progress=progress)

    def replanned(self, now: dt.datetime) -> "Task":
        """The task with the instant at which its next run comes inside the horizon."""
        slot = self.next_try(now)
        if slot is None:
            return self.evolve(plan_at=None, plan_reason=None)
        return self.evolve(plan_at=max(now, slot - self._planned_ahead), plan_reason=None)

    def is_ahead(self, now: dt.datetime) -> bool:
        """Whether it has runs, or had, that start later than any is placed by now: its next would come after
        them, as long as that takes. They were placed by a clock that was ahead."""
        latest, length = self.progress.latest, max(self.duration, SECOND)
        return self.schedule.repeats and latest is not None and latest > now + self.horizon + length + _MINUTE

    def resumed(self, latest: dt.datetime, dropped: int, now: dt.datetime) -> "Task":
        """The task as it goes on, its last run over by an instant, so many of its runs dropped."""
        left = max(1, self.progress.runs - dropped)  # one that has had none would begin off its slots
        going_on = self.evolve(progress=Progress(left, self.progress.first_start, latest))
        if self.started_until is not None and self.started_until > now:
            going_on = going_on.evolve(started_until=None)
        return going_on.replanned(now)

    @property
    def _planned_ahead(self) -> dt.timedelta:
        """How long before the first run that is not placed yet the planner looks.

        Runs that nobody can be in the way of, and nobody else has to agree to, are left alone a little longer
        and placed many at a time: the task is written once for all of them.
        """
        if self.is_multi_result:
            return SOON
        together = self.is_anytime and self.schedule.repeats and not self.others
        return max(self.early / 2, self.early - PLACED_TOGETHER) if together else self.early

    def describe(self) -> dict[str, JSON]:
        """The task as clients see it, with ``detail`` but without hrefs (docs/contract/api.md)."""
        return {**self.shown, "detail": self.detail()}

    @property
    def shown(self) -> dict[str, JSON]:
        """The task as clients see it, without ``detail`` and hrefs: at its lead and elsewhere the same.

        A pSConfig agent compares all members, and would delete and add in turns what it takes for two tasks.
        """
        hidden = {"participants", "_key"} if self.key_is_made_up else {"participants"}
        return {name: value for name, value in self.document.items() if name not in hidden}

    def detail(self) -> dict[str, JSON]:
        start, plan_at = self.schedule.start, self.plan_at
        return {
            "added": format_timestamp(self.added),
            "anytime": self.is_anytime,
            "cli": list(self.cli),
            "diags": self.diags,
            "duration": format_duration(self.duration),
            "enabled": self.enabled,
            "exclusive": self.is_exclusive,
            "hints": dict(self.hints),
            "multi-result": self.is_multi_result,
            "participant": self.participant,
            "participants": list(self.participants),
            "post": format_duration(self.post),
            "runs": self.progress.runs,
            "runs-started": self.runs_started,
            "slip": format_duration(self.schedule.slip),
            "start": format_timestamp(start) if start else None,
            "next-planning": format_timestamp(plan_at) if plan_at else None,
            "next-planning-reason": self.plan_reason,
        }


def purge_at(task: Task, now: dt.datetime) -> dt.datetime:
    """When a task that has nothing more to run may be forgotten, with its runs gone before it.

    Whether more is to run of one that another node plans, only that node knows: it is kept for good
    unless it says itself when it ends.
    """
    if task.enabled and not task.is_lead and task.schedule.is_endless(task.progress):
        return NEVER
    known = [task.schedule.until, task.progress.latest, task.schedule.start, task.added]
    return max(now, *(moment for moment in known if moment)) + KEEP_AFTER_LAST_RUN

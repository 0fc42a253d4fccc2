"""When a task wants its next run (docs/contract/scheduler.md section 5).

A schedule's slots hang on an anchor, never on the previous run, so slip does not make them drift.
"""

import dataclasses
import datetime as dt

from chalicelib.domain import echoes
from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid
from chalicelib.domain.times import INSTANT, SECOND, UTC, ZERO, truncate

FIRST_RUN_OFFSET = dt.timedelta(seconds=2)
"""How soon after its posting a task of one participant may run: the second in which it was posted is
cut off, so this leaves one to two seconds to send it to its runner (docs/contract/observed.md)."""
FIRST_RUN_OFFSET_TOGETHER = dt.timedelta(seconds=10)
"""The same for several participants, who must agree first."""


LATEST = dt.datetime(9998, 12, 31, tzinfo=UTC)
"""The latest instant a schedule may name: there must be calendar left to keep a task in."""


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A task's wishes, resolved to instants once, when it was posted.

    ``start`` None is as soon as possible; ``max_runs`` None and ``until`` None are without end.
    """

    start: dt.datetime | None = None
    slip: dt.timedelta = ZERO
    sliprand: bool = False
    repeat: dt.timedelta | None = None
    cron: str | None = None
    until: dt.datetime | None = None
    max_runs: int | None = None

    @property
    def repeats(self) -> bool:
        return bool(self.repeat or self.cron)

    def slip_for(self, duration: dt.timedelta) -> dt.timedelta:
        """The slip a run may use: repeating runs never slip into the next one's slot."""
        if not self.repeat:
            return self.slip
        return max(ZERO, min(self.slip, self.repeat - duration))

    def is_endless(self, progress: "Progress") -> bool:
        """Whether nothing in it says that it ends, or has ended."""
        is_over = self.max_runs is not None and progress.runs >= self.max_runs
        return self.repeats and self.until is None and not is_over


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a task has come: runs so far, the anchor of its slots, the latest end of a run."""

    runs: int = 0
    first_start: dt.datetime | None = None
    latest: dt.datetime | None = None


def next_try(schedule: Schedule, progress: Progress, now: dt.datetime) -> dt.datetime | None:
    """When the next run should start, a whole second; None when there is to be none.

    The latest end is kept with the task, so a repeating task goes on after its runs are purged.
    """
    if schedule.max_runs is not None and progress.runs >= schedule.max_runs:
        return None
    slot = _slot(schedule, progress, now)
    if slot is None or (schedule.until is not None and slot >= schedule.until):
        return None
    return slot


def _slot(schedule: Schedule, progress: Progress, now: dt.datetime) -> dt.datetime | None:
    if not schedule.repeats:
        return None if progress.runs else truncate(max(now, schedule.start or now))
    # Runs are half-open: one may begin in the very second in which the last one ends.
    over = progress.latest - INSTANT if progress.latest else None
    after = max(moment for moment in (now, schedule.start, over) if moment)
    slots = []
    if schedule.cron:
        after_cron = max(after, progress.first_start or after)
        slots.append(next_cron(schedule.cron, after_cron))
    if schedule.repeat and not progress.runs:
        slots.append(truncate(max(schedule.start or now, now)))
    elif schedule.repeat:
        slots.append(next_slot(progress.first_start or after, schedule.repeat, after))
    return min(slots)


def next_slot(anchor: dt.datetime, interval: dt.timedelta, after: dt.datetime) -> dt.datetime:
    """The first instant ``anchor + n * interval`` strictly after another, for whole n."""
    return anchor + interval * ((after - anchor) // interval + 1)


def next_cron(expression: str, after: dt.datetime) -> dt.datetime:
    """The first minute strictly after an instant that a five-field cron expression names, in UTC.

    Raises Invalid when it does not parse or never comes (30 February).
    """
    import croniter  # 25-55 ms of a cold start, and few tasks have one

    try:
        found = croniter.croniter(expression, after, max_years_between_matches=8).get_next(dt.datetime)
    except (croniter.CroniterError, ValueError, KeyError) as error:
        raise Invalid(
            f"{shown(expression)} is not a five-field cron expression with a time to come:"
            f" {echoes.said(error)}"
        ) from error
    moment: dt.datetime = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return moment


def earliest_start(
    now: dt.datetime, have_to_agree: bool = False, head_start: dt.timedelta = FIRST_RUN_OFFSET
) -> dt.datetime:
    """The first second at which a run placed now can start; later where other nodes have to agree.

    ``head_start`` is what a runner needs to be there in time.
    """
    offset = FIRST_RUN_OFFSET_TOGETHER if have_to_agree else FIRST_RUN_OFFSET
    return truncate(now) + offset + max(head_start - FIRST_RUN_OFFSET, ZERO)


def check(schedule: Schedule, now: dt.datetime) -> None:
    """Raise Invalid unless the schedule can be kept."""
    if schedule.repeat is not None and schedule.repeat < SECOND:
        raise Invalid("must be at least one second", "/schedule/repeat")
    if schedule.cron:
        try:
            next_cron(schedule.cron, now)
        except Invalid as error:
            raise error.inside("/schedule/repeat-cron") from error
    for name, moment in (("start", schedule.start), ("until", schedule.until)):
        if moment is not None and moment > LATEST:
            raise Invalid(f"must not be after the year {LATEST.year}", f"/schedule/{name}")
    if schedule.until is not None and schedule.until <= now:
        raise Invalid("must be in the future", "/schedule/until")
    if schedule.until is not None and schedule.start is not None and schedule.until <= schedule.start:
        raise Invalid("must be after the start", "/schedule/until")

"""Planning a task that other nodes take part in, run by run, up to the horizon.

Such planning waits for others, so it has a queue of its own, and a budget. Who plans a task has it on
lease: ``plan_at`` is moved to when somebody else should look, so that two never plan the same task and
a planner that dies leaves it to the next. Nothing sleeps: what is to be tried again is due again.
"""

import contextlib
import datetime as dt
import logging
import random
from collections.abc import Iterator

from chalicelib.domain.errors import (
    Blocked,
    Conflict,
    NotFound,
    PeerConflict,
    PeerError,
    PeerForgot,
    Refused,
)
from chalicelib.domain.messages import PlanLeased
from chalicelib.domain.names import TaskId
from chalicelib.domain.run import Reason
from chalicelib.domain.task import Task
from chalicelib.domain.times import SECOND
from chalicelib.infrastructure import queues
from chalicelib.service.alerts import watch
from chalicelib.service.archiving import announce, selection
from chalicelib.service.coordination.agreement import Agreement, free_of_choice, ping
from chalicelib.service.peers.peer_client import Deadline, PeerGroup
from chalicelib.service.scheduling import reservation, slots
from chalicelib.service.scheduling.cancellation import cancel_task
from chalicelib.store import task_table
from chalicelib.store.transactions.booking import Booking, commit

LOG = logging.getLogger(__name__)

SECONDS_PER_MESSAGE = 45.0
"""Seconds one message may plan; the function that handles it has twice as many."""
SECONDS_PER_RUN = 12.0
"""Seconds that must be left to begin with another run."""
TASK_LEASE = dt.timedelta(seconds=100)
"""How long nobody else plans a task: longer than any planner lives."""
ASK_AGAIN_AFTER = 10 * SECOND
"""How long after they were asked participants that did not answer are asked again: at the next tick."""
TOO_NEAR_TO_WAIT = dt.timedelta(seconds=70)
"""A run that starts sooner than this would be over by the next try: it becomes a non-starter now."""
TRIES_TO_AGREE = 5
"""How often a run that somebody else's keeps out is tried (docs/contract/scheduler.md section 1)."""
LONGEST_PAUSE_TO_AGREE = 10


def delegate(task: Task, now: dt.datetime) -> None:
    """Have a task planned that is due, by whoever takes the message, unless it changed meanwhile."""
    if task.is_due(now):
        with _unless_changed(task.uuid):
            _announce(task_table.lease(task, now + TASK_LEASE, now))


@contextlib.contextmanager
def _unless_changed(uuid: TaskId) -> Iterator[None]:
    """What is done to a task, and given up without a word when it is somebody else's turn by now."""
    try:
        yield
    except (Conflict, NotFound) as error:
        LOG.info("Task %s is not to be planned any more: %s", uuid, error)


def _announce(task: Task, tries: int = 0, delay: dt.timedelta = 0 * SECOND) -> None:
    if task.plan_at is not None:
        queues.send(queues.PEERS, PlanLeased(task.node, task.uuid, task.plan_at, tries), delay)


def plan_leased(message: PlanLeased, now: dt.datetime) -> None:
    """Plan the task of a message, unless somebody else did since it was sent."""
    with _unless_changed(message.task):
        task = task_table.get(message.node, message.task)
        if task.enabled and task.plan_at == message.lease:
            plan(
                task_table.lease(task, now + TASK_LEASE, now),
                now,
                Deadline(SECONDS_PER_MESSAGE),
                message.tries,
            )


def on_lease(task: Task, now: dt.datetime) -> Task:
    """A new task, on lease to whoever takes it in if it is due at once."""
    return task.evolve(plan_at=now + TASK_LEASE) if task.is_due(now) else task


def plan_first(task: Task, now: dt.datetime, deadline: Deadline) -> Task:
    """Place the first run of a new task, while whoever posted it waits. Raises as ``plan``.

    ``now`` is when it was posted. The budget has been running since: taking the others in may have used up
    most of the seconds a first run is placed ahead, and the run would be late by the time all agreed.
    """
    if task.plan_at != now + TASK_LEASE:
        return task
    return plan(task, now + dt.timedelta(seconds=deadline.spent), deadline, most=1)


def plan(task: Task, now: dt.datetime, deadline: Deadline, tries: int = 0, most: int | None = None) -> Task:
    """Place the runs of a task on lease up to the horizon, as far as the budget goes, or so many.

    Raises Conflict when it was cancelled meanwhile.
    """
    planner = _Planner(task, now, deadline, tries)
    planner.plan(most)
    return planner.task


def wait(task: Task, error: PeerError, now: dt.datetime, deadline: Deadline) -> None:
    """Have a task that is due wait for participants that were asked in vain since the budget began."""
    with _unless_changed(task.uuid):
        _Planner(task, now, deadline, tries=0).wait_for_peers(error)


class _Planner:
    def __init__(self, task: Task, now: dt.datetime, deadline: Deadline, tries: int):
        self.task = task
        self._began = now - dt.timedelta(seconds=deadline.spent)
        self._deadline = deadline
        self._tries = tries

    def _now(self) -> dt.datetime:
        return self._began + dt.timedelta(seconds=self._deadline.spent)

    def _wanted(self, at: dt.datetime) -> dt.datetime | None:
        starts = slots.next_starts(self.task, at, 1, have_to_agree=True)
        return starts[0] if starts else None

    def plan(self, most: int | None) -> None:
        placed, wanted = 0, self._wanted(self._now())
        while wanted is not None and placed != most and self._deadline.left > SECONDS_PER_RUN:
            if not self._place(wanted, is_first=placed == 0):
                return
            placed, wanted = placed + 1, self._wanted(self._now())
        self._look_again(has_come_on=placed > 0)

    def _place(self, wanted: dt.datetime, is_first: bool) -> bool:
        """Deal with one run; False when planning ends here, and when to look again is stored."""
        try:
            self._agree(wanted, is_first)
        except (Conflict, PeerConflict) as error:
            return self._try_again(wanted, error)
        except PeerForgot as error:
            cancel_task(self.task, self._now(), error.message, tell=self.task.others.values())
            return False
        except PeerError as error:
            self.wait_for_peers(error)
            return False
        self._tries = 0
        return True

    def _agree(self, wanted: dt.datetime, is_first: bool) -> None:
        peer_group = PeerGroup(self.task, self._deadline)
        if is_first:
            ping(peer_group)
        start = free_of_choice(peer_group, wanted, self._now())
        if start is None:
            self._give_up(wanted, _no_time(self.task, wanted, self._now()))
        else:
            self.task = Agreement(peer_group, start, self._now()).reach().task

    def _give_up(self, wanted: dt.datetime, reason: Reason) -> None:
        now = self._now()
        run = reservation.nonstarter(self.task, wanted, now, reason)
        after = self.task.counting([run.start], now).evolve(plan_at=self.task.plan_at)
        due = selection.of_nonstarters(self.task, [run], now)
        commit(Booking(self.task, after, [run], deliveries=due), now)
        announce.at_once(due)
        watch.leave(self.task, run, now)
        self.task = after

    def _try_again(self, wanted: dt.datetime, error: Conflict | PeerError) -> bool:
        """Somebody holds the time, or was faster: try again a little later, a few times."""
        if self._tries + 1 >= TRIES_TO_AGREE:
            blocking = error.run if isinstance(error, Blocked) else None
            message = f"Could not be placed in {TRIES_TO_AGREE} tries. {error.message}"
            self._give_up(wanted, Reason("conflict", message, blocking))
            self._tries = 0
            return True
        pause = SECOND * random.randint(1, LONGEST_PAUSE_TO_AGREE)  # noqa: S311 - spreads load
        self._store(self._now() + pause + TASK_LEASE, f"Being tried again: {error.message}")
        _announce(self.task, self._tries + 1, pause)
        return False

    def wait_for_peers(self, error: PeerError) -> None:
        """A participant is down, or refuses: runs that cannot wait for it become non-starters.

        So do those whose time has come while it was waited for.
        """
        code = "refused" if isinstance(error, Refused) else "unreachable"
        soon = self._wanted(self._began)
        while soon is not None and self._latest(soon) < self._now() + TOO_NEAR_TO_WAIT:
            self._give_up(soon, Reason(code, error.message))
            soon = self._wanted(self._began)
        if soon is None:
            self._look_again(has_come_on=False)
        else:
            waiting = self.task.evolve(plan_reason=error.message)
            self.task = task_table.lease(waiting, self._began + ASK_AGAIN_AFTER, self._now())

    def _latest(self, wanted: dt.datetime) -> dt.datetime:
        """When it is too late for a run: its slot, or for one that is not repeated the end of its slip."""
        schedule = self.task.schedule
        return wanted if schedule.repeats else (schedule.start or self.task.added) + schedule.slip

    def _look_again(self, has_come_on: bool) -> None:
        """Give the lease back; what is due at once, and has come on, need not wait for a tick."""
        now = self._now()
        planned = self.task.replanned(now)
        if planned.is_due(now):
            self._store(now + (TASK_LEASE if has_come_on else ASK_AGAIN_AFTER), None)
            if has_come_on:
                _announce(self.task)
        else:
            self.task = planned
            task_table.replan(planned, now)

    def _store(self, plan_at: dt.datetime, reason: str | None) -> None:
        self.task = self.task.evolve(plan_at=plan_at, plan_reason=reason)
        task_table.replan(self.task, self._now())


def _no_time(task: Task, wanted: dt.datetime, now: dt.datetime) -> Reason:
    span = slots.window(task, wanted)
    what = f"No time in common for it between {span.lower} and the end of its slip"
    reason = Reason("no-time", f"{what}: not all participants have any")
    try:
        reservation.require_time_at(task, wanted, now)
    except Blocked as error:
        return Reason("no-time", f"{what}. {error.message}", error.run)
    return reason

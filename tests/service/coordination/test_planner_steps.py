"""What a planner stores and sends, the other participants doing as they are told."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.errors import (
    Blocked,
    Conflict,
    NotFound,
    Overtaken,
    PeerConflict,
    PeerForgot,
    Refused,
    TimedOut,
)
from chalicelib.domain.messages import PlanLeased
from chalicelib.domain.names import RunId
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.infrastructure import queues
from chalicelib.service.coordination import planner
from chalicelib.service.coordination.planner import ASK_AGAIN_AFTER, TASK_LEASE
from chalicelib.service.peers.peer_client import Deadline
from chalicelib.service.scheduling import reservation
from chalicelib.service.scheduling.reservation import Placed
from chalicelib.store import delivery_table, outbox_table, run_table, task_table
from chalicelib.store.transactions.booking import Booking, commit
from tests import due
from tests.builders import NODE, NOON, at, exclusive_task, run, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")
EVERY_TWO_HOURS = Schedule(start=at(7200), repeat=seconds(7200), max_runs=3)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were spent of any deadline; what is left of 45 is left."""
    spent = [0.0]
    monkeypatch.setattr(Deadline, "spent", property(lambda deadline: spent[0]))
    monkeypatch.setattr(Deadline, "left", property(lambda deadline: 45 - spent[0]))
    return spent


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is sent, with when it is to arrive."""
    found: list[Any] = []
    monkeypatch.setattr(queues, "send", lambda *told: found.append(told))
    monkeypatch.setattr(queues, "send_many", lambda queue, some: found.extend((queue, *one) for one in some))
    monkeypatch.setattr(planner.random, "randint", lambda low, high: 10 * low + high)  # 20, of 1 and 10
    return found


class Others:
    """The other participants: whether they are up, when they have time, and what becomes of an agreement."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.up: Exception | None = None
        self.have_time = True
        self.agree: Callable[[], None] = lambda: None

    def ping(self, group: Any) -> None:
        self.asked.append("ping")
        if self.up:
            raise self.up

    def free(self, group: Any, wanted: dt.datetime, now: dt.datetime) -> dt.datetime | None:
        self.asked.append(f"free {(wanted - NOON).total_seconds():g} {(now - NOON).total_seconds():g}")
        return wanted if self.have_time else None

    def agreement(self, group: Any, start: dt.datetime, now: dt.datetime) -> Any:
        self.asked.append(f"agree {(start - NOON).total_seconds():g}")
        others = self

        class Made:
            def reach(self) -> Placed:
                others.agree()
                before = group.task
                after = before.counting([start], now).evolve(plan_at=before.plan_at)
                made = run(before, (start - NOON).total_seconds())
                commit(Booking(before, after, [made]), now)
                return Placed(after, [made])

        return Made()


@pytest.fixture(autouse=True)
def others(monkeypatch: pytest.MonkeyPatch) -> Others:
    found = Others()
    monkeypatch.setattr(planner, "ping", found.ping)
    monkeypatch.setattr(planner, "free_of_choice", found.free)
    monkeypatch.setattr(planner, "Agreement", found.agreement)
    return found


def stored(**changes: Any) -> Task:
    """A task of two, on lease."""
    one = task(
        **{
            "participants": ("a", "b"),
            "participant_key": "k",
            "schedule": EVERY_TWO_HOURS,
            "cli": [],
            **changes,
        }
    )
    leased = one.evolve(plan_at=NOON + TASK_LEASE)
    commit(Booking(None, leased, []), NOON)
    return leased


def now_of(one: Task) -> Task:
    return task_table.get(NODE, one.uuid)


def runs(one: Task) -> list[Run]:
    return [run_table.get(NODE, one.uuid, each.uuid) for each in run_table.in_order(NODE, one.uuid)]


def planned(one: Task, **more: Any) -> Task:
    after = planner.plan(one, NOON, Deadline(45), **more)
    assert now_of(one) == after
    return after


# --- as far as it goes ---------------------------------------------------------------------------


def test_runs_are_agreed_on_one_by_one_up_to_the_horizon(others: Others, sent: list[Any]) -> None:
    after = planned(stored())

    assert [each.start for each in runs(after)] == [at(7200), at(14400), at(21600)]
    assert others.asked == [
        "ping",
        *("free 7200 0", "agree 7200"),
        *("free 14400 0", "agree 14400"),
        *("free 21600 0", "agree 21600"),
    ]
    assert (after.plan_at, after.plan_reason, sent) == (None, None, [])


def test_of_a_new_task_one_run_is_placed_and_the_rest_at_once(others: Others, sent: list[Any]) -> None:
    after = planned(stored(), most=1)

    assert [each.start for each in runs(after)] == [at(7200)]
    assert after.plan_at == NOON + TASK_LEASE
    lease = PlanLeased(NODE, after.uuid, after.plan_at, 0)
    assert sent == [(queues.PEERS, lease, seconds(0))]


@pytest.mark.parametrize(("each_takes", "placed"), [(16.4, 3), (16.5, 2), (33, 1)])
def test_another_run_is_begun_with_while_twelve_seconds_are_left(
    others: Others, clock: list[float], sent: list[Any], each_takes: float, placed: int
) -> None:
    def take_long() -> None:
        clock[0] += each_takes

    others.agree = take_long

    after = planned(stored())

    assert len(runs(after)) == placed
    if placed < 3:
        assert after.plan_at == at(placed * each_takes) + TASK_LEASE
        assert [told[1].lease for told in sent] == [after.plan_at]


def test_where_no_time_is_left_to_begin_the_task_is_due_at_the_next_tick(
    others: Others, clock: list[float], sent: list[Any]
) -> None:
    clock[0] = 33.0  # the message is of then, so it began at -33

    after = planned(stored())

    assert (others.asked, sent) == ([], [])
    assert after.plan_at == NOON + ASK_AGAIN_AFTER


def test_the_first_run_of_a_new_task_is_reckoned_from_when_the_others_were_in(
    others: Others, clock: list[float]
) -> None:
    clock[0] = 7.0
    one = stored()

    planner.plan_first(one, NOON, Deadline(45))

    assert others.asked == ["ping", "free 7200 7", "agree 7200"]
    others.asked.clear()
    later = stored().evolve(plan_at=at(60))
    assert planner.plan_first(later, NOON, Deadline(45)) is later
    assert others.asked == []


@pytest.mark.parametrize(("plan_at", "leased"), [(at(0), True), (at(1), False), (None, False)])
def test_a_new_task_that_is_due_is_on_lease_to_who_takes_it_in(
    plan_at: dt.datetime | None, leased: bool
) -> None:
    one = task(plan_at=plan_at)

    assert planner.on_lease(one, NOON).plan_at == (NOON + TASK_LEASE if leased else plan_at)


# --- leases --------------------------------------------------------------------------------------


def test_a_task_that_is_due_is_leased_to_whoever_takes_the_message(sent: list[Any]) -> None:
    one = stored()
    lease = NOON + TASK_LEASE

    planner.delegate(one, lease - seconds(1))
    assert (now_of(one), sent) == (one, [])
    planner.delegate(one, lease)
    planner.delegate(one, lease)  # it is somebody else's turn by now

    assert now_of(one).plan_at == lease + TASK_LEASE
    assert sent == [(queues.PEERS, PlanLeased(NODE, one.uuid, lease + TASK_LEASE, 0), seconds(0))]


@pytest.mark.parametrize("change", [{}, {"lease": at(1)}, {"enabled": False}, {"task": "another"}])
def test_a_message_is_for_who_has_the_lease(others: Others, change: dict[str, Any]) -> None:
    one = stored()
    if "enabled" in change:
        task_table.disable(one, NOON)
    message = PlanLeased(NODE, change.get("task", one.uuid), change.get("lease", NOON + TASK_LEASE))

    planner.plan_leased(message, at(5))

    assert bool(others.asked) is (not change)
    if not change:
        assert others.asked[:2] == ["ping", "free 7200 5"]


def test_the_tries_of_a_message_go_on(others: Others, sent: list[Any]) -> None:
    one = stored()

    def taken() -> None:
        raise Overtaken("Somebody was faster")

    others.agree = taken
    planner.plan_leased(PlanLeased(NODE, one.uuid, NOON + TASK_LEASE, 2), NOON)

    assert [told[1].tries for told in sent] == [3]


# --- troubles ------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Conflict("Taken"), PeerConflict("b", "Taken", 409)])
def test_a_run_that_somebody_keeps_out_is_tried_again_a_few_seconds_later(
    others: Others, sent: list[Any], clock: list[float], error: Exception
) -> None:
    def taken() -> None:
        clock[0] += 3
        raise error

    others.agree = taken

    after = planned(stored())

    assert runs(after) == []
    assert after.plan_at == at(3 + 20) + TASK_LEASE
    assert after.plan_reason == f"Being tried again: {error}"
    assert sent == [(queues.PEERS, PlanLeased(NODE, after.uuid, after.plan_at, 1), seconds(20))]


@pytest.mark.parametrize(
    ("error", "blocking"), [(Blocked("Taken", RunId("r")), {"blocking-run": "r"}), (Conflict("Taken"), {})]
)
def test_the_fifth_try_is_the_last_and_the_next_run_has_five_of_its_own(
    others: Others, sent: list[Any], error: Exception, blocking: dict[str, str]
) -> None:
    def taken() -> None:
        raise error

    others.agree = taken

    after = planned(stored(), tries=4)

    (one,) = runs(after)
    assert (one.state, one.start) == (State.NONSTART, at(7200))
    message = "Could not be placed in 5 tries. Taken"
    assert one.documents.reason == {"code": "conflict", "message": message, **blocking}
    assert [told[1].tries for told in sent] == [1]
    assert after.progress.runs == 1


def test_a_run_that_was_agreed_on_lets_the_next_be_tried_as_often(others: Others, sent: list[Any]) -> None:
    count: list[int] = []

    def taken_then() -> None:
        count.append(1)
        if len(count) > 1:
            raise Conflict("Taken")

    others.agree = taken_then

    after = planned(stored(), tries=4)

    assert [each.state for each in runs(after)] == [State.PENDING]
    assert [told[1].tries for told in sent] == [1]


def test_a_peer_that_forgot_the_task_ends_it(others: Others) -> None:
    others.up = PeerForgot("b", "answered with status 404", 404)
    one = stored()

    planner.plan(one, NOON, Deadline(45))

    after = now_of(one)
    assert (after.enabled, after.plan_reason) == (False, "b: answered with status 404")
    (told,) = [outbox_table.get(NODE, uuid) for uuid in due.outbox_requests(NODE, NOON)]
    assert (told.host, told.path) == ("b", f"/tasks/{one.uuid}")


@pytest.mark.parametrize(
    ("error", "code"),
    [(TimedOut("b", "did not answer"), "unreachable"), (Refused("b", "No", 403), "refused")],
)
@pytest.mark.parametrize(("start", "is_given_up"), [(69.9, True), (70, False), (71, False)])
def test_a_run_that_cannot_wait_for_its_participants_is_given_up(
    others: Others, clock: list[float], error: Exception, code: str, start: float, is_given_up: bool
) -> None:
    others.up = error
    first = 100.0
    schedule = Schedule(start=at(first), repeat=seconds(7200), max_runs=2)
    now = first - start

    after = planner.plan(stored(schedule=schedule), at(now), Deadline(45))

    assert [each.start for each in runs(after)] == ([at(first)] if is_given_up else [])
    if is_given_up:
        assert runs(after)[0].documents.reason == {"code": code, "message": str(error)}
    assert (after.plan_at, after.plan_reason) == (at(now) + ASK_AGAIN_AFTER, str(error))
    assert now_of(after) == after


def test_what_cannot_wait_is_reckoned_from_when_the_answer_failed_to_come(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(group: Any) -> None:
        clock[0] += 30
        raise TimedOut("b", "did not answer")

    monkeypatch.setattr(planner, "ping", silent)
    schedule = Schedule(start=at(99), repeat=seconds(7200), max_runs=2)

    after = planned(stored(schedule=schedule))

    assert [each.start for each in runs(after)] == [at(99)]
    assert after.plan_at == NOON + ASK_AGAIN_AFTER  # as soon as it is a tick since they were asked


@pytest.mark.parametrize(("slip", "is_given_up"), [(60, True), (600, False)])
def test_a_single_run_can_wait_as_long_as_its_slip_lasts(
    others: Others, slip: float, is_given_up: bool
) -> None:
    others.up = TimedOut("b", "did not answer")

    after = planned(stored(schedule=Schedule(slip=seconds(slip), max_runs=1)))

    assert bool(runs(after)) is is_given_up
    assert after.plan_at == (None if is_given_up else NOON + ASK_AGAIN_AFTER)


def test_a_task_waits_for_participants_that_were_asked_in_vain(clock: list[float]) -> None:
    one, error = stored(), TimedOut("b", "did not answer")
    clock[0] = 10.0  # they were asked ten seconds ago

    planner.wait(one, error, at(10), Deadline(45))

    after = now_of(one)
    assert (after.plan_at, after.plan_reason) == (NOON + ASK_AGAIN_AFTER, "b: did not answer")
    planner.wait(one, error, at(20), Deadline(45))  # it is somebody else's turn by now
    assert now_of(one) == after


# --- no time -------------------------------------------------------------------------------------


def test_a_run_for_which_there_is_no_time_in_common_is_given_up_and_archives_hear_of_it(
    others: Others,
) -> None:
    others.have_time = False
    archive = {"archiver": "bitbucket", "data": {}, "events": ["nonstart"]}
    document = {**task().document, "archives": [archive]}
    schedule = Schedule(start=at(7200), slip=seconds(60), max_runs=1)

    after = planned(stored(schedule=schedule, document=document))

    (one,) = runs(after)
    said = "No time in common for it between 2026-11-23 14:00:00+00:00 and the end of its slip"
    assert one.documents.reason == {
        "code": "no-time",
        "message": f"{said}: not all participants have any",
    }
    assert len(delivery_table.of_run(NODE, one.uuid)) == 1
    assert (after.plan_at, after.progress.runs) == (None, 1)


def test_a_run_here_that_is_in_the_way_is_named() -> None:
    owner = exclusive_task(duration=seconds(100))
    blocking = run(owner, 7200)
    commit(Booking(None, owner, [blocking], reservation.time_for(owner, blocking, NOON)), NOON)
    one = exclusive_task(participants=("a", "b"), schedule=Schedule(start=at(7200), max_runs=1))

    reason = planner._no_time(one, at(7200), NOON)

    assert reason.code == "no-time"
    assert reason.blocking_run == blocking.uuid
    assert reason.message == (
        "No time in common for it between 2026-11-23 14:00:00+00:00 and the end of its slip."
        f" The time is taken by run {blocking.uuid} of task {owner.uuid}"
    )


@pytest.mark.parametrize("error", [Conflict("It changed"), NotFound("It is gone")])
def test_what_is_somebody_elses_turn_by_now_is_given_up_without_a_word(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    uuid = task().uuid

    with caplog.at_level("INFO"), planner._unless_changed(uuid):
        raise error

    assert caplog.messages == [f"Task {uuid} is not to be planned any more: {error}"]

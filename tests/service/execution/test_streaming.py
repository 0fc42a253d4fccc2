"""Runs that stream their results for hours: restarted after a crash, handed over, stopped."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.messages import Message, PerformRun
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import MOST_ABANDONED, Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import INSTANT
from chalicelib.infrastructure import queues
from chalicelib.service.execution import reaper, runner, supervisor
from chalicelib.service.execution.supervisor import RUN_LEASE
from chalicelib.service.scheduling import cancellation
from chalicelib.service.scheduling.placement import place_next
from chalicelib.service.tasks import create
from chalicelib.settings import forget_settings
from chalicelib.store import run_table, task_table
from chalicelib.store.run_items import GRACE
from chalicelib.store.transactions.booking import New
from plugins import registry
from tests.builders import NODE, NOON, at, seconds, task
from tests.service.machines import FakeMachine

pytestmark = pytest.mark.usefixtures("empty_aws")

LENGTH = 600
SECOND = seconds(1)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[PerformRun]:
    """What is put on the queue of runs."""
    found: list[PerformRun] = []

    def send_many(queue: queues.Queue, messages: list[tuple[Message, Any]]) -> None:
        found.extend(message for message, _ in messages if isinstance(message, PerformRun))

    monkeypatch.setattr(queues, "send_many", send_many)
    monkeypatch.setattr(queues, "send_at", send_many)
    monkeypatch.setattr(queues, "send", lambda queue, message: send_many(queue, [(message, SECOND)]))
    return found


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "WATCH_EVERY", 0.05)


@pytest.fixture
def on_lambda(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As on Lambda: a runner lives for four minutes."""
    monkeypatch.setenv("PSCHEDULER_LONGEST_RUN", "240")
    forget_settings()
    yield
    monkeypatch.undo()
    forget_settings()


def streaming() -> tuple[Task, Run]:
    """A task that streams a result a minute for ten minutes, from second two on, and its run."""
    document = {
        "schema": 1,
        "test": {"type": "idlebgm", "spec": {"duration": f"PT{LENGTH}S", "interval": "PT1M"}},
        "tool": "sleepbgm",
        "schedule": {},
    }
    one = task(
        document=document,
        scheduling_class="background-multi",
        duration=seconds(LENGTH),
        schedule=Schedule(max_runs=1),
    )
    return one, place_next(one.replanned(NOON), NOON, New()).runs[0]


def streamed(owner: Task) -> list[dt.datetime]:
    """When the results that are stored were emitted."""
    return [
        run.start
        for run in run_table.in_order(NODE, owner.uuid)
        if run.state is State.FINISHED and run.duration == SECOND * 0
    ]


def stuck(moment: dt.datetime, until: dt.datetime) -> FakeMachine:
    """A machine that hangs once its clock has come to an instant, and wakes up at another."""
    machine = FakeMachine(moment)

    def sleep() -> None:
        if machine.moment >= until - seconds(60):
            machine.moment = until
            machine.wait_until_cancelled()

    machine.asleep = sleep
    return machine


def minutes(*numbers: int) -> list[dt.datetime]:
    return [at(2 + 60 * number) for number in numbers]


def test_every_result_is_a_run_and_the_run_itself_ends_without_one() -> None:
    owner, run = streaming()

    runner.run(NODE, owner.uuid, run.uuid, FakeMachine(NOON))

    assert streamed(owner) == minutes(*range(1, 11))
    ended = run_table.get(NODE, owner.uuid, run.uuid)
    assert (ended.state, ended.documents.result_merged) == (State.FINISHED, None)
    assert task_table.get(NODE, owner.uuid).progress.runs == 11


@pytest.mark.parametrize("early", [seconds(0), INSTANT, -INSTANT])
def test_a_lease_is_one_whenever_it_ends(early: dt.timedelta) -> None:
    owner, run = streaming()
    now = run.end + GRACE - RUN_LEASE - early

    begun = runner.begin(owner, run, now)

    assert begun is not None
    assert begun.leased_until is not None
    assert seconds(0) <= begun.leased_until - (now + RUN_LEASE) <= INSTANT
    assert run_table.get(NODE, owner.uuid, run.uuid) == begun


def test_a_run_whose_runner_died_is_carried_on_where_it_was(sent: list[PerformRun]) -> None:
    owner, run = streaming()
    sent.clear()
    runner.begin(owner, run, at(1))

    reaper.tick(at(1) + RUN_LEASE - SECOND)
    runner.run(NODE, owner.uuid, run.uuid, FakeMachine(at(1) + RUN_LEASE - SECOND))
    assert (sent, streamed(owner)) == ([], [])  # it may be at work still

    reaper.tick(at(1) + RUN_LEASE)
    assert sent == [PerformRun(NODE, owner.uuid, run.uuid, lane=owner.lane)]
    runner.run(NODE, owner.uuid, run.uuid, FakeMachine(at(200)))

    assert streamed(owner) == minutes(*range(4, 11))
    assert run_table.get(NODE, owner.uuid, run.uuid).state is State.FINISHED
    assert task_table.get(NODE, owner.uuid).runs_started == 1


def test_a_run_that_ends_every_runner_is_given_up_with_a_reason() -> None:
    owner, run = streaming()
    for number in range(MOST_ABANDONED):
        begun = runner.begin(owner, run_table.get(NODE, owner.uuid, run.uuid), at(1) + number * RUN_LEASE)
        assert begun is not None

    runner.run(NODE, owner.uuid, run.uuid, FakeMachine(at(1) + MOST_ABANDONED * RUN_LEASE))

    given_up = run_table.get(NODE, owner.uuid, run.uuid)
    assert given_up.state is State.FAILED
    assert "3 runners began it and never reported" in given_up.documents.reason["message"]


def test_a_run_that_is_handed_over_again_and_again_is_not_given_up(sent: list[PerformRun]) -> None:
    owner, run = streaming()
    now = at(1)
    for number in range(MOST_ABANDONED + 2):
        found = run_table.get(NODE, owner.uuid, run.uuid)
        begun = runner.begin(owner, found if number == 0 else found.evolve(abandoned=0), now)
        assert begun is not None
        now += RUN_LEASE

    assert run_table.get(NODE, owner.uuid, run.uuid).state is State.RUNNING


def test_a_runner_renews_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    owner, run = streaming()
    begun = runner.begin(owner, run, at(1))
    assert begun is not None

    assert supervisor._held(owner, begun, at(1) + RUN_LEASE / 2) == begun
    renewed = supervisor._held(owner, begun, at(1) + RUN_LEASE * 0.6)
    assert renewed is not None
    assert renewed.leased_until == at(1) + RUN_LEASE * 1.6
    assert not run_table.get(NODE, owner.uuid, run.uuid).is_abandoned(at(1) + RUN_LEASE)


@pytest.mark.usefixtures("on_lambda")
def test_who_has_not_so_long_to_live_hands_over(sent: list[PerformRun]) -> None:
    owner, run = streaming()
    message = PerformRun(NODE, owner.uuid, run.uuid)
    now = NOON

    while run_table.get(NODE, owner.uuid, run.uuid).state is not State.FINISHED:
        sent.clear()
        over = now + seconds(240)
        machine = stuck(now, over) if over < run.end else FakeMachine(now)
        runner.run(NODE, owner.uuid, run.uuid, machine, message.since)
        message, now = sent[-1] if sent else message, over + 10 * SECOND

    # What was due while nobody had the run came late, but it came.
    assert streamed(owner) == [*minutes(1, 2, 3), at(250), *minutes(*range(5, 11))]
    assert task_table.get(NODE, owner.uuid).runs_started == 1


def test_who_is_told_too_late_that_a_run_was_handed_over_leaves_it_alone() -> None:
    owner, run = streaming()
    begun = runner.begin(owner, run, at(1))
    assert begun is not None
    run_table.change(begun.evolve(leased_until=at(250)))

    runner.run(NODE, owner.uuid, run.uuid, FakeMachine(at(260)), since=at(130))

    assert streamed(owner) == []
    assert run_table.get(NODE, owner.uuid, run.uuid).is_abandoned(at(260))


def test_whose_run_was_taken_over_stops_and_stores_nothing(sent: list[PerformRun]) -> None:
    owner, run = streaming()
    machine = FakeMachine(NOON)

    def be_overtaken() -> None:
        if machine.moment >= at(62):
            abandoned = run_table.get(NODE, owner.uuid, run.uuid)
            run_table.change(abandoned.evolve(leased_until=at(62 + 1000)))
            machine.wait_until_cancelled()

    machine.asleep = be_overtaken
    runner.run(NODE, owner.uuid, run.uuid, machine)

    assert streamed(owner) == minutes(1)
    assert run_table.get(NODE, owner.uuid, run.uuid).state is State.RUNNING


def test_an_abandoned_run_of_a_cancelled_task_is_not_carried_on(sent: list[PerformRun]) -> None:
    owner, run = streaming()
    runner.begin(owner, run, at(1))
    cancellation.cancel_task(task_table.get(NODE, owner.uuid), at(30))

    reaper.tick(at(200))
    runner.run(NODE, owner.uuid, run.uuid, FakeMachine(at(200)))

    assert run_table.get(NODE, owner.uuid, run.uuid).state is State.CANCELED
    assert streamed(owner) == []


def test_nobody_carries_on_with_what_is_over(sent: list[PerformRun]) -> None:
    owner, run = streaming()
    runner.begin(owner, run, at(1))

    reaper.tick(run.end)
    runner.run(NODE, owner.uuid, run.uuid, FakeMachine(run.end))

    ended = run_table.get(NODE, owner.uuid, run.uuid)
    assert ended.state is State.OVERDUE
    assert ended.documents.reason["code"] == "no-result"


@pytest.mark.usefixtures("on_lambda")
def test_only_what_can_be_carried_on_may_take_longer_than_a_runner_lives() -> None:
    spec = {"duration": "PT1H", "interval": "PT1M"}

    assert create.reasons_against(NODE, registry.tools()["sleepbgm"], "idlebgm", spec) == []
    (reason,) = create.reasons_against(NODE, registry.tools()["sleep"], "idle", {"duration": "PT1H"})
    assert reason.startswith("Would take longer than the PT4M")

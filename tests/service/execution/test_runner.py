"""A run's life: begun, performed, concluded, or given up. With a clock of its own."""

import datetime as dt
import logging
from typing import Any

import pytest

from chalicelib.domain.messages import PerformRun
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN, Task
from chalicelib.infrastructure import queues
from chalicelib.service.execution import reaper, runner, waits
from chalicelib.service.node import pause
from chalicelib.service.scheduling import cancellation, dispatch, dispatch_tick
from chalicelib.service.scheduling.placement import place_at, place_next
from chalicelib.store import run_items, run_table, task_table, timeline
from chalicelib.store.transactions.booking import New
from tests import signs_of_life
from tests.builders import NODE, NOON, at, exclusive_task, seconds, task
from tests.service.machines import FakeMachine, keep_a_worker, perform_all

pytestmark = pytest.mark.usefixtures("empty_aws")


def placed(one: Task, **later: object) -> tuple[Task, Run]:
    found = place_next(one.replanned(NOON), NOON, New())
    return task_table.get(NODE, one.uuid), found.runs[0]


def after(owner: Task, run: Run, now: dt.datetime) -> Run:
    perform_all(NODE, owner.uuid, run.uuid, FakeMachine(now))
    return run_table.get(NODE, owner.uuid, run.uuid)


def test_a_run_is_performed_and_its_time_given_back() -> None:
    owner, run = placed(exclusive_task(duration=seconds(10)))

    ended = after(owner, run, at(0.5))

    assert ended.state is State.FINISHED
    assert ended.end == at(4)  # it slept two seconds from second two
    assert ended.documents.result_merged == {"schema": 1, "succeeded": True, "duration": "PT2S"}
    assert ended.documents.result_full == [ended.documents.result]
    assert ended.errors is None
    assert task_table.get(NODE, owner.uuid).runs_started == 1
    assert timeline.read_entries(NODE, at(5), at(20)) == []


def test_a_message_that_comes_twice_does_nothing_twice() -> None:
    owner, run = placed(task())
    first = after(owner, run, at(0))

    assert after(owner, run, at(0)) == first
    assert task_table.get(NODE, owner.uuid).runs_started == 1


def test_a_run_whose_task_is_cancelled_as_it_is_to_begin_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_items, "LARGEST_ITEM", 10)  # what it has in the bucket is forgotten as well
    owner, run = placed(exclusive_task(duration=seconds(10)))
    task_table.disable(owner, at(-3))

    runner.perform(PerformRun(NODE, owner.uuid, run.uuid, start=run.start), FakeMachine(at(-2)))

    assert run_table.first(NODE, owner.uuid) is None
    assert timeline.read_entries(NODE, at(0), at(20)) == []


def test_a_message_for_what_is_gone_does_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, runner.LOG.name)

    perform_all(NODE, "no-task", "no-run", FakeMachine(NOON))

    assert [record.message for record in caplog.records] == ["Nothing to run: There is no task no-task"]


def test_a_run_whose_tools_are_at_an_agent_by_now_is_not_begun_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owner, run = placed(task())
    caplog.set_level(logging.INFO, runner.LOG.name)
    monkeypatch.setattr(runner.node_directory, "runs_at_agent", lambda node: node == NODE)

    assert runner.begin(owner, run, NOON) is None

    assert run_table.get(NODE, owner.uuid, run.uuid) == run
    assert [record.message for record in caplog.records] == [f"Run {run.uuid} is its agent's"]


@pytest.mark.parametrize(("now", "state"), [(2.9, State.FINISHED), (3, State.MISSED), (500, State.MISSED)])
def test_a_run_whose_second_has_passed_is_missed_never_run_late(now: float, state: State) -> None:
    owner, run = placed(task())

    ended = after(owner, run, at(now))

    assert ended.state is state
    if state is State.MISSED:
        assert ended.documents.reason["code"] == "late"


def test_runs_are_missed_while_the_node_is_paused() -> None:
    pause.pause(NODE, at(60))
    owner, run = placed(task())

    ended = after(owner, run, at(0))

    assert ended.state is State.MISSED
    assert ended.documents.reason["code"] == "paused"
    assert pause.describe(NODE, at(30)) == {"is_paused": True, "infinite": False, "remaining": "PT30S"}
    pause.resume(NODE)
    assert pause.describe(NODE, at(30)) == {"is_paused": False}


def test_a_run_gives_way_to_one_of_higher_priority() -> None:
    owner, low = placed(exclusive_task(schedule=Schedule(start=at(30), max_runs=1), duration=seconds(20)))
    important = {"document": {**exclusive_task().document, "priority": 10}}
    _, high = placed(exclusive_task(schedule=Schedule(start=at(40), max_runs=1), **important))

    ended = after(owner, low, at(29))

    assert ended.state is State.PREEMPTED
    assert ended.documents.reason["blocking-run"] == high.uuid


def test_a_tool_that_breaks_is_a_failed_result(monkeypatch: pytest.MonkeyPatch) -> None:
    owner, run = placed(task())

    def broken(self: FakeMachine, moment: dt.datetime) -> None:
        raise ZeroDivisionError("oh")

    keep_a_worker(monkeypatch)
    monkeypatch.setattr(FakeMachine, "sleep_until", broken)
    ended = after(owner, run, at(0))

    assert ended.state is State.FAILED
    assert "ZeroDivisionError" in (ended.errors or "")
    assert ended.documents.result is None
    assert ended.documents.result_full[0]["succeeded"] is False
    assert ended.documents.clock_survey == [FakeMachine(at(0)).clock_state()]


def test_a_run_cancelled_under_way_stays_cancelled() -> None:
    owner, run = placed(task())

    def cancel() -> None:
        cancellation.cancel_task(task_table.get(NODE, owner.uuid), at(2))

    perform_all(NODE, owner.uuid, run.uuid, FakeMachine(at(2), asleep=cancel))

    ended = run_table.get(NODE, owner.uuid, run.uuid)
    assert ended.state is State.CANCELED
    assert ended.documents.result is None


def test_cancelling_forgets_what_is_to_come_and_keeps_what_was() -> None:
    owner, first = placed(task(schedule=Schedule(start=at(60), repeat=seconds(60), max_runs=5)))
    after(owner, first, at(59))

    cancellation.cancel_task(task_table.get(NODE, owner.uuid), at(90))
    cancellation.cancel_task(task_table.get(NODE, owner.uuid), at(91))

    assert [run.uuid for run in run_table.in_order(NODE, owner.uuid)] == [first.uuid]
    assert not task_table.get(NODE, owner.uuid).enabled


def test_cancelling_spares_a_run_that_cannot_be_cancelled() -> None:
    owner, run = placed(task(duration=seconds(60)))
    ended = after(owner, run, at(10))

    cancellation.cancel_task(task_table.get(NODE, owner.uuid), at(20))

    assert run_table.get(NODE, owner.uuid, run.uuid) == ended


def test_cancelling_an_exclusive_task_frees_its_time() -> None:
    owner, _ = placed(exclusive_task(schedule=Schedule(start=at(60), max_runs=1)))

    cancellation.cancel_task(owner, at(1))

    assert timeline.read_entries(NODE, at(0), at(600)) == []


def test_a_run_to_come_is_dispatched_once_and_given_up_when_no_runner_takes_it() -> None:
    owner, run = placed(task(schedule=Schedule(start=at(600), max_runs=1)))

    assert dispatch_tick.tick(at(400)) == 0
    assert dispatch_tick.tick(at(500)) == 1
    assert dispatch_tick.tick(at(501)) == 0
    reaper.tick(at(629))
    assert run_table.get(NODE, owner.uuid, run.uuid).state is State.PENDING
    reaper.tick(at(630))

    given_up = run_table.get(NODE, owner.uuid, run.uuid)
    assert given_up.state is State.MISSED
    assert given_up.documents.reason["code"] == "not-started"


def test_a_run_whose_runner_died_is_overdue() -> None:
    owner, run = placed(task())
    runner.begin(owner, run, at(1))

    reaper.tick(at(5 + 30))

    assert run_table.get(NODE, owner.uuid, run.uuid).state is State.OVERDUE


def test_nobody_waits_with_a_run_that_only_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    owner, run = placed(task(schedule=Schedule(start=at(60), max_runs=1)))
    sent: list[Any] = []
    monkeypatch.setattr(queues, "send_at", lambda queue, messages: sent.extend(messages))

    runner.run(NODE, owner.uuid, run.uuid, FakeMachine(at(58)))
    begun = run_table.get(NODE, owner.uuid, run.uuid)
    ((message, moment),) = sent
    waits.end(message, FakeMachine(at(61)))
    ended = run_table.get(NODE, owner.uuid, run.uuid)
    waits.end(message, FakeMachine(at(63)))

    assert begun.state is State.RUNNING
    assert (message.run, moment) == (run.uuid, at(62))
    assert ended.state is State.FINISHED
    assert (ended.end, ended.documents.result_merged["duration"]) == (at(62), "PT2S")
    assert run_table.get(NODE, owner.uuid, run.uuid) == ended


def test_a_wait_longer_than_a_queue_holds_back_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    owner, run = placed(task())
    sent: list[Any] = []
    monkeypatch.setattr(queues, "send_at", lambda queue, messages: sent.extend(messages))
    runner.run(NODE, owner.uuid, run.uuid, FakeMachine(at(0)))

    waits.end(sent[0][0], FakeMachine(at(1)))

    assert sent[0] == sent[1]
    assert run_table.get(NODE, owner.uuid, run.uuid).state is State.RUNNING


def test_a_run_in_a_context_is_performed_though_it_only_waits() -> None:
    contexts = {"schema": 1, "contexts": [[{"context": "changefail", "data": {}}]]}
    owner, run = placed(task(document={**task().document, "contexts": contexts}))

    assert after(owner, run, at(0)).state is State.FAILED


def test_a_message_that_is_far_too_late_is_left_to_the_reaper(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, runner.LOG.name)
    owner, run = placed(task())
    message = dispatch.message(NODE, owner.uuid, run.uuid, run.start)[0]

    runner.perform(message, FakeMachine(at(8)))
    assert run_table.get(NODE, owner.uuid, run.uuid) == run
    assert [record.message for record in caplog.records] == [f"The message of run {run.uuid} is too late"]
    runner.perform(message, FakeMachine(at(7)))
    assert run_table.get(NODE, owner.uuid, run.uuid).state is State.MISSED


def test_what_is_old_is_forgotten_runs_first() -> None:
    owner, run = placed(task())
    after(owner, run, at(0))

    signs_of_life.leave("ticker", at(3) + KEEP_AFTER_LAST_RUN)
    reaper.tick(at(3) + KEEP_AFTER_LAST_RUN)
    assert list(run_table.in_order(NODE, owner.uuid)) != []
    reaper.tick(at(6) + KEEP_AFTER_LAST_RUN)

    assert list(run_table.in_order(NODE, owner.uuid)) == []
    assert list(task_table.every(NODE)) == []


def test_a_repeating_task_outlives_its_runs() -> None:
    owner, run = placed(task(schedule=Schedule(repeat=dt.timedelta(days=7))))
    after(owner, run, at(0))

    over = at(600) + KEEP_AFTER_LAST_RUN
    reaper.tick(over)

    assert run_table.kept(list(run_table.in_order(NODE, owner.uuid)), over) == []
    assert task_table.get(NODE, owner.uuid).plan_at is not None
    later = task_table.get(NODE, owner.uuid).plan_at
    assert later is not None
    assert place_next(task_table.get(NODE, owner.uuid), later).runs[0].start == at(2) + dt.timedelta(days=7)


def test_a_run_placed_by_hand_is_performed_like_any_other() -> None:
    owner, _ = placed(task(schedule=Schedule(start=at(3600), max_runs=1)))
    run = place_at(owner, at(30), NOON).runs[0]

    assert after(owner, run, at(29)).state is State.FINISHED

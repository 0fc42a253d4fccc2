"""After a clock that was ahead was set back nothing waits until then, and nothing is lost."""

import dataclasses
import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.delivery import ANNOUNCED
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.outbox_request import withdrawal
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.coordination import participation
from chalicelib.service.execution import clock_set_back, reaper, results
from chalicelib.service.node import heartbeats
from chalicelib.service.peers.peer_client import Deadline
from chalicelib.service.scheduling.placement import place_next
from chalicelib.store import delivery_table, outbox_table, run_table, task_table
from chalicelib.store.transactions.booking import New
from tests import due
from tests.builders import NODE, NOON, at, exclusive_task, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")

AHEAD = dt.timedelta(days=400)
EVERY = dt.timedelta(minutes=30)
REPEATING = Schedule(repeat=EVERY)
KINDS = pytest.mark.parametrize("make", [task, exclusive_task], ids=["background", "exclusive"])


@pytest.fixture(autouse=True)
def _no_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "_beats", {})


def posted(owner: Task, now: dt.datetime) -> Task:
    """A task whose runs are placed up to the horizon."""
    place_next(owner.replanned(now), now, New())
    return planned(owner, now)


def planned(owner: Task, now: dt.datetime) -> Task:
    known = task_table.get(NODE, owner.uuid)
    participation.of(known).fill(now, Deadline(40.0))
    return task_table.get(NODE, owner.uuid)


def runs(owner: Task) -> list[Run]:
    return list(run_table.in_order(NODE, owner.uuid))


@KINDS
def test_a_repeating_task_goes_on_from_now(make: Any) -> None:
    owner = posted(make(schedule=REPEATING), NOON)
    placed = runs(owner)
    before = {run.uuid for run in placed}
    planned(owner, NOON + AHEAD)
    heartbeats.beat("ticker", NOON + AHEAD)
    far = [run.uuid for run in runs(owner) if run.uuid not in before]
    assert far

    reaper.tick(at(60))
    later = NOON + 8 * EVERY
    gone_on = planned(owner, later)

    starts = [run.start for run in runs(owner) if run.uuid not in far]
    assert starts == [starts[0] + EVERY * number for number in range(len(starts))]
    assert starts[-1] >= later + gone_on.horizon - 2 * EVERY
    assert not {run.uuid for run in runs(owner)} & {*far}
    assert starts[: len(before)] == [run.start for run in placed]
    assert gone_on.plan_at is not None
    assert gone_on.plan_at < later + gone_on.horizon


@KINDS
def test_what_was_given_up_before_its_time_is_placed_anew(make: Any) -> None:
    owner = posted(make(schedule=REPEATING), NOON)
    starts = [run.start for run in runs(owner)]
    for run in runs(owner)[1:4]:
        results.give_up(owner, run, State.MISSED, reaper._NOT_STARTED[1], NOON + AHEAD)
    heartbeats.beat("ticker", NOON + AHEAD)

    reaper.tick(at(1))
    gone_on = planned(owner, at(1))

    assert [run.start for run in runs(owner)][: len(starts)] == starts
    assert {run.state for run in runs(owner)} == {State.PENDING}
    assert gone_on.progress.runs == len(runs(owner))


def test_what_was_measured_is_kept() -> None:
    owner = posted(task(schedule=REPEATING), NOON)
    planned(owner, NOON + AHEAD)
    run = runs(owner)[-1]
    under_way = run_table.change(run.evolve(state=State.RUNNING))
    results.record(owner, under_way.evolve(state=State.FINISHED), run.end)
    heartbeats.beat("ticker", run.end)

    reaper.tick(at(60))

    assert run_table.get(NODE, owner.uuid, run.uuid).state is State.FINISHED


def test_a_task_that_ended_too_early_goes_on() -> None:
    until = NOON + dt.timedelta(days=3)
    owner = posted(task(schedule=Schedule(repeat=EVERY, until=until)), NOON)
    over = owner.replanned(NOON + AHEAD)
    assert over.plan_at is None
    task_table.replan(over, NOON + AHEAD)
    heartbeats.beat("ticker", NOON + AHEAD)

    reaper.tick(at(60))

    assert task_table.get(NODE, owner.uuid).plan_at == owner.replanned(at(60)).plan_at


def test_a_clock_that_is_about_right_changes_nothing() -> None:
    owner = posted(task(schedule=REPEATING), NOON)
    far = owner.evolve(plan_at=NOON + AHEAD)
    task_table.replan(far, NOON)
    heartbeats.beat("ticker", at(60) + heartbeats.CLOCKS_DIFFER)

    clock_set_back.tick("ticker", at(60))

    assert task_table.get(NODE, owner.uuid).plan_at == NOON + AHEAD


def test_tasks_that_wait_for_good_reason_are_as_they_were() -> None:
    later = posted(task(schedule=Schedule(start=NOON + AHEAD, repeat=EVERY)), NOON)
    once = posted(task(schedule=Schedule(start=NOON + dt.timedelta(days=90), max_runs=1)), NOON)
    going_on = posted(task(schedule=REPEATING), NOON)
    ended = posted(task(schedule=Schedule(start=at(30), max_runs=1)), NOON)
    found = [runs(each) for each in (later, once, going_on, ended)]
    heartbeats.beat("ticker", NOON + AHEAD)

    clock_set_back.tick("ticker", at(10))

    for each, before in zip((later, once, going_on, ended), found, strict=True):
        assert task_table.get(NODE, each.uuid) == each
        assert runs(each) == before


@pytest.mark.parametrize("announced", [None, NOON + AHEAD + ANNOUNCED])
def test_a_delivery_is_attempted_now(announced: dt.datetime | None) -> None:
    archives = [{"archiver": "bitbucket", "data": {}}]
    owner = posted(task(document={**task().document, "archives": archives}), NOON)
    (run,) = runs(owner)
    under_way = run_table.change(run.evolve(state=State.RUNNING))
    results.record(owner, under_way.evolve(state=State.FINISHED), NOON)
    (delivery,) = delivery_table.of_run(NODE, RunId(run.uuid))
    again = NOON + AHEAD + seconds(20)
    changes: Any = {"next_attempt": again, "last_attempt": NOON + AHEAD, "announced": announced}
    delivery_table.change(dataclasses.replace(delivery, **changes))
    heartbeats.beat("ticker", NOON + AHEAD)

    clock_set_back.tick("ticker", at(60))

    (delivery,) = delivery_table.of_run(NODE, RunId(run.uuid))
    assert (delivery.next_attempt, delivery.announced) == (at(60), None)


def test_an_outbox_request_is_made_now() -> None:
    request = withdrawal(task(), "far.example", NOON)
    outbox_table.add([request])
    outbox_table.claim(request, NOON + AHEAD)
    heartbeats.beat("ticker", NOON + AHEAD)

    clock_set_back.tick("ticker", at(60))

    assert due.outbox_requests(NODE, at(60)) == [request.uuid]


def test_what_is_wrong_with_one_task_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owners = [posted(task(schedule=REPEATING), NOON) for _ in range(3)]
    for owner in owners:
        planned(owner, NOON + AHEAD)
    heartbeats.beat("ticker", NOON + AHEAD)
    get = task_table.get

    def broken(node: NodeName, uuid: TaskId) -> Task:
        if uuid == owners[1].uuid:
            raise ValueError("it cannot be read")
        return get(node, uuid)

    with monkeypatch.context() as breaking:
        breaking.setattr(task_table, "get", broken)
        clock_set_back.tick("ticker", at(60))

    assert "it cannot be read" in caplog.text
    went_on = [task_table.get(NODE, owner.uuid).plan_at < NOON + AHEAD for owner in owners]  # type: ignore[operator]
    assert went_on == [True, False, True]

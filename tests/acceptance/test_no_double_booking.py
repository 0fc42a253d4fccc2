"""Thirty-two threads book exclusive and normal runs into the same hour, on engines that keep their state."""

import contextlib
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable

import pytest

from chalicelib.domain.errors import Blocked, Conflict, Overtaken
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.scheduling.placement import place_at, place_next
from chalicelib.store import run_table, task_table
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NODE, NOON, at, exclusive_task, seconds
from tests.double_bookings import overlapping

pytestmark = pytest.mark.usefixtures("either_engine")

THREADS = 32
ATTEMPTS = 6
HOUR = 3600


def together(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Call ``work(number)`` in so many threads at once; the first failure is raised here."""
    failures: list[BaseException] = []
    gate = threading.Barrier(threads)

    def run(number: int) -> None:
        try:
            gate.wait()
            work(number)
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]


def stored(**changes: object) -> Task:
    one = exclusive_task(**{"schedule": Schedule(repeat=seconds(60)), "duration": seconds(90), **changes})
    commit(Booking(None, one, ()), NOON)
    return one


def placed_runs(owners: list[Task]) -> list[tuple[Task, Run]]:
    return [
        (owner, run)
        for owner in owners
        for run in run_table.in_order(NODE, owner.uuid)
        if run.state is not State.NONSTART
    ]


def test_no_two_runs_that_conflict_are_ever_stored_and_every_loser_is_told_so() -> None:
    owners = [stored(scheduling_class="normal" if number % 2 else "exclusive") for number in range(THREADS)]
    outcomes: Counter[str] = Counter()

    def book(number: int) -> None:
        chooser = random.Random(number)
        for _ in range(ATTEMPTS):
            try:
                place_at(owners[number], at(chooser.randrange(HOUR - 90)), NOON)
                outcomes["placed"] += 1
            except Blocked as error:
                outcomes["blocked" if error.run else "blocked by nobody"] += 1

    together(book)

    found = placed_runs(owners)
    assert overlapping(found) == []
    assert outcomes["placed"] == len(found)
    assert outcomes["placed"] + outcomes["blocked"] == THREADS * ATTEMPTS
    assert outcomes["placed"] >= HOUR / 90 / 3
    assert outcomes["blocked"] > 0


def test_one_instant_has_one_winner() -> None:
    owners = [stored() for _ in range(THREADS)]
    won: list[int] = []

    def book(number: int) -> None:
        try:
            place_at(owners[number], at(600), NOON)
            won.append(number)
        except (Blocked, Overtaken):
            pass

    together(book)

    assert len(won) == 1
    assert [owner.uuid for owner, _ in placed_runs(owners)] == [owners[won[0]].uuid]


@pytest.mark.parametrize("scheduling_class", ["exclusive", "background"])
def test_one_task_planned_by_many_at_once_gets_each_run_once(scheduling_class: str) -> None:
    schedule = Schedule(start=at(60), repeat=seconds(3600), max_runs=20)
    owner = stored(duration=seconds(3), schedule=schedule, scheduling_class=scheduling_class)
    task_table.replan(owner.replanned(NOON), NOON)

    def plan(number: int) -> None:
        task = task_table.get(NODE, owner.uuid)
        while task.plan_at is not None:
            task = place_next(task, NOON).task

    together(plan, threads=8)

    starts = [run.start for _, run in placed_runs([owner])]
    assert starts == [at(60 + 3600 * number) for number in range(20)]
    assert task_table.get(NODE, owner.uuid).progress.runs == 20


def test_one_run_placed_by_many_at_once_is_stored_and_counted_once() -> None:
    owner = stored(scheduling_class="background")
    run = str(uuid.uuid4())

    def place(number: int) -> None:
        with contextlib.suppress(Conflict):
            place_at(owner, at(600 + number), NOON, run)

    together(place, threads=8)

    assert len(placed_runs([owner])) == 1
    assert task_table.get(NODE, owner.uuid).progress.runs == 1


def test_a_cancelled_task_gets_no_run_afterwards() -> None:
    owner = stored(scheduling_class="background")
    placed_before: list[int] = []

    def work(number: int) -> None:
        if number == 0:
            time.sleep(0.2)
            task_table.disable(task_table.get(NODE, owner.uuid), NOON)
            placed_before.append(len(placed_runs([owner])))
            return
        for attempt in range(20):
            with contextlib.suppress(Conflict):
                place_at(owner, at(600 + attempt), NOON)

    together(work, threads=4)

    assert len(placed_runs([owner])) == placed_before[0]


def test_a_search_with_slip_finds_every_free_place() -> None:
    # 40 tasks of 90 seconds in an hour of slip: exactly as many as fit, side by side.
    owners = [
        stored(schedule=Schedule(start=at(600), slip=seconds(HOUR - 90), max_runs=1)) for _ in range(THREADS)
    ]

    def plan(number: int) -> None:
        while not task_table.get(NODE, owners[number].uuid).progress.runs:
            with contextlib.suppress(Overtaken):  # fought over too hard: it keeps its turn
                place_next(owners[number], NOON)

    together(plan)

    found = placed_runs(owners)
    assert overlapping(found) == []
    assert len(found) == THREADS

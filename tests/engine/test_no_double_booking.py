"""Sixteen threads in each of four processes book exclusive and normal runs into one hour, on one file."""

import os
import pathlib
import subprocess
import sys

import pytest

from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.task import Task
from chalicelib.store import run_table, task_table
from chalicelib.store.transactions.booking import Booking, commit
from local import environment
from local.engine import Engine
from tests.builders import NODE, NOON, exclusive_task, seconds
from tests.double_bookings import overlapping
from tests.engine.booking import ATTEMPTS, LENGTH, PROCESSES, THREADS

pytestmark = pytest.mark.slow

OWNERS = 24
_HERE = pathlib.Path(__file__).resolve().parent.parent.parent


Booked = tuple[list[tuple[Task, Run]], tuple[int, int, int]]
"""All runs placed, and how many were placed, blocked and overtaken as the processes say."""


def booked(path: pathlib.Path, *left_out: str) -> Booked:
    """What the processes come to on one file, which is made; ``left_out`` are conditions they go without."""
    with Engine(path, synchronous="OFF"):
        environment.create_everything()
        for number in range(OWNERS):
            kind = "normal" if number % 2 else "exclusive"
            schedule = Schedule(repeat=seconds(60))
            one = exclusive_task(schedule=schedule, duration=seconds(LENGTH), scheduling_class=kind)
            commit(Booking(None, one, ()), NOON)
    said = _all_at_once(path, left_out)
    with Engine(path, synchronous="OFF"):
        owners = [task_table.get(NODE, task.uuid) for task in task_table.every(NODE)]
        found = [(owner, run) for owner in owners for run in run_table.in_order(NODE, owner.uuid)]
    counts = [sum(numbers) for numbers in zip(*said, strict=True)]
    return found, (counts[0], counts[1], counts[2])


def _all_at_once(path: pathlib.Path, left_out: tuple[str, ...]) -> list[list[int]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.booking", str(path), *left_out],
        cwd=_HERE,
        env={**os.environ, "PYTHONPATH": f"{_HERE}:{_HERE / 'vendor'}"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=240,
    )
    return [[int(number) for number in line.split()] for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Booked:
    return booked(tmp_path_factory.mktemp("hour") / "state.sqlite")


def test_no_two_runs_that_conflict_are_ever_stored(hour: Booked) -> None:
    found, (placed, blocked, overtaken) = hour

    assert overlapping(found) == []
    assert placed == len(found)
    assert placed + blocked + overtaken == PROCESSES * THREADS * ATTEMPTS
    assert placed >= 10
    assert blocked + overtaken > 0, "nobody was in anybody's way"


def test_progress_counts_every_run(hour: Booked) -> None:
    found, _ = hour

    for owner in {owner.uuid: owner for owner, _ in found}.values():
        assert owner.progress.runs == sum(1 for one, _ in found if one.uuid == owner.uuid)


def _goes_wrong(path: pathlib.Path, condition: str) -> bool:
    found, _ = booked(path, condition)
    if condition == "guards":
        return bool(overlapping(found))
    counted = {owner.uuid: owner.progress.runs for owner, _ in found}
    return sum(counted.values()) < len(found)


@pytest.mark.parametrize("condition", ["guards", "task"])
def test_without_a_condition_of_the_transaction_it_goes_wrong(tmp_path: pathlib.Path, condition: str) -> None:
    """What is above can fail: the conditions are what holds it up. Threads may be lucky, but not thrice."""
    assert any(_goes_wrong(tmp_path / f"{attempt}.sqlite", condition) for attempt in range(3))

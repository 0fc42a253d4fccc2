"""The life of a task: what its operations do is what its table says."""

from collections.abc import Callable

import pytest

from chalicelib.domain.repeat import Progress, Schedule
from chalicelib.domain.task import Task
from chalicelib.domain.task_states import TaskState, may_become, state_of
from tests.builders import NOON, at, seconds, task

DAILY = Schedule(start=at(60), repeat=seconds(86400))
REPEATING = task(schedule=DAILY).replanned(NOON)
ONCE = task().replanned(NOON)
OVER = ONCE.counting([at(5)], NOON)
CANCELLED = REPEATING.evolve(enabled=False, plan_at=None)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (REPEATING, TaskState.PLANNED),
        (ONCE, TaskState.PLANNED),
        (OVER, TaskState.PLACED),
        (task(participant=1, participants=("a", "b")).replanned(NOON), TaskState.PLACED),
        (CANCELLED, TaskState.DISABLED),
    ],
)
def test_what_is_to_be_done_follows_from_what_is_stored(found: Task, state: TaskState) -> None:
    assert state_of(found) is state


@pytest.mark.parametrize("before", [REPEATING, ONCE, OVER, CANCELLED])
@pytest.mark.parametrize(
    "operation",
    [
        lambda one: one.replanned(NOON) if one.enabled else one.evolve(enabled=True).replanned(NOON),
        lambda one: one.counting([at(60)], NOON) if one.enabled else one.evolve(enabled=True).replanned(NOON),
        lambda one: one.evolve(enabled=True, progress=Progress()).replanned(NOON),
    ],
)
def test_every_operation_is_a_way_of_the_table(before: Task, operation: Callable[[Task], Task]) -> None:
    after = operation(before)

    assert may_become(state_of(before), state_of(after))


@pytest.mark.parametrize("old", [TaskState.PLANNED, TaskState.PLACED])
def test_every_task_may_be_cancelled(old: TaskState) -> None:
    assert may_become(old, TaskState.DISABLED)


def test_a_cancelled_task_stays_so() -> None:
    assert state_of(CANCELLED.replanned(NOON)) is TaskState.DISABLED

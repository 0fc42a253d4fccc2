"""The starts that a repeating task wants next."""

import pytest

from chalicelib.domain.repeat import Schedule
from chalicelib.domain.times import ZERO
from chalicelib.service.scheduling.slots import next_starts
from tests.builders import at, seconds, task


@pytest.mark.parametrize("scheduling_class", ["background", "background-multi", "normal", "exclusive"])
@pytest.mark.parametrize(
    ("duration", "wanted"),
    [
        (9, [2, 12, 22, 32]),
        (10, [2, 12, 22, 32]),  # one begins in the second in which the last one ends
        (11, [2, 22, 42, 62]),  # one that is longer than the interval skips
    ],
)
def test_a_run_comes_in_every_slot_that_is_free_of_the_last(
    scheduling_class: str, duration: float, wanted: list[float]
) -> None:
    schedule = Schedule(start=at(2), repeat=seconds(10), slip=seconds(3))
    repeating = task(schedule=schedule, duration=seconds(duration), scheduling_class=scheduling_class)

    assert next_starts(repeating, at(0), 4) == [at(second) for second in wanted]


def test_a_run_that_takes_no_time_has_its_slot_alone() -> None:
    instant = task(schedule=Schedule(start=at(2), repeat=seconds(1)), duration=ZERO)

    assert next_starts(instant, at(0), 3) == [at(2), at(3), at(4)]


def test_the_planner_looks_at_a_task_that_streams_before_its_next_slot() -> None:
    """Were it to look in that second, the run would come late for its slot, and be in the way of the next."""
    schedule = Schedule(start=at(600), repeat=seconds(600))
    streaming = task(schedule=schedule, duration=seconds(600), scheduling_class="background-multi")

    placed = streaming.counting([at(600)], at(0))

    assert placed.plan_at is not None
    assert at(0) < placed.plan_at < at(1200)

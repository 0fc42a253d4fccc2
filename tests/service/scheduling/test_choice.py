"""Which start is taken of what is free."""

import random

import pytest

from chalicelib.domain.conflicts import Range
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Reason
from chalicelib.service.scheduling.slots import Proposal, choose, propose, window
from chalicelib.store import timeline
from tests.builders import NODE, at, exclusive_task, occupation, seconds, task

FIRST, SECOND = Range(at(0), at(10)), Range(at(100), at(200))


def test_a_run_lies_within_its_duration_and_slip_of_the_instant_wanted() -> None:
    slipping = task(schedule=Schedule(max_runs=1, slip=seconds(60)), duration=seconds(3))

    assert window(slipping, at(10)) == Range(at(10), at(73))


def test_the_first_free_start_is_taken() -> None:
    assert choose(task(), [FIRST, SECOND]) == at(0)
    assert choose(task(), []) is None


@pytest.mark.parametrize(
    ("duration", "most"),
    [
        (3, 96),  # a second less than is spare, so that the run ends within what is free
        (99, 0),
        (100, 0),
    ],
)
def test_a_start_at_random_leaves_time_for_the_run(
    duration: float, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: list[tuple[int, int]] = []

    def last(low: int, high: int) -> int:
        bounds.append((low, high))
        return high

    monkeypatch.setattr(random, "choice", lambda ranges: ranges[-1])
    monkeypatch.setattr(random, "randint", last)
    anywhere = task(schedule=Schedule(max_runs=1, sliprand=True), duration=seconds(duration))

    start = choose(anywhere, [FIRST, SECOND])

    assert bounds == [(0, most)]
    assert start == at(100 + most)


@pytest.mark.usefixtures("moto_engine")
def test_a_task_for_which_there_is_no_time_is_told_which_run_has_it() -> None:
    taken = occupation(-60, 3600)
    timeline.entry(NODE, taken).save()

    found = propose(exclusive_task(), at(0))

    sentence = f"The time is taken by run {taken.run} of task {taken.task}"
    assert found == Proposal(None, Reason("no-time", sentence, taken.run))
    assert propose(task(), at(0)).start is not None  # one in the background is in nobody's way

"""Which start is taken of what is free."""

import random
from typing import Any

import pytest

from chalicelib.domain.conflicts import Range
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Reason
from chalicelib.domain.task import HORIZON, Task
from chalicelib.service.scheduling.slots import Proposal, choose, free, proposals, propose, window
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


@pytest.mark.usefixtures("empty_aws")
def test_a_task_for_which_there_is_no_time_is_told_which_run_has_it() -> None:
    taken = occupation(-60, 3600)
    timeline.entry(NODE, taken).save()

    found = propose(exclusive_task(), at(0))

    sentence = f"The time is taken by run {taken.run} of task {taken.task}"
    assert found == Proposal(None, Reason("no-time", sentence, taken.run))
    assert propose(task(), at(0)).start is not None  # one in the background is in nobody's way


def ranked(priority: int | None, **changes: Any) -> Task:
    document = exclusive_task().document
    if priority is not None:
        document = {**document, "priority": priority}
    return exclusive_task(document=document, **changes)


@pytest.mark.parametrize(
    ("priority", "span", "found"),
    [
        (None, (100, 160), [(150, 160)]),
        (5, (100, 160), [(150, 160)]),  # of what is free nobody has to give way
        (5, (100, 152), [(100, 152)]),
        (4, (100, 152), []),
        (None, (100, 152), []),
    ],
)
def test_time_of_others_is_taken_only_where_nothing_is_free(
    priority: int | None, span: tuple[int, int], found: list[tuple[int, int]]
) -> None:
    entries = [occupation(90, 150, priority=4)]

    ranges = free(ranked(priority), entries, Range(at(span[0]), at(span[1])), at(0))

    assert ranges == [Range(at(lower), at(upper)) for lower, upper in found]


@pytest.mark.parametrize(
    ("kind", "found"), [("exclusive", []), ("normal", [Range(at(100), at(110))])], ids=["exclusive", "normal"]
)
def test_normal_runs_share_their_time(kind: str, found: list[Range]) -> None:
    entries = [occupation(90, 150, exclusive=False)]

    assert free(exclusive_task(scheduling_class=kind), entries, Range(at(100), at(110)), at(0)) == found


@pytest.mark.usefixtures("empty_aws")
@pytest.mark.parametrize(
    ("kind", "priority", "is_named"),
    [("exclusive", None, True), ("exclusive", 9, False), ("normal", None, False)],
)
@pytest.mark.parametrize("since", [60, 101], ids=["from before", "from its first second on"])
def test_a_run_that_would_have_to_give_way_is_not_in_the_way(
    since: int, kind: str, priority: int | None, is_named: bool
) -> None:
    timeline.entry(NODE, occupation(since, 3600, exclusive=False, priority=4)).save()
    wanted = ranked(priority, schedule=Schedule(start=at(100), max_runs=1), scheduling_class=kind)

    found = propose(wanted, at(0))

    assert (found.start, found.reason is not None) == (None if is_named else at(100), is_named)


@pytest.mark.usefixtures("empty_aws")
def test_a_task_that_is_over_is_never_to_be_placed() -> None:
    over = task(schedule=Schedule(max_runs=1)).counted([at(0)])

    assert propose(over, at(60)) == Proposal(None)


@pytest.mark.usefixtures("empty_aws")
def test_a_task_beyond_the_horizon_starts_when_it_wants_to() -> None:
    start = at(0) + 3 * HORIZON

    assert propose(exclusive_task(schedule=Schedule(start=start, max_runs=1)), at(0)) == Proposal(start)


@pytest.mark.usefixtures("empty_aws")
@pytest.mark.parametrize(
    ("task_has", "asked", "found"),
    [
        (None, None, [(150, 200)]),
        (9, None, [(150, 200)]),
        (9, 5, [(100, 200)]),
        (9, 4, [(150, 200)]),
        (4, 9, [(150, 200)]),  # no more than the task has
        (None, 9, [(150, 200)]),
        (-3, -3, [(150, 200)]),
    ],
)
def test_proposals_are_what_a_run_of_a_priority_would_get(
    task_has: int | None, asked: int | None, found: list[tuple[int, int]]
) -> None:
    timeline.entry(NODE, occupation(90, 150, priority=4)).save()

    ranges = proposals(ranked(task_has), at(100), at(200), asked, at(0))

    assert ranges == [Range(at(lower), at(upper)) for lower, upper in found]
    assert proposals(ranked(task_has), at(200), at(100), asked, at(0)) == []

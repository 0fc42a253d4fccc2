import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.conflicts import (
    Occupation,
    Range,
    blocker,
    end_when_over,
    free_from,
    free_ranges,
    intersect,
    preempter,
    window,
)
from tests.builders import NOON, at, occupation, seconds

LONG_AGO = at(-3600)


@pytest.mark.parametrize(
    ("existing", "proposed", "conflict"),
    [
        # The matrix of docs/contract/scheduler.md section 3; the background classes never come here.
        (False, False, False),
        (False, True, True),
        (True, False, True),
        (True, True, True),
    ],
)
def test_classes_conflict_as_the_matrix_says(existing: bool, proposed: bool, conflict: bool) -> None:
    there = occupation(0, 10, exclusive=existing)
    wanted = occupation(5, 15, exclusive=proposed)

    assert (blocker([there], wanted, LONG_AGO) is there) == conflict


def test_back_to_back_runs_fit() -> None:
    around = [occupation(0, 10), occupation(20, 30)]

    assert blocker(around, occupation(10, 20), LONG_AGO) is None


@pytest.mark.parametrize(
    ("existing", "proposed", "conflict"),
    [
        (None, None, True),  # no priority reads as 0
        (None, 0, True),
        (None, 1, False),  # strictly higher may be placed on top
        (5, 5, True),
        (5, 4, True),
        (-1, None, False),
    ],
)
def test_a_strictly_higher_priority_may_be_placed_over_a_run(
    existing: int | None, proposed: int | None, conflict: bool
) -> None:
    there = occupation(0, 10, priority=existing)

    assert (blocker([there], occupation(5, 15, priority=proposed), LONG_AGO) is not None) == conflict


@pytest.mark.parametrize(
    ("now", "start", "conflict"),
    [
        (8, 9, True),  # both within the three seconds before it starts
        (7, 7, True),
        (10, 10, True),
        (8, 11, False),  # proposed to start later than it does
        (5, 8, False),  # still far enough from its start
        (8, 6.5, False),  # proposed to start before the margin
    ],
)
def test_a_run_about_to_start_is_beyond_being_displaced(now: float, start: float, conflict: bool) -> None:
    there = occupation(10, 20, priority=1)
    wanted = occupation(start, start + 10, priority=9)

    assert (blocker([there], wanted, at(now)) is there) == conflict


def test_a_run_gives_way_at_its_start_to_one_of_the_same_or_a_higher_priority() -> None:
    mine = occupation(0, 10, priority=1)

    assert preempter([mine, occupation(5, 15, priority=1)], mine) is not None
    assert preempter([mine, occupation(5, 15, priority=0)], mine) is None
    assert preempter([mine, occupation(10, 15, priority=9)], mine) is None


def test_proposals_keep_clear_of_the_furthest_end() -> None:
    # A short run inside a long one must not reopen the time after it.
    existing = [occupation(10, 100, exclusive=False), occupation(20, 30, exclusive=False)]

    free = free_ranges(existing, occupation(0, 200), seconds(10), LONG_AGO, avoid_all=True)

    assert free == [Range(at(0), at(10)), Range(at(100), at(200))]


def test_proposals_with_a_priority_may_cover_lower_ones_but_not_what_is_running() -> None:
    running, waiting = occupation(0, 10, priority=0), occupation(20, 30, priority=0)
    wanted = occupation(0, 40, priority=5)

    free = free_ranges([running, waiting], wanted, seconds(5), at(1), avoid_all=False)

    assert free == [Range(at(10), at(40))]


def test_proposals_of_a_higher_rank_keep_clear_of_all_where_that_is_asked() -> None:
    waiting, wanted = occupation(20, 30, priority=0), occupation(0, 40, priority=5)

    free = free_ranges([waiting], wanted, seconds(5), LONG_AGO, avoid_all=True)

    assert free == [Range(at(0), at(20)), Range(at(30), at(40))]


@pytest.mark.parametrize(
    ("now", "free"),
    [
        (-4, [Range(at(0), at(40))]),
        (-3, [Range(at(10), at(40))]),  # so close to its start a run counts as running
        (9, [Range(at(10), at(40))]),
        (10, [Range(at(0), at(40))]),  # it is over
    ],
)
def test_a_lower_run_is_in_the_way_from_shortly_before_its_start_to_its_end(
    now: int, free: list[Range]
) -> None:
    lower, wanted = occupation(0, 10, priority=0), occupation(0, 40, priority=5)

    assert free_ranges([lower], wanted, seconds(5), at(now), avoid_all=False) == free


def test_a_run_of_the_same_rank_is_in_the_way() -> None:
    same, wanted = occupation(10, 20, priority=5), occupation(0, 40, priority=5)

    free = free_ranges([same], wanted, seconds(5), LONG_AGO, avoid_all=False)

    assert free == [Range(at(0), at(10)), Range(at(20), at(40))]


def test_normal_runs_are_in_nobodys_way_but_an_exclusive_ones() -> None:
    normal, wanted = occupation(10, 20, exclusive=False), occupation(0, 40, exclusive=False)

    assert blocker([normal], wanted, LONG_AGO) is None
    assert preempter([normal], wanted) is None
    assert free_ranges([normal], wanted, seconds(5), LONG_AGO, avoid_all=True) == [Range(at(0), at(40))]


@pytest.mark.parametrize(
    ("taken", "length", "free"),
    [
        ((0, 31), 10, []),  # what is left at the end is too short
        ((0, 30), 10, [Range(at(30), at(40))]),
        ((9, 40), 10, []),
        ((10, 40), 10, [Range(at(0), at(10))]),
        ((0, 40), 0, [Range(at(0), at(0))]),
    ],
)
def test_proposals_are_as_long_as_the_run(taken: tuple[int, int], length: int, free: list[Range]) -> None:
    assert free_ranges([occupation(*taken)], occupation(0, 40), seconds(length), LONG_AGO, True) == free


times = st.tuples(st.integers(0, 200), st.integers(1, 40))


@given(st.lists(times), st.integers(1, 30))
def test_every_proposal_can_be_booked_and_none_is_left_out(
    existing: list[tuple[int, int]], length: int
) -> None:
    there = [occupation(start, start + duration) for start, duration in existing]

    free = free_ranges(there, occupation(0, 250), seconds(length), LONG_AGO, avoid_all=True)

    def fits(start: int) -> bool:
        return blocker(there, occupation(start, start + length), LONG_AGO) is None

    proposed = {
        start
        for start in range(251)
        if any(one.lower <= at(start) and at(start + length) <= one.upper for one in free)
    }
    assert proposed == {start for start in range(251 - length) if fits(start)} | (
        {250 - length} if fits(250 - length) else set()
    )


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        (None, None, Range(at(3), at(86_400))),
        (at(-50), at(50), Range(at(3), at(50))),
        (at(10), at(10), None),
        (at(-50), at(-10), None),
        (at(86_401), None, None),
        (at(86_400), None, None),
        (at(86_399), None, Range(at(86_399), at(86_400))),
        (None, at(0), None),
        (None, at(3), None),
        (None, at(4), Range(at(3), at(4))),
        (at(10), at(200_000), Range(at(10), at(86_400))),
    ],
)
def test_a_requested_range_is_cut_to_what_may_be_placed(
    start: dt.datetime | None, end: dt.datetime | None, wanted: Range | None
) -> None:
    assert window(start, end, NOON, dt.timedelta(days=1)) == wanted


def test_ranges_in_common_are_long_enough() -> None:
    mine = [Range(at(0), at(10)), Range(at(20), at(40))]
    yours = [Range(at(5), at(25)), Range(at(38), at(60))]

    assert intersect(mine, yours, seconds(5)) == [Range(at(5), at(10)), Range(at(20), at(25))]


def test_ranges_that_only_touch_have_nothing_in_common() -> None:
    assert intersect([Range(at(0), at(10))], [Range(at(10), at(20))], seconds(0)) == []


@pytest.mark.parametrize(
    ("now", "over", "free"),
    [
        (5.4, 5, 6),  # the second it ended in stays taken
        (-1, 0, 1),  # never before its start
        (10, 10, 10),  # never after its planned end
        (12, 10, 10),
    ],
)
def test_a_run_that_ends_early_gives_back_the_seconds_after(now: float, over: int, free: int) -> None:
    ended = end_when_over(at(0), at(10), at(now))

    assert (ended, free_from(ended, at(10))) == (at(over), at(free))


def test_a_run_does_not_conflict_with_itself() -> None:
    mine = occupation(0, 10)

    assert blocker([mine], Occupation(**vars(mine)), LONG_AGO) is None

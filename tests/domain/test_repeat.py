import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.domain.repeat import (
    LATEST,
    Progress,
    Schedule,
    check,
    earliest_start,
    next_cron,
    next_slot,
    next_try,
)
from chalicelib.domain.times import SECOND
from tests.builders import NOON, at, seconds

MINUTE = seconds(60)


@pytest.mark.parametrize(
    ("schedule", "progress", "now", "wanted"),
    [
        # A one-off comes at its start, or at once when that is past or not given, and never again.
        (Schedule(max_runs=1), Progress(), at(0.5), at(0)),
        (Schedule(start=at(90), max_runs=1), Progress(), at(0), at(90)),
        (Schedule(start=at(-90), max_runs=1), Progress(), at(0), at(0)),
        (Schedule(max_runs=1), Progress(1, at(0), at(3)), at(10), None),
        # The first run of a repeating task comes at its start, later ones on the slots it anchors.
        (Schedule(repeat=MINUTE), Progress(), at(7), at(7)),
        (Schedule(repeat=MINUTE), Progress(1, at(7), at(10)), at(8), at(67)),
        # A run may begin as the last one ends; one that is longer than the interval skips.
        (Schedule(repeat=MINUTE), Progress(1, at(0), at(60)), at(1), at(60)),
        (Schedule(cron="* * * * *"), Progress(1, at(0), at(60)), at(1), at(60)),
        (Schedule(repeat=MINUTE), Progress(1, at(0), at(61)), at(1), at(120)),
        # The start, not the slipped first run, is the anchor when there is one.
        (Schedule(start=at(0), repeat=MINUTE), Progress(1, at(0), at(45)), at(46), at(60)),
        # Long after: the next slot from now, no catching up.
        (Schedule(repeat=MINUTE), Progress(5, at(0), at(243)), at(86_401), at(86_460)),
        # Enough runs, or no time left.
        (Schedule(repeat=MINUTE, max_runs=3), Progress(3, at(0), at(123)), at(124), None),
        (Schedule(repeat=MINUTE, until=at(60)), Progress(1, at(0), at(3)), at(4), None),
        (Schedule(repeat=MINUTE, until=at(61)), Progress(1, at(0), at(3)), at(4), at(60)),
        # Cron: strictly after now, also for the first run.
        (Schedule(cron="* * * * *"), Progress(), at(0), at(60)),
        (Schedule(cron="30 * * * *"), Progress(1, at(0), at(3)), at(4), at(1800)),
        # Both: the earlier one.
        (Schedule(cron="30 * * * *", repeat=MINUTE), Progress(1, at(0), at(3)), at(4), at(60)),
        (Schedule(cron="* * * * *", repeat=seconds(90)), Progress(1, at(0), at(3)), at(4), at(60)),
    ],
)
def test_the_next_run_comes_when_the_contract_says(
    schedule: Schedule, progress: Progress, now: dt.datetime, wanted: dt.datetime | None
) -> None:
    assert next_try(schedule, progress, now) == wanted


def test_a_repeating_task_whose_runs_were_all_purged_goes_on() -> None:
    weekly = Schedule(repeat=dt.timedelta(days=7))
    progress = Progress(runs=1, first_start=NOON, latest=at(3))

    assert next_try(weekly, progress, NOON + dt.timedelta(days=3)) == NOON + dt.timedelta(days=7)


@given(
    anchor=st.integers(-10_000, 10_000),
    interval=st.integers(1, 5_000),
    after=st.integers(-10_000, 100_000),
)
def test_a_slot_is_on_the_grid_and_the_first_after(anchor: int, interval: int, after: int) -> None:
    slot = next_slot(at(anchor), seconds(interval), at(after))

    assert (slot - at(anchor)) % seconds(interval) == seconds(0)
    assert at(after) < slot <= at(after) + seconds(interval)


@pytest.mark.parametrize(
    ("slip", "repeat", "duration", "wanted"),
    [
        (300, None, 10, 300),  # nothing to slip into
        (300, 60, 10, 50),  # slip and duration fit the interval
        (20, 60, 10, 20),
        (20, 5, 10, 0),  # longer than the interval: no slip at all
    ],
)
def test_repeating_runs_do_not_slip_into_the_next_slot(
    slip: int, repeat: int | None, duration: int, wanted: int
) -> None:
    schedule = Schedule(slip=seconds(slip), repeat=seconds(repeat) if repeat else None)

    assert schedule.slip_for(seconds(duration)) == seconds(wanted)


@pytest.mark.parametrize(
    ("schedule", "complaint"),
    [
        (Schedule(repeat=seconds(0)), "/schedule/repeat"),
        (Schedule(cron="0 0 31 2 *"), "/schedule/repeat-cron: .* a time to come"),
        (Schedule(until=at(-1)), "/schedule/until: must be in the future"),
        (Schedule(start=at(100), until=at(50)), "/schedule/until: must be after the start"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(schedule: Schedule, complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint):
        check(schedule, NOON)


def test_a_leap_day_does_come() -> None:
    assert next_cron("0 0 29 2 *", NOON) == dt.datetime(2028, 2, 29, tzinfo=dt.timezone.utc)


def test_the_first_run_leaves_one_second_at_least_to_send_it() -> None:
    assert earliest_start(at(0.9)) - at(0.9) > SECOND


@pytest.mark.parametrize(
    ("have_to_agree", "now", "wanted"),
    [(False, 0, 2), (False, 0.9, 2), (True, 0, 10), (True, 0.9, 10)],
)
def test_a_run_that_others_have_to_agree_to_comes_later(
    have_to_agree: bool, now: float, wanted: float
) -> None:
    assert earliest_start(at(now), have_to_agree) == at(wanted)


def test_where_a_runner_has_to_be_started_first_every_run_comes_as_much_later() -> None:
    assert earliest_start(NOON, False, 5 * SECOND) == at(5)
    assert earliest_start(NOON, True, 5 * SECOND) == at(13)


def test_a_run_has_to_be_agreed_to_only_where_that_is_said() -> None:
    assert earliest_start(NOON) == earliest_start(NOON, False)


@pytest.mark.parametrize(
    ("schedule", "runs", "is_endless"),
    [
        (Schedule(repeat=MINUTE), 5, True),
        (Schedule(cron="* * * * *"), 5, True),
        (Schedule(repeat=MINUTE, max_runs=3), 2, True),
        (Schedule(repeat=MINUTE, max_runs=3), 3, False),
        (Schedule(repeat=MINUTE, until=at(60)), 0, False),
        (Schedule(max_runs=1), 0, False),
        (Schedule(), 0, False),
    ],
)
def test_a_task_is_endless_until_something_says_that_it_ends(
    schedule: Schedule, runs: int, is_endless: bool
) -> None:
    assert schedule.is_endless(Progress(runs)) is is_endless


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(),
        Schedule(repeat=SECOND),
        Schedule(cron="* * * * *"),
        Schedule(start=LATEST),
        Schedule(start=at(-60)),
        Schedule(until=LATEST),
        Schedule(until=at(1)),
        Schedule(start=at(59), until=at(60), repeat=SECOND),
    ],
)
def test_a_schedule_that_can_be_kept_is_taken(schedule: Schedule) -> None:
    check(schedule, NOON)

    assert next_try(schedule, Progress(), NOON) is not None


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        (Schedule(repeat=seconds(0.5)), "/schedule/repeat: must be at least one second"),
        (Schedule(start=LATEST + SECOND), "/schedule/start: must not be after the year 9998"),
        (Schedule(until=LATEST + SECOND), "/schedule/until: must not be after the year 9998"),
        (Schedule(until=NOON), "/schedule/until: must be in the future"),
        (Schedule(start=at(60), until=at(60)), "/schedule/until: must be after the start"),
    ],
)
def test_a_schedule_that_cannot_be_kept_says_which_member_is_wrong(schedule: Schedule, sentence: str) -> None:
    with pytest.raises(Invalid) as error:
        check(schedule, NOON)

    assert error.value.message == sentence

"""How far a clock is off, as the answers of a coordinator tell."""

import datetime as dt

import pytest

from agent.clock_offset import Offset
from chalicelib.domain.times import SECOND, UTC

NOON = dt.datetime(2026, 11, 26, 12, tzinfo=UTC)


class Steady:
    """A clock of seconds that goes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_known_before_an_answer() -> None:
    assert Offset().seconds(NOON) is None
    assert Offset().at_least(NOON) is None


@pytest.mark.parametrize(
    ("shown", "offset"),
    [(NOON, 0.0), (NOON + 30 * SECOND, 30.0), (NOON - SECOND, -1.0)],
)
def test_half_the_round_trip_is_taken_off(shown: dt.datetime, offset: float) -> None:
    known = Offset(Steady())
    known.note(sent=99.6, answered=100.0, theirs=NOON - 0.2 * SECOND)

    assert known.seconds(shown) == pytest.approx(offset, abs=1e-6)


@pytest.mark.parametrize(
    ("ahead", "round_trip", "least"),
    [
        (3.0, 0.2, 2.9),
        (-3.0, 0.2, -2.9),
        (3.0, 10.0, 0.0),  # all of it may be the answer's way
        (30.0, 10.0, 25.0),
    ],
)
def test_what_the_round_trip_may_have_made_of_it_is_in_doubt(
    ahead: float, round_trip: float, least: float
) -> None:
    known = Offset(Steady())
    known.note(100.0 - round_trip / 2, 100.0 + round_trip / 2, NOON)

    assert known.seconds(NOON + ahead * SECOND) == pytest.approx(ahead, abs=1e-6)
    assert known.at_least(NOON + ahead * SECOND) == pytest.approx(least, abs=1e-6)


def test_the_shortest_round_trip_says_most() -> None:
    known = Offset(Steady())
    known.note(99.99, 100.0, NOON)
    known.note(90.0, 100.0, NOON)

    assert known.seconds(NOON) == pytest.approx(-0.005, abs=1e-4)


def test_time_that_passes_between_readings_is_not_the_clocks() -> None:
    steady, reads = Steady(), iter([NOON, NOON + 5 * SECOND])

    def shown() -> dt.datetime:
        moment = next(reads)
        if moment == NOON:
            steady.now += 5  # somebody else had the processor
        return moment

    known = Offset(steady, shown)
    known.note(100.0, 100.0, NOON)

    assert known.now() == pytest.approx((0, 0), abs=1e-6)


def test_a_clock_that_is_set_is_off_at_once() -> None:
    steady = Steady()
    known = Offset(steady)
    known.note(100.0, 100.0, NOON)
    steady.now += 10

    assert known.seconds(NOON + 10 * SECOND) == pytest.approx(0, abs=1e-6)
    assert known.seconds(NOON + 40 * SECOND) == pytest.approx(30, abs=1e-6)

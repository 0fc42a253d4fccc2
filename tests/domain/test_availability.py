import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.availability import fraction_free, free_by_class, gaps
from chalicelib.domain.conflicts import Occupation, Range
from tests.builders import at, occupation, seconds

SPAN = Range(at(0), at(100))
X, N = True, False


@pytest.mark.parametrize(
    ("taken", "exclusive", "normal"),
    [
        ([], (100, 100), (100, 100)),
        ([(10, 20, X)], (90, 80), (90, 80)),
        ([(10, 20, N)], (90, 80), (100, 100)),  # normal runs share
        ([(10, 30, N), (20, 40, N)], (70, 60), (100, 100)),  # overlapping ones count once
        ([(10, 40, N), (15, 20, N)], (70, 60), (100, 100)),  # a short one inside a long one
        ([(-50, 10, X), (90, 150, X)], (80, 80), (80, 80)),  # what sticks out counts as far as it is inside
        ([(-50, 150, X)], (0, 0), (0, 0)),
        ([(10, 20, X), (20, 30, N)], (80, 70), (90, 80)),  # back to back
        ([(100, 200, X), (-10, 0, X)], (100, 100), (100, 100)),  # beside it
    ],
)
def test_what_is_free_is_what_no_run_in_the_way_takes_up(
    taken: list[tuple[float, float, bool]], exclusive: tuple[int, int], normal: tuple[int, int]
) -> None:
    free = free_by_class([occupation(*one) for one in taken], SPAN)

    for name, (total, longest) in (("exclusive", exclusive), ("normal", normal), ("background", (100, 100))):
        assert free[name].total == seconds(total), name
        assert free[name].longest == seconds(longest), name
        assert free[name].percent == total
    assert fraction_free([occupation(*one) for one in taken], SPAN) == normal[0] / 100


@given(
    st.lists(
        st.tuples(st.integers(-50, 150), st.integers(1, 60)).map(
            lambda one: occupation(one[0], one[0] + one[1])
        ),
        max_size=8,
    )
)
def test_a_second_is_free_exactly_when_no_run_takes_it_up(taken: list[Occupation]) -> None:
    free = gaps(taken, SPAN)

    for second in range(100):
        moment = at(second)
        is_taken = any(one.start <= moment < one.end for one in taken)
        assert is_taken != any(piece.lower <= moment < piece.upper for piece in free)

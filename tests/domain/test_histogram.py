import json
import statistics
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.histogram import Histogram, from_labels

VALUES = st.lists(st.decimals(-1000, 1000, places=2), min_size=1, max_size=50)


def histogram(*values: float | Decimal) -> Histogram:
    """The histogram of values as they were seen one by one."""
    found = Histogram.of((Decimal(str(value)), 1) for value in values)
    assert found is not None
    return found


def test_nothing_seen_is_no_histogram() -> None:
    assert Histogram.of([]) is None
    assert Histogram.of([(Decimal(1), 0)]) is None
    assert Histogram.of([(Decimal(1), -3)]) is None


def test_buckets_of_one_value_are_one() -> None:
    found = from_labels({"1.0": 2, "1": 3, "0.50": 1})

    assert found is not None
    assert found.buckets == ((Decimal("0.5"), 1), (Decimal(1), 5))
    assert found.size == 6


def test_counts_may_be_written_as_fractions() -> None:
    found = from_labels(json.loads('{"1.0": 2.0, "2.0": 5}'))

    assert found is not None
    assert found.percentile(25) == Decimal(1)


@pytest.mark.parametrize(
    ("values", "percent", "wanted"),
    [
        # The handbook's own twelve measurements: its 90th percentile is 95.1981.
        (
            (95.1772, 95.1567, 95.1937, 95.1959, 95.1442, 95.0610,
             95.1591, 95.1195, 95.1065, 95.0925, 95.1990, 95.1682),
            90,
            "95.19807",
        ),
        # Twenty packets, as formatted by the reference server: 0.02 nineteen times, 0.93 once.
        ((*[0.02] * 19, 0.93), 25, "0.02"),
        ((*[0.02] * 19, 0.93), 50, "0.02"),
        ((*[0.02] * 19, 0.93), 95, "0.8845"),  # rank 19.95, almost the last
        ((7,), 50, "7"),
        ((7,), 95, "7"),
        ((1, 2), 25, "1"),  # rank 0.75, before the first
        ((1, 2), 95, "2"),  # rank 2.85, after the last
        ((1, 2), 50, "1.5"),  # rank 1.5
        ((1, 2, 3), 25, "1"),  # rank 1, exactly the first
        ((1, 2, 3), 75, "3"),  # rank 3, exactly the last
        ((1, 1, 5, 5), 50, "3"),  # rank 2.5, between two buckets
        ((1, 5, 5, 5), 50, "5"),  # rank 2.5, inside one
        ((-3, -1, 2), 50, "-1"),
        ((10, 20, 30, 40), 0, "10"),
        ((10, 20, 30, 40), 100, "40"),
    ],
)  # fmt: skip
def test_percentiles_are_ranked_as_nist_says(values: tuple[float, ...], percent: int, wanted: str) -> None:
    assert histogram(*values).percentile(percent) == Decimal(wanted)


@pytest.mark.parametrize(
    ("values", "mean", "variance", "deviation"),
    [
        ((2, 4, 4, 4, 5, 5, 7, 9), "5", "4", "2"),
        ((3,), "3", "0", "0"),
        ((-1, 1), "0", "1", "1"),
        ((1, 4), "2.5", "2.25", "1.5"),
    ],
)
def test_mean_and_spread_are_those_of_the_population(
    values: tuple[float, ...], mean: str, variance: str, deviation: str
) -> None:
    found = histogram(*values)

    assert (found.mean, found.variance, found.deviation) == (
        Decimal(mean), Decimal(variance), Decimal(deviation),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "modes"),
    [((1,), [1]), ((1, 1, 2), [1]), ((2, 1, 2, 1), [1, 2]), ((3, 1, 2), [1, 2, 3])],
)
def test_every_value_seen_most_often_is_a_mode(values: tuple[int, ...], modes: list[int]) -> None:
    assert list(histogram(*values).modes) == modes


def test_numbers_beyond_floats_are_no_trouble() -> None:
    found = from_labels({"9" * 400: 10**300, "0": 1})

    assert found is not None
    assert found.percentile(95) > 10**399
    assert found.deviation > 0


@given(VALUES)
def test_agrees_with_the_statistics_module(values: list[Decimal]) -> None:
    found = histogram(*values)

    assert found.size == len(values)
    assert (found.minimum, found.maximum) == (min(values), max(values))
    assert set(found.modes) == set(statistics.multimode(values))
    assert float(found.mean) == pytest.approx(float(statistics.fmean(values)), abs=1e-9)
    assert float(found.variance) == pytest.approx(float(statistics.pvariance(values)), abs=1e-6)
    assert float(found.percentile(50)) == pytest.approx(float(statistics.median(values)))


@given(st.lists(st.decimals(-1000, 1000, places=2), min_size=2, max_size=50))
def test_agrees_with_the_statistics_module_on_quartiles(values: list[Decimal]) -> None:
    """Its default method has the same ranks, but goes on past the ends where NIST's stops."""
    found = histogram(*values)
    quartiles = [min(max(q, min(values)), max(values)) for q in statistics.quantiles(values, n=4)]

    assert [float(found.percentile(p)) for p in (25, 50, 75)] == pytest.approx([float(q) for q in quartiles])


@given(VALUES, st.integers(0, 99))
def test_percentiles_rise_between_the_extremes(values: list[Decimal], percent: int) -> None:
    found = histogram(*values)

    assert found.minimum <= found.percentile(percent) <= found.percentile(percent + 1) <= found.maximum

"""What makes a series, and what the points of one come to together."""

import datetime as dt
import json
import statistics
from typing import Any

import pytest
from ddsketch import DDSketch
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.metrics import Metric
from chalicelib.domain.rollup import ACCURACY, QUANTILES, Rollup, Summary, rolled
from chalicelib.domain.run_states import State
from chalicelib.domain.series import Point, Series, point_of, series_of
from chalicelib.domain.times import hour_of
from tests.builders import NOON, at

SPEC = {"schema": 1, "dest": "b.example.org", "count": 5, "_secret": "s"}


def series(spec: dict[str, Any] = SPEC, tool: str = "ping", reference: Any = None) -> Series:
    document = {"test": {"type": "rtt", "spec": spec}, "reference": reference}
    return series_of(document, tool, ["a.example.org"])


def point(
    seconds: float, state: State = State.FINISHED, unreliable: tuple[str, ...] = (), **values: Any
) -> Point:
    named = {name.replace("_", "."): value for name, value in values.items()}
    return Point(at(seconds), "run", "task", state, named, frozenset(unreliable))


def test_a_series_goes_by_what_is_measured_between_whom_and_how() -> None:
    found = series(reference={"display-task-name": "Backbone"})

    assert found == Series("rtt", "ping", "a.example.org", "b.example.org", found.checksum, "Backbone")
    assert len(found.uuid) == 20
    assert found.describe()["id"] == found.uuid


def test_a_series_is_called_as_every_version_called_it() -> None:
    found = series({**SPEC, "label": "caf\u00e9"}, reference={"label": "Z\u00fcrich"})

    assert (found.checksum, found.uuid) == ("3c724008f3f8", "611f0f705f7fda197fb9")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (series(), True),
        (series({**SPEC, "_secret": "other"}), True),  # what is private tells nothing apart
        (series({**SPEC, "schema": 2}), True),
        (series({**SPEC, "count": 6}), False),
        (series({**SPEC, "dest": "c.example.org"}), False),
        (series(tool="tcpping"), False),
        (series(reference={"label": "x"}), False),
    ],
)
def test_series_are_the_same_where_nothing_that_matters_differs(other: Series, same: bool) -> None:
    assert (other.uuid == series().uuid) is same


def test_a_point_keeps_texts_and_marks_what_cannot_be_believed() -> None:
    metrics = [
        Metric("delay.median", 0.1, "ms", reliable=False),
        Metric("trace.path", "a b", "text"),
    ]

    found = point_of(NOON, "run", "task", State.FINISHED, metrics)

    assert found.values == {"delay.median": 0.1, "trace.path": "a b"}
    assert found.unreliable == {"delay.median"}
    assert found.describe()["unreliable"] == ["delay.median"]


def test_points_come_to_their_least_mean_most_and_quantiles() -> None:
    found = rolled(point(second, rtt_mean=float(second)) for second in range(1, 101)).describe()

    assert found["runs"] == {"finished": 100}
    assert found["metrics"]["rtt.mean"] | {"p50": 0, "p95": 0, "p99": 0} == {
        "count": 100,
        "min": 1.0,
        "mean": 50.5,
        "max": 100.0,
        "p50": 0,
        "p95": 0,
        "p99": 0,
    }
    assert found["metrics"]["rtt.mean"]["p95"] == pytest.approx(95, rel=2 * ACCURACY)


def test_runs_that_came_to_nothing_are_counted() -> None:
    found = rolled([point(0, State.FAILED), point(1, State.MISSED), point(2, rtt_mean=1.0)]).describe()

    assert found["runs"] == {"failed": 1, "missed": 1, "finished": 1}
    assert found["metrics"]["rtt.mean"]["count"] == 1


def test_what_cannot_be_believed_is_counted_apart() -> None:
    found = rolled([point(0, unreliable=("delay.median",), delay_median=0.1)]).describe()

    assert found["metrics"] == {"delay.median": {"count": 0, "unreliable": 1}}


def test_changes_of_a_text_are_counted_across_merges() -> None:
    first = rolled(point(second, trace_path=path) for second, path in enumerate("aab"))
    second = rolled(point(second, trace_path=path) for second, path in enumerate("ca"))

    first.merge(second)

    assert first.describe()["metrics"]["trace.path"] == {"changes": 3, "last": "a"}  # a-b, b-c, c-a


def test_only_the_metrics_asked_for_are_shown() -> None:
    found = rolled([point(0, rtt_mean=1.0, loss_ratio=0.0)])

    assert set(found.describe(["loss.ratio"])["metrics"]) == {"loss.ratio"}


VALUES = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60)


@given(VALUES, VALUES)
def test_what_is_stored_and_merged_is_as_if_added_together(left: list[float], right: list[float]) -> None:
    together, first, second = Summary(), Summary(), Summary()
    for value in left:
        first.add(value)
    for value in right:
        second.add(value)
    for value in (*left, *right):
        together.add(value)

    read = Summary.unpack(json.loads(json.dumps(first.pack())))
    read.merge(Summary.unpack(json.loads(json.dumps(second.pack()))))

    shown, expected = read.describe(), together.describe()
    assert {name: shown[name] for name in ("count", "min", "max")} == {
        name: expected[name] for name in ("count", "min", "max")
    }
    for name in ("p50", "p95", "p99"):
        assert shown[name] == pytest.approx(expected[name], rel=1e-5)
    assert shown["mean"] == pytest.approx(statistics.fmean((*left, *right)), rel=1e-5, abs=1e-3)


@given(VALUES)
def test_quantiles_are_off_by_a_hundredth_at_most(values: list[float]) -> None:
    summary = Summary()
    for value in values:
        summary.add(value)

    rank = sorted(values)[int(0.5 * (len(values) - 1))]
    assert summary.describe()["p50"] == pytest.approx(rank, rel=2 * ACCURACY, abs=1e-6)


@given(VALUES)
def test_quantiles_are_those_of_the_librarys_sketch(values: list[float]) -> None:
    summary, sketch = Summary(), DDSketch(ACCURACY)
    for value in values:
        summary.add(value)
        sketch.add(value)

    for name, share in QUANTILES.items():
        expected = min(max(sketch.get_quantile_value(share), min(values)), max(values))
        assert summary.describe()[name] == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_what_an_earlier_version_stored_is_read() -> None:
    packed = [3, 0, 6.0, 1.0, 3.0, 0.0, [[0, 1.0], [35, 1.0], [55, 1.0]], []]

    assert Summary.unpack(packed).describe() == {
        "count": 3,
        "min": 1.0,
        "mean": 2.0,
        "max": 3.0,
        "p50": pytest.approx(2.0, rel=ACCURACY),
        "p95": pytest.approx(3.0, rel=0.4),
        "p99": pytest.approx(3.0, rel=0.4),
    }


def test_a_rollup_is_stored_and_read_as_it_was() -> None:
    found = rolled([point(0, rtt_mean=1.0, trace_path="a"), point(1, State.FAILED)])

    assert Rollup.unpack(json.loads(json.dumps(found.pack()))).describe() == found.describe()


def test_a_rollup_of_nothing_reliable_is_stored_too() -> None:
    found = rolled([point(0, unreliable=("delay.median",), delay_median=0.1)])

    assert Rollup.unpack(found.pack()).describe() == found.describe()


def test_points_may_be_of_any_instant() -> None:
    moment = dt.datetime(2026, 11, 26, 23, 59, 59, 999999, tzinfo=dt.timezone.utc)

    assert hour_of(moment) == dt.datetime(2026, 11, 26, 23, tzinfo=dt.timezone.utc)


def test_what_is_merged_counts_what_is_in_either() -> None:
    one = rolled([point(0, rtt=1.0), point(1, rtt=2.0, unreliable=("rtt",)), point(2, State.FAILED)])
    other = rolled([point(3, rtt=4.0, unreliable=("rtt",)), point(4, rtt=3.0), point(5), point(6)])

    one.merge(other)

    assert one.runs == {"finished": 6, "failed": 1}
    assert (one.summaries["rtt"].count, one.summaries["rtt"].unreliable) == (2, 2)


def test_a_text_keeps_what_it_was_first_so_that_a_change_between_two_times_counts() -> None:
    first = rolled([point(0, path="a"), point(1, path="b")])
    later = rolled([point(2, path="b"), point(3, path="c")])
    before = rolled([point(-1, path="z")])

    first.merge(later)
    before.merge(first)

    assert first.texts["path"] == [2, "c", "a"]
    assert before.texts["path"] == [3, "c", "z"]


def test_stored_numbers_are_read_as_many_as_are_asked_for() -> None:
    stored = rolled([point(0, rtt=1.0, loss=0.0)]).pack()

    assert set(Rollup.unpack(stored).summaries) == {"rtt", "loss"}
    assert set(Rollup.unpack(stored, ["loss", "jitter"]).summaries) == {"loss"}
    assert set(Rollup.unpack(stored, []).summaries) == set()


@pytest.mark.parametrize(
    ("unreliable", "said"), [((), {}), (("rtt", "loss"), {"unreliable": ["loss", "rtt"]})]
)
def test_a_point_says_when_of_which_run_and_what(unreliable: tuple[str, ...], said: dict[str, Any]) -> None:
    shown = point(7, unreliable=unreliable, rtt=1.5).describe()

    assert shown["time"] == "2026-11-23T12:00:07+00:00"
    assert (shown["task"], shown["run"]) == ("task", "run")
    assert {name: value for name, value in shown.items() if name == "unreliable"} == said

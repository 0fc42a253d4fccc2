"""How metrics are written down. Pure."""

import datetime as dt
import re

import pytest

from chalicelib.domain import telemetry
from chalicelib.domain.telemetry import METRICS, Sample
from tests.builders import NOON

SAMPLES = [
    Sample(telemetry.RUNS, 3, {"state": "finished", "cause": ""}),
    Sample(telemetry.RUNS, 1, {"state": "missed", "cause": "late"}),
    Sample(telemetry.OLDEST, 0.25),
    Sample(telemetry.SERIES, 12.5, {"series": "a", "destination": 'b"\\\n'}, NOON),
]


def test_open_metrics_have_families_totals_times_and_an_end() -> None:
    text = telemetry.open_metrics(SAMPLES)

    assert text.splitlines() == [
        "# HELP pscheduler_run_changes Runs that entered a state, and why",
        "# TYPE pscheduler_run_changes counter",
        'pscheduler_run_changes_total{state="finished",cause=""} 3',
        'pscheduler_run_changes_total{state="missed",cause="late"} 1',
        "# HELP pscheduler_oldest_due_run_seconds " + telemetry.OLDEST.help,
        "# TYPE pscheduler_oldest_due_run_seconds gauge",
        "pscheduler_oldest_due_run_seconds 0.25",
        "# HELP pscheduler_series_value The last value of each series, at the time it was measured",
        "# TYPE pscheduler_series_value gauge",
        f'pscheduler_series_value{{series="a",destination="b\\"\\\\\\n"}} 12.5 {NOON.timestamp():.3f}',
        "# EOF",
    ]


def test_the_older_format_has_totals_in_the_family_milliseconds_and_no_end() -> None:
    text = telemetry.open_metrics(SAMPLES, is_plain=True)

    assert "# TYPE pscheduler_run_changes_total counter\n" in text
    assert f" 12.5 {NOON.timestamp() * 1000:.0f}\n" in text
    assert "# EOF" not in text


@pytest.mark.parametrize(
    ("value", "written"),
    [(1.0, "1"), (0.1, "0.1"), (float("nan"), "NaN"), (float("inf"), "+Inf"), (float("-inf"), "-Inf")],
)
def test_numbers_are_written_as_prometheus_reads_them(value: float, written: str) -> None:
    assert telemetry.open_metrics([Sample(telemetry.OLDEST, value)]).splitlines()[2].endswith(f" {written}")


def test_cloudwatch_is_told_the_same_names_by_stack_and_by_labels() -> None:
    finished, missed, alone, _ = telemetry.embedded(SAMPLES, "mesh", NOON)

    (told,) = finished["_aws"]["CloudWatchMetrics"]
    assert told["Namespace"] == "pScheduler"
    assert told["Dimensions"] == [["stack"], ["stack", "cause", "state"]]
    assert told["Metrics"] == [{"Name": "pscheduler_run_changes", "Unit": "Count"}]
    assert (finished["stack"], finished["state"], finished["pscheduler_run_changes"]) == (
        "mesh",
        "finished",
        3,
    )
    assert missed["cause"] == "late"
    assert alone["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["stack"]]
    assert alone["_aws"]["Timestamp"] == int(NOON.timestamp() * 1000)


def test_every_metric_has_a_name_of_its_own_that_may_be_one() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"(perfsonar_)?pscheduler_[a-z_]+", metric.name)
        assert not metric.name.endswith("_total")  # it is added where the format wants it


def test_pschedulers_own_metrics_are_called_as_its_command_calls_them() -> None:
    own = {metric.name for metric in METRICS if metric.name.startswith("perfsonar_")}

    assert own == {f"perfsonar_pscheduler_{name}" for name in ("paused", "archiving", "http_queue", "runs")}


def test_an_instant_is_written_in_seconds() -> None:
    at = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    assert (
        telemetry.open_metrics([Sample(telemetry.OLDEST, 1, {}, at)])
        .splitlines()[2]
        .endswith(" 1767225600.000")
    )

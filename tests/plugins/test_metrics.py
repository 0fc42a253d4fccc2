"""What is worth keeping of a result: the numbers, their units, and whether they can be believed."""

import math
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from chalicelib.domain.metrics import TEXT, UNITS, Metric, milliseconds, named, number, share
from plugins.tests import clock, latency, rtt, snmpget, throughput, trace
from tests.chance import by_chance
from tests.plugins.everything import TESTS
from tests.plugins.garbage import changed

WITHOUT_NUMBERS = {"idle", "idlebgm", "idleex", "noop"}
DELAYS = {"succeeded": True, "histogram-latency": {"1.00": 90, "2.00": 9, "9.00": 1}}


def values(test: Any, result: Mapping[str, Any], **spec: Any) -> dict[str, float | str]:
    return {metric.name: metric.value for metric in test.measured(spec, dict(result))}


@pytest.mark.parametrize("name", sorted(TESTS))
def test_every_test_has_numbers_in_a_result_that_succeeded(name: str) -> None:
    test = TESTS[name]
    spec = test.examples[0]
    found = [test.measured(spec, result) for result in test.result_examples if result.get("succeeded", True)]

    assert (not any(found)) == (name in WITHOUT_NUMBERS)
    for metrics in found:
        assert len(named(metrics)) == len(metrics), "a name stands for one value"
        assert {metric.unit for metric in metrics} <= set(UNITS)


@pytest.mark.parametrize("name", sorted(TESTS))
def test_a_failure_has_no_numbers(name: str) -> None:
    failures = [result for result in TESTS[name].result_examples if result.get("succeeded") is False]

    assert not any(TESTS[name].measured({}, result) for result in failures)


@pytest.mark.parametrize("name", sorted(TESTS))
@by_chance
def test_any_valid_result_gives_finite_numbers(name: str, chance: Random) -> None:
    test = TESTS[name]
    result = dict(chance.choice(test.result_examples))
    for member in chance.sample(sorted(result), chance.randint(0, len(result))):
        result[member] = changed(chance, result[member])

    if test.result_versions.problem(result) is None:
        for metric in test.measured(test.examples[0], result):
            assert isinstance(metric.value, str if metric.unit == TEXT else float)
            assert metric.unit == TEXT or math.isfinite(float(metric.value))


def test_round_trips_and_their_loss() -> None:
    result = {
        "succeeded": True,
        "roundtrips": [],
        "loss": 0.25,
        "min": "PT0.001S",
        "mean": "PT0.0015S",
        "sent": 4,
    }

    assert values(rtt.TEST, result) == {
        "rtt.min": 1.0,
        "rtt.mean": 1.5,
        "loss.ratio": 0.25,
        "packets.sent": 4.0,
    }


def test_all_lost_is_a_result_with_a_loss_and_no_times() -> None:
    assert values(rtt.TEST, {"succeeded": True, "roundtrips": [], "loss": 1.0}) == {"loss.ratio": 1.0}


def test_delays_come_from_the_histogram() -> None:
    found = values(latency.TEST, DELAYS | {"packets-sent": 200, "packets-lost": 100})

    assert found == {
        "delay.min": 1.0,
        "delay.mean": 1.17,
        "delay.median": 1.0,
        "delay.p95": 2.0,
        "delay.p99": 8.93,
        "delay.max": 9.0,
        "jitter": 1.0,
        "loss.ratio": 0.5,
        "packets.sent": 200.0,
        "packets.lost": 100.0,
    }


@pytest.mark.parametrize(
    ("changes", "reliable"),
    [
        ({}, True),  # nobody says how good the clocks are
        ({"max-clock-error": 0.9}, True),
        ({"max-clock-error": 1.1}, False),  # more than the delay itself
        ({"histogram-latency": {"-1.00": 9, "2.00": 1}}, False),  # it arrived before it was sent
    ],
)
def test_a_delay_below_the_error_of_the_clocks_is_not_believed(
    changes: dict[str, Any], reliable: bool
) -> None:
    found = named(latency.TEST.measured({}, {**DELAYS, **changes}))

    assert found["delay.median"].reliable is reliable
    assert found["jitter"].reliable, "what the clocks are off by cancels out"


def test_a_bucket_is_as_wide_as_the_spec_says() -> None:
    assert values(latency.TEST, DELAYS, **{"bucket-width": 0.0001})["delay.median"] == 0.1


def test_throughput_with_its_times_in_milliseconds() -> None:
    total = {"throughput-bits": 1e9, "retransmits": 3, "rtt": 1500, "sent": 100, "lost": 1, "jitter": 0.02}
    found = values(throughput.TEST, {"succeeded": True, "summary": {"summary": total}})

    assert found == {
        "throughput.bps": 1e9,
        "throughput.retransmits": 3.0,
        "loss.ratio": 0.01,
        "jitter": 0.02,
        "rtt.mean": 1.5,
    }


def test_a_path_is_a_text_with_a_star_for_who_is_silent() -> None:
    hops = [{"ip": "192.0.2.1", "mtu": 9000}, {}, {"ip": "192.0.2.9", "rtt": "PT0.002S", "mtu": 1500}]

    assert values(trace.TEST, {"succeeded": True, "paths": [[], hops]}) == {
        "trace.hops": 3.0,
        "trace.rtt": 2.0,
        "path.mtu": 1500.0,
        "trace.path": "192.0.2.1 * 192.0.2.9",
    }


def test_clocks_are_believed_where_both_are_synchronized() -> None:
    def of(**remote: Any) -> dict[str, Metric]:
        states = {"local": {"synchronized": True, "offset": 0.002}, "remote": remote}
        return named(clock.TEST.measured({}, {"succeeded": True, "difference": "PT0.01S", **states}))

    assert of(synchronized=True)["clock.difference"] == Metric("clock.difference", 10.0, "ms")
    assert not of(synchronized=False)["clock.difference"].reliable
    assert of(synchronized=True)["clock.local-offset"].value == 2.0


def test_the_last_value_of_an_object_goes_by_its_oid() -> None:
    data = [[{"value": "10"}, {"value": "12"}], {"value": "a name"}, []]
    result = {"succeeded": True, "time": "PT1S", "data": data}

    assert values(snmpget.TEST, result, oid=["1.3.6.1", "1.3.6.2", "1.3.6.3"]) == {
        "snmp.1.3.6.1": 12.0,
        "snmp.time": 1000.0,
    }


@pytest.mark.parametrize("value", [None, "1", math.inf, math.nan, 10**400, [], {}])
def test_what_is_no_finite_number_is_left_out(value: Any) -> None:
    assert number("a", value, "ms") is None


@pytest.mark.parametrize("duration", [None, 1, "1", "", "P1Y", "PT1e9S"])
def test_what_is_no_duration_is_left_out(duration: Any) -> None:
    assert milliseconds("a", duration) is None


@pytest.mark.parametrize(
    ("part", "whole", "ratio"), [(1, 4, 0.25), (5, 4, 1.0), (0, 0, None), (None, 4, None)]
)
def test_a_share_is_between_0_and_1(part: Any, whole: Any, ratio: float | None) -> None:
    found = share("a", part, whole)

    assert (found and found.value) == ratio

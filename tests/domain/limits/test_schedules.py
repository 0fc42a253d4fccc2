"""When a run is, ranges of dates, and what is said of those that are none."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.limits.schedules import DateRange, Span, date_range, span_of
from tests.builders import at
from tests.domain.limits.world import InProcessJq


def range_of(start: str, end: str, **more: Any) -> DateRange:
    return date_range({"start": start, "end": end, **more}, "/limits/0/data", InProcessJq())


def test_a_run_is_from_its_start_for_its_duration() -> None:
    assert span_of({"start": "2026-11-23T12:00:00Z", "duration": "PT1M"}) == Span(at(0), at(60))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (None, "run_schedule must be an object"),
        ([], "run_schedule must be an object"),
        ({"start": "2026-11-23T12:00:00Z"}, "run_schedule must have a start and a duration"),
        ({"duration": "PT1M"}, "run_schedule must have a start and a duration"),
        ({"start": 5, "duration": "PT1M"}, "run_schedule must have a start and a duration"),
        (
            {"start": "2026-11-23", "duration": "PT1M"},
            '"2026-11-23" is not a date and time such as 2026-11-23T12:00:00Z',
        ),
        (
            {"start": "2026-11-23T99:00:00Z", "duration": "PT1M"},
            '"2026-11-23T99:00:00Z" is not a date and time such as 2026-11-23T12:00:00Z',
        ),
        (
            {"start": "x" * 201, "duration": "PT1M"},
            f'"{"x" * 200}"... is not a date and time such as 2026-11-23T12:00:00Z',
        ),
        ({"start": "2026-11-23T12:00:00Z", "duration": "soon"}, '"soon" is not an ISO 8601 duration'),
        ({"start": "9999-12-31T23:59:59Z", "duration": "PT1H"}, "run_schedule is outside the calendar"),
    ],
)
def test_what_says_no_time_is_told_what_is_missing(said: Any, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        span_of(said)

    assert refusal.value.message == sentence


NOON, ONE = "2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z"


@pytest.mark.parametrize(
    ("start", "end", "inside", "touching"),
    [
        (0, 3599, True, True),
        (0, 3600, False, True),  # it has to be over before the end
        (-1, 10, False, True),
        (-10, 0, False, False),  # over as the range begins
        (3590, 3700, False, True),
        (3600, 3700, False, True),
        (3601, 3700, False, False),
        (-10, 3700, False, True),
    ],
)
def test_a_run_is_in_a_range_or_with_overlap_touches_its_ends(
    start: float, end: float, inside: bool, touching: bool
) -> None:
    run = Span(at(start), at(end))
    sentence = "The run is not between 2026-11-23T12:00:00+00:00 and 2026-11-23T13:00:00+00:00"

    assert range_of(NOON, ONE).complaints(run) == ([] if inside else [sentence])
    assert range_of(NOON, ONE, overlap=True).complaints(run) == ([] if touching else [sentence])


@pytest.mark.parametrize(
    ("start", "end", "pointer", "sentence"),
    [
        ("soon", ONE, "start", '"soon" is not a date and time such as 2026-11-23T12:00:00Z'),
        (NOON, "soon", "end", '"soon" is not a date and time such as 2026-11-23T12:00:00Z'),
        (NOON, "2026-11-23T13:00:00", "end", "must have a time zone if start has one, and none if not"),
        (ONE, NOON, "end", "must not be before start"),
    ],
)
def test_a_range_that_is_none_is_named(start: str, end: str, pointer: str, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        range_of(start, end)

    assert (refusal.value.pointer, refusal.value.sentence) == (f"/limits/0/data/{pointer}", sentence)


def test_a_run_and_a_range_have_a_zone_both_or_neither() -> None:
    naive = Span(dt.datetime(2026, 11, 23, 12), dt.datetime(2026, 11, 23, 13))

    with pytest.raises(Invalid) as refusal:
        range_of(NOON, ONE).complaints(naive)

    assert refusal.value.message == "The run and the range must both have a time zone, or neither"

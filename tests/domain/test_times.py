import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import Checker
from chalicelib.domain.times import (
    EPOCH,
    LONGEST_DURATION,
    SECOND,
    UTC,
    ZERO,
    format_duration,
    format_timestamp,
    hour_of,
    parse_absolute_or_relative,
    parse_duration,
    parse_timestamp,
    round_up,
    truncate,
)
from chalicelib.domain.types import TYPES
from tests.builders import NOON, at, seconds

IS_DURATION, IS_TIMESTAMP = Checker(TYPES["Duration"]), Checker(TYPES["Timestamp"])

durations = st.timedeltas(ZERO, LONGEST_DURATION)
moments = st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2200, 1, 1)).map(lambda m: m.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("PT5S", seconds(5)),
        ("PT0.5S", seconds(0.5)),
        ("PT1M30S", seconds(90)),
        ("PT1.5H", seconds(5400)),
        ("P1W2D", dt.timedelta(days=9)),
        ("P1DT", dt.timedelta(days=1)),
        ("PT", ZERO),  # passes the type, so it has to mean something
        ("PT0S", ZERO),
    ],
)
def test_a_duration_is_read(text: str, wanted: dt.timedelta) -> None:
    assert parse_duration(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "P", "5", "P1Y", "P1M", "PT5X", "P36526D", "P1000000000000D", "forever"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_duration(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [(seconds(90), "PT1M30S"), (seconds(86_400), "P1D"), (ZERO, "P0D"), (seconds(0.25), "PT0.25S")],
)
def test_a_duration_is_written_canonically(value: dt.timedelta, text: str) -> None:
    assert format_duration(value) == text


@given(durations)
def test_a_duration_comes_back_as_it_was(value: dt.timedelta) -> None:
    text = format_duration(value)

    assert IS_DURATION.problem(text) is None
    assert parse_duration(text) == value


@settings(deadline=None)
@given(st.from_regex(TYPES["Duration"]["pattern"]))
def test_everything_of_the_type_is_a_duration_unless_it_is_too_long(text: str) -> None:
    try:
        value = parse_duration(text)
    except Invalid:
        return  # any other error fails this test

    assert ZERO <= value <= LONGEST_DURATION


@given(durations)
def test_rounding_up_gives_the_first_whole_second_that_is_enough(value: dt.timedelta) -> None:
    rounded = round_up(value)

    assert rounded % SECOND == ZERO
    assert value <= rounded < value + SECOND


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-23T12:00:00Z", NOON),
        ("2026-11-23T12:00:00+00:00", NOON),
        ("2026-11-23T12:00:00", NOON),  # without a zone: UTC
        ("2026-11-23T13:00:00+01:00", NOON),
        ("2026-11-23T07:00-0500", NOON),
        ("20261123T120000Z", NOON),
        ("2026-11-23 12:00:00", NOON),
        ("2026-11-23T12:00:00.5Z", at(0.5)),
        ("2026-11-23", NOON - dt.timedelta(hours=12)),
    ],
)
def test_a_timestamp_is_read_in_utc(text: str, wanted: dt.datetime) -> None:
    moment = parse_timestamp(text)

    assert (moment, moment.tzinfo) == (wanted, UTC)


@pytest.mark.parametrize(
    "text", ["", "soonest", "2026-13-01T00:00:00Z", "2026-02-31T00:00:00Z", "0001-01-01T00:00:00+10:00"]
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_timestamp(text)


@given(moments)
def test_a_timestamp_comes_back_as_it_was(moment: dt.datetime) -> None:
    text = format_timestamp(moment)

    assert IS_TIMESTAMP.problem(text) is None
    assert parse_timestamp(text) == moment


@settings(deadline=None)
@given(st.from_regex(TYPES["TimestampAbsoluteRelative"]["pattern"]))
def test_everything_of_the_type_is_an_instant_or_refused(text: str) -> None:
    try:
        moment = parse_absolute_or_relative(text, NOON)
    except Invalid:
        return  # any other error fails this test

    assert moment == truncate(moment)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-23T12:00:00.9Z", at(0)),  # cut to the second
        ("PT5M", at(300)),
        ("PT0.6S", at(0)),  # 12:00:00.3 and 0.6 s
        ("@PT1H", at(3600)),
        ("@PT1M", at(60)),
        ("@R5/PT1H", at(3600)),  # the count of repeats means nothing here
        ("@R/PT1H", at(3600)),
        ("@P1D", at(43_200)),
    ],
)
def test_a_moment_is_absolute_relative_or_aligned(text: str, wanted: dt.datetime) -> None:
    assert parse_absolute_or_relative(text, at(0.3)) == wanted


@pytest.mark.parametrize("text", ["@PT0S", "@PT0.5S", "@PT1.5S", "@P", "@P1M", "P1M", "@", "later"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_absolute_or_relative(text, NOON)


@given(now=moments, step=st.integers(1, 10**7))
def test_alignment_gives_the_next_multiple_since_the_epoch(now: dt.datetime, step: int) -> None:
    moment = parse_absolute_or_relative(f"@PT{step}S", now)

    assert (moment - EPOCH) % seconds(step) == ZERO
    assert now < moment <= now + seconds(step)


def test_an_hour_begins_with_its_first_microsecond() -> None:
    assert hour_of(at(3599.999999)) == NOON
    assert hour_of(at(0)) == NOON
    assert hour_of(at(-0.000001)) == at(-3600)

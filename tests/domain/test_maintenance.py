"""Maintenance windows: when they are open."""

from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.maintenance import maintained_until, window_of
from chalicelib.domain.series import Series
from chalicelib.domain.times import format_timestamp
from tests.builders import NOON, at

HOUR, DAY = 3600, 86400
ONCE = {"start": format_timestamp(NOON), "duration": "PT1H"}
DAILY = {**ONCE, "repeat": "P1D"}
SERIES = Series("rtt", "ping", "a.example.org", "b.example.org", "0123")


@pytest.mark.parametrize(
    ("document", "now", "end"),
    [
        (ONCE, -1, None),
        (ONCE, 0, HOUR),
        (ONCE, HOUR - 1, HOUR),
        (ONCE, HOUR, None),
        (ONCE, DAY, None),
        (DAILY, 10 * DAY, 10 * DAY + HOUR),
        (DAILY, 10 * DAY + HOUR, None),
        ({**DAILY, "until": format_timestamp(at(5 * DAY))}, 4 * DAY, 4 * DAY + HOUR),
        ({**DAILY, "until": format_timestamp(at(5 * DAY))}, 5 * DAY, None),
    ],
)
def test_a_window_is_open_from_its_start_until_before_its_end(
    document: dict[str, Any], now: float, end: float | None
) -> None:
    assert window_of("night", document).end_of(at(now)) == (None if end is None else at(end))


@pytest.mark.parametrize(
    ("more", "is_meant"),
    [
        ({}, True),
        ({"series": {"destination": "b.*"}}, True),
        ({"series": {"destination": "c.*"}}, False),
        ({"rules": ["loss"]}, True),
        ({"rules": ["delay"]}, False),
    ],
)
def test_a_window_is_for_some_series_and_rules(more: dict[str, Any], is_meant: bool) -> None:
    found = maintained_until([window_of("night", {**ONCE, **more})], "loss", SERIES, NOON)

    assert (found is not None) is is_meant


def test_of_several_the_last_to_close_counts() -> None:
    windows = [window_of("one", ONCE), window_of("two", {**ONCE, "duration": "PT2H"})]

    assert maintained_until(windows, "loss", SERIES, NOON) == at(2 * HOUR)


@pytest.mark.parametrize(
    ("document", "where", "sentence"),
    [
        ({"start": ONCE["start"]}, "", '"duration" is a required property'),
        ({**ONCE, "duration": "P0D"}, "/duration", "must be longer than zero"),
        ({**ONCE, "duration": "P1Y"}, "/duration", "years or months"),
        ({**ONCE, "repeat": "PT30M"}, "/repeat", "must be no shorter than the duration"),
        ({**ONCE, "start": "soon"}, "/start", '"soon"'),
        ({**ONCE, "start": "2026-02-30T00:00:00Z"}, "/start", '"2026-02-30T00:00:00Z"'),
        ({**ONCE, "start": "1969-12-31T00:00:00Z"}, "/start", "must be between the years 1970 and 9000"),
        ({**ONCE, "until": "9001-01-01T00:00:00Z"}, "/until", ": must be between the years 1970 and 9000"),
        ({**ONCE, "rules": ["A"]}, "/rules/0", '"A"'),
    ],
)
def test_a_document_that_is_no_window_is_refused_where_it_is_wrong(
    document: dict[str, Any], where: str, sentence: str
) -> None:
    with pytest.raises(Invalid) as caught:
        window_of("night", document)

    assert caught.value.pointer == where
    assert sentence in caught.value.message


@pytest.mark.parametrize("year", ["1970", "9000"])
def test_a_window_may_be_in_the_first_and_the_last_year(year: str) -> None:
    assert window_of("night", {**ONCE, "start": f"{year}-06-01T00:00:00Z"}).start.year == int(year)

"""Tests of many rows: what a failure shows."""

import pytest

from tests import rows


@rows.each_of([("even", 2), ("even", 3), ("even", 4), ("even", 5), ("odd", 7)])
def is_as_named(name: str, number: int) -> None:
    if number == 5:
        pytest.fail("five")
    if number % 2 != (name == "odd"):
        raise ValueError("other")


def test_every_row_that_fails_is_shown() -> None:
    with pytest.raises(AssertionError) as failure:
        is_as_named(of="even")

    assert str(failure.value).splitlines() == [
        "2 of 4 rows fail:",
        "{'number': 3}: ValueError: other",
        "{'number': 5}: Failed: five",
    ]


def test_no_more_rows_are_shown_than_anybody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_SHOWN", 1)

    with pytest.raises(AssertionError) as failure:
        is_as_named(of="even")

    assert str(failure.value).splitlines() == [
        "2 of 4 rows fail:",
        "{'number': 3}: ValueError: other",
    ]


def test_rows_that_hold_are_silent() -> None:
    is_as_named(of="odd")

"""Numbers are read from ASCII digits alone, whatever int() and float() would take."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain import numerals

NO_NUMBERS = ["", "-", "+5", " 5", "5 ", "5\n", "1_0", "٣", "\uff15", "²", "0x5", "x", "--5", "NaN", "inf"]


@pytest.mark.parametrize(
    ("text", "integer", "whole"),
    [
        ("0", 0, 0),
        ("10", 10, 10),
        ("007", 7, 7),
        ("-5", -5, None),
        ("9" * 38, 10**38 - 1, 10**38 - 1),
        ("9" * 39, None, None),
        ("-" + "9" * 38, 1 - 10**38, None),
        ("9" * 5000, None, None),
        ("5.0", None, None),
        ("1e3", None, None),
        *((text, None, None) for text in NO_NUMBERS),
    ],
)
def test_an_integer_is_digits_and_a_whole_number_has_no_minus(
    text: str, integer: int | None, whole: int | None
) -> None:
    assert numerals.integer(text) == integer
    assert numerals.whole(text) == whole


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1.0),
        ("1.5", 1.5),
        ("-1.5", -1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        ("1e999", None),
        ("1e9999", None),
        ("-infinity", None),
        (".", None),
        ("1.5_0", None),
        ("1.٣", None),
        ("9" * 301, None),
        *((text, None) for text in NO_NUMBERS),
    ],
)
def test_a_decimal_number_is_a_finite_one(text: str, number: float | None) -> None:
    assert numerals.decimal(text) == number


@given(st.text(max_size=8) | st.from_regex(r"-?\d{1,6}", fullmatch=True), st.integers(1, 6))
@example("٣", 1)
def test_no_text_but_ascii_digits_is_a_number(text: str, most_digits: int) -> None:
    is_one = re.fullmatch(f"-?[0-9]{{1,{most_digits}}}", text) is not None

    assert (numerals.integer(text, most_digits) is not None) is is_one

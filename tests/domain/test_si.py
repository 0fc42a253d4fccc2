import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import Checker
from chalicelib.domain.si import format_si, parse_si
from chalicelib.domain.types import TYPES

IS_SI = Checker(TYPES["SINumber"])
LETTERS = "kmgtpezy"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (5, 5),
        ("5", 5),
        ("-5", -5),
        ("2k", 2000),
        ("2Ki", 2048),
        ("2 kI", 2048),
        ("1m", 1_000_000),  # mega, never milli
        ("1Y", 10**24),
        ("1.5M", 1_500_000),
        ("0.5", 0.5),
        (" 5 ", 5),
    ],
)
def test_a_suffix_multiplies(text: str | int, wanted: float) -> None:
    assert parse_si(text) == wanted


@pytest.mark.parametrize("text", ["1.5k", "2.0", "0.5Ki"])
def test_a_whole_value_is_an_integer(text: str) -> None:
    assert type(parse_si(text)) is int


@pytest.mark.parametrize("text", ["", "k", "5Q", "5kk", "1e3", "+5", ".5", "5.", "5ki b", "five", "0x5"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="not a number with an optional SI suffix"):
        parse_si(text)


@given(count=st.integers(0, 10**20), place=st.integers(0, 7), binary=st.booleans(), upper=st.booleans())
def test_every_suffix_is_a_power(count: int, place: int, binary: bool, upper: bool) -> None:
    suffix = LETTERS[place] + ("i" if binary else "")
    text = f"{count}{suffix.upper() if upper else suffix}"

    assert IS_SI.problem(text) is None
    assert parse_si(text) == count * (1024 if binary else 1000) ** (place + 1)


@pytest.mark.parametrize(
    ("number", "unit", "wanted"),
    [
        (0, "B", "0.0 B"),
        (999, "B", "999.0 B"),
        (999.96, "B", "1.0 kB"),  # never 1000.0
        (1500, "b/s", "1.5 kb/s"),
        (-2.5e6, "", "-2.5 M"),
        (2437e6, "Hz", "2.4 GHz"),
        (1e27, "B", "1000.0 YB"),  # there is nothing above
        (7, "", "7.0"),
    ],
)
def test_numbers_for_people_have_one_decimal(number: float, unit: str, wanted: str) -> None:
    assert format_si(number, unit) == wanted

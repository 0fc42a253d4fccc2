"""Numbers: one spelling each, in bytes that sort as they do."""

import decimal

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from local.engine.dynamodb import numeric
from local.engine.engine_errors import ServiceError

valid = st.builds(
    lambda digits, exponent: f"{digits}E{exponent}",
    st.integers(-(10**38) + 1, 10**38 - 1),
    st.integers(-130, 87),
)


@pytest.mark.parametrize(
    ("given_text", "spelled"),
    [
        ("0", "0"),
        ("-0.0", "0"),
        ("0E+999", "0"),
        ("007", "7"),
        ("+1", "1"),
        ("1.500", "1.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("-1.25E-3", "-0.00125"),
        ("100", "100"),
        ("9" * 38, "9" * 38),
        ("1" + "0" * 60, "1" + "0" * 60),
        ("9.9E125", "99" + "0" * 124),
    ],
)
def test_equal_numbers_have_one_spelling(given_text: str, spelled: str) -> None:
    assert numeric.canonical(given_text) == spelled


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "numeric value"),
        ("one", "numeric value"),
        ("1_000", "numeric value"),
        (" 1", "numeric value"),
        ("1\n", "numeric value"),
        ("NaN", "numeric value"),
        ("Infinity", "numeric value"),
        ("٣", "numeric value"),
        ("1e", "numeric value"),
        (".", "numeric value"),
        ("1" * 39, "38 significant digits"),
        ("1E126", "overflow"),
        ("1E999999999", "overflow"),
        ("1E-131", "underflow"),
    ],
)
def test_what_is_no_number_of_theirs_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ServiceError, match=complaint):
        numeric.canonical(text)


@given(valid, valid)
def test_bytes_sort_as_numbers_do(one: str, other: str) -> None:
    left, right = numeric.sortable(one), numeric.sortable(other)

    assert (left < right) == (decimal.Decimal(one) < decimal.Decimal(other))
    assert (left == right) == (decimal.Decimal(one) == decimal.Decimal(other))


@given(valid)
def test_the_spelling_is_the_same_number_and_spelled_again_the_same(text: str) -> None:
    spelled = numeric.canonical(text)

    assert decimal.Decimal(spelled) == decimal.Decimal(text)
    assert numeric.canonical(spelled) == spelled


def test_a_sum_is_exact_or_refused() -> None:
    assert numeric.add("0.1", "0.2") == "0.3"
    assert numeric.subtract("1", "12345678901234567890123456789012345678") == (
        "-12345678901234567890123456789012345677"
    )
    with pytest.raises(ServiceError, match="38 significant digits"):
        numeric.add("1E100", "1")


def test_a_client_is_told_in_its_own_terms(dynamodb: object) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        dynamodb.get_item(TableName="none", Key={"k": {"N": "1"}})  # type: ignore[attr-defined]

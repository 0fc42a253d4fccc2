import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.documents import contains, load, sanitized
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_comments_are_dropped_at_any_depth() -> None:
    assert load('{"#a": 1, "b": [{"#c": 2, "d": "#e"}]}', "body") == {"b": [{"d": "#e"}]}


@pytest.mark.parametrize(
    "text", ["{", "NaN", "1e400", '{"a": Infinity}', "", "[" * 100_000, r'"\ud800"', r'{"\uDFFFa": 1}']
)
def test_what_is_no_json_is_named(text: str) -> None:
    with pytest.raises(Invalid, match=r"^body: "):
        load(text, "body")


def test_a_character_written_as_a_pair_is_one() -> None:
    assert load(r'"\ud83d\ude00"', "body") == "\U0001f600"


def test_private_members_keep_their_names_and_lose_their_values() -> None:
    assert sanitized({"_a": 1, "b": [{"_c": {"d": 1}, "e": 2}]}) == {"_a": None, "b": [{"_c": None, "e": 2}]}


@pytest.mark.parametrize(
    ("value", "wanted", "held"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": {"b": [1, {"c": 2, "d": 3}]}}, {"a": {"b": [{"c": 2}]}}, True),
        ({"a": [1, 2]}, {"a": [2, 1, 1]}, True),
        ({"a": [1, 2]}, {"a": [3]}, False),
        ({"a": True}, {"a": 1}, False),  # Python's True is 1, JSON's is not
        ({"a": 1.0}, {"a": 1}, True),
        ({"a": None}, {"a": None}, True),
        ({}, {"a": None}, False),
        ({"_key": "s"}, {"_key": "s"}, False),  # a search tells nothing of secrets
    ],
)
def test_a_search_finds_what_holds_the_wanted_document(value: JSON, wanted: JSON, held: bool) -> None:
    assert contains(value, wanted) == held


@given(values)
def test_a_document_without_secrets_holds_itself(value: JSON) -> None:
    assert contains(value, value) or "_" in str(value)


@given(values)
def test_sanitizing_twice_is_sanitizing_once(value: JSON) -> None:
    assert sanitized(sanitized(value)) == sanitized(value)

from random import Random

import pytest

from chalicelib.domain.documents import DEEPEST, MOST_DIGITS, contains, load, sanitized
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON
from tests.chance import by_chance
from tests.plugins.garbage import document


def test_comments_are_dropped_at_any_depth() -> None:
    assert load('{"#a": 1, "b": [{"#c": 2, "d": "#e"}]}', "body") == {"b": [{"d": "#e"}]}


@pytest.mark.parametrize(
    "text", ["{", "NaN", "1e400", '{"a": Infinity}', "", "[" * 100_000, r'"\ud800"', r'{"\uDFFFa": 1}']
)
def test_what_is_no_json_is_named(text: str) -> None:
    with pytest.raises(Invalid, match=r"^body: "):
        load(text, "body")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_what_is_nested_too_deeply_is_named(opening: str) -> None:
    closing = {"[": "]", '{"a":': "}"}[opening]

    assert load(opening * (DEEPEST - 1) + "[]" + closing * (DEEPEST - 1), "body")
    for depth in (DEEPEST, 300, 10_000):
        with pytest.raises(Invalid, match=f"^body: nested too deeply: at most {DEEPEST} levels "):
            load(opening * depth + "[]" + closing * depth, "body")


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_number_has_so_many_digits_and_no_more(sign: str) -> None:
    most = sign + "9" * (MOST_DIGITS - len(sign))

    assert float(load(most, "body")) == float(most)
    for digits in (MOST_DIGITS + 1, 5_000, 1_000_000):
        with pytest.raises(Invalid, match=f"has {digits + len(sign)} digits"):
            load(sign + "1" * digits, "body")


def test_of_members_with_the_same_name_the_last_counts() -> None:
    assert load('{"a": 1, "a": 2}', "body") == {"a": 2}


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


@by_chance
def test_a_document_without_secrets_holds_itself(chance: Random) -> None:
    value = document(chance)

    assert contains(value, value) or "_" in str(value)


@by_chance
def test_sanitizing_twice_is_sanitizing_once(chance: Random) -> None:
    value = document(chance)

    assert sanitized(sanitized(value)) == sanitized(value)

"""What is shown of what somebody sent: JSON, not too long, and nothing that cannot be seen."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import echoes

ANY_TEXT = st.text() | st.text("\0\x1b\x7f\x85\u2028\u202e\ufeff\ud800\"\\'", max_size=300)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("rtt", '"rtt"'),
        ("it's", '"it\'s"'),
        ("Grüße", '"Grüße"'),
        (["rtt", 1, {"a": False}], '["rtt", 1, {"a": false}]'),
        ("\0\n\x1b[2J\x7f", '"\\u0000\\n\\u001b[2J\\u007f"'),
        ("\u202eabc\ud800", '"\\u202eabc\\ud800"'),
        ("x" * 200, f'"{"x" * 200}"'),
        ("x" * 201, f'"{"x" * 200}"...'),
        ([0] * 1000, "[" + "0, " * 66 + "0..."),
    ],
)
def test_a_value_is_shown_as_json_and_cut(value: Any, text: str) -> None:
    assert echoes.shown(value) == text


@given(ANY_JSON)
def test_any_value_that_is_not_cut_can_be_read_again(value: Any) -> None:
    text = echoes.shown(value, 10**9)

    assert json.loads(text) == value
    assert text.isprintable()


@given(ANY_JSON, st.integers(1, 300))
def test_of_any_value_so_much_is_shown(value: Any, most: int) -> None:
    text = echoes.shown(value, most)

    assert text.isprintable()
    assert len(text) <= 12 * most + 5  # of each character both halves, escaped
    text.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [("rtt", "rtt"), ("a\0b\n", "a\\u0000b\\n"), ("x" * 80, "x" * 80), ("x" * 81, "x" * 80 + "...")],
)
def test_a_name_is_shown_as_it_is_and_cut(text: str, shown: str) -> None:
    assert echoes.name(text) == shown


def test_of_many_names_the_first_are_shown() -> None:
    assert echoes.names(["b", "a"]) == '"a", "b"'
    assert echoes.names(map(str, range(10, 22))).endswith('"18", "19" and 2 more')
    assert len(echoes.names(["x" * 1000])) == 85


@given(st.text())
def test_lines_of_a_text_stay_lines(text: str) -> None:
    shown = echoes.visible(text)

    assert shown.count("\n") == text.count("\n")
    assert shown.replace("\n", "").isprintable()

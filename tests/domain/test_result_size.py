"""How large results may be: rows, and the promise that a run with them can be answered."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.api.http.negotiation import LARGEST_ANSWER
from chalicelib.domain.result_size import (
    DIAGS,
    LARGEST_RESULT,
    LARGEST_TEXT,
    bounded,
    cut,
    shortened,
    travelling,
)


@pytest.mark.parametrize("character", ["a", '"', "\\", "\x00", "ü", "𝄞"])
def test_a_text_is_cut_to_what_can_travel(character: str) -> None:
    text = cut(character * 2_000_000)

    assert 0.9 * LARGEST_TEXT < travelling(text) <= LARGEST_TEXT
    assert cut(text) == text


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(10, 400))
def test_what_is_cut_is_the_beginning(text: str, most: int) -> None:
    kept = cut(text, most)

    assert text.startswith(kept)
    assert travelling(kept) <= most


@pytest.mark.parametrize(
    "result",
    [
        {"succeeded": True, "diags": "x" * 8_000_000, "result": {"succeeded": True}},
        {"succeeded": True, "result": {"succeeded": True, "diags": '"\n\x00' * 2_000_000}},
        {"succeeded": True, "diags": "\x00" * DIAGS},
        {"succeeded": True, "intervals": [{"start": second} for second in range(100)]},
        None,
        "text",
        [1, 2],
    ],
    ids=range(7),
)
def test_a_result_that_can_be_kept_says_what_it_said(result: Any) -> None:
    kept = bounded(result)

    assert without_diags(kept) == without_diags(result)
    assert travelling(kept) <= LARGEST_RESULT


def without_diags(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: without_diags(item) for name, item in value.items() if name != "diags"}


@pytest.mark.parametrize(
    "result", [{"succeeded": True, "data": ["x"] * 400_000}, ["x" * LARGEST_RESULT], "x" * LARGEST_RESULT]
)
def test_one_that_is_too_large_is_a_failure_that_says_so(result: Any) -> None:
    kept = bounded(result)

    assert kept["succeeded"] is False
    assert kept["result"] is None
    assert kept["diags"] == ""
    assert f"a run can have at most {LARGEST_RESULT}" in kept["error"]


def test_a_run_of_two_participants_with_the_largest_results_can_be_answered() -> None:
    largest = bounded({"succeeded": True, "diags": "", "content": cut("ü" * 2_000_000)})
    run = {
        "result": largest,
        "result-full": [largest, largest],
        "result-merged": largest,
        "more": "x" * 200_000,
    }

    assert len(json.dumps(json.dumps(run))) < LARGEST_ANSWER


def test_diagnostics_keep_their_beginning_and_their_end() -> None:
    kept = shortened("ping -c 3\n" + "x" * 1_000_000 + "\nno route")

    assert kept.startswith("ping -c 3\n")
    assert kept.endswith("\nno route")
    assert f"\n... {1_000_019 - DIAGS} characters are left out here ...\n" in kept
    assert len(kept) < 1.01 * DIAGS


def test_diagnostics_of_few_characters_that_travel_as_many_are_shortened_too() -> None:
    kept = shortened("\x00" * DIAGS)

    assert "are left out here" in kept
    assert travelling(kept) < 2.1 * DIAGS
    assert shortened("x" * DIAGS) == "x" * DIAGS

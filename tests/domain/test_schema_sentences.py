"""What is said of a document that has not its form: it quotes what is wrong, and is bounded."""

from typing import Any

import pytest

from chalicelib.domain.schemas import LONGEST_SENTENCE, Checker

COUNT = Checker({"type": "object", "properties": {"count": {"type": "integer"}}, "maxProperties": 2})


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"count": "x"}, "/count: 'x' is not of type 'integer'"),
        ({"count": 1, "b": 2, "c": 3}, "{'count': 1, 'b': 2, 'c': 3} has too many properties"),
    ],
)
def test_a_sentence_quotes_what_is_wrong(document: Any, sentence: str) -> None:
    assert (COUNT.problem(document) or "").endswith(sentence)


@pytest.mark.parametrize(
    "document", [{"count": "x" * 1_000_000}, {f"member-{number}": number for number in range(100_000)}]
)
def test_a_sentence_is_short_whatever_it_is_about(document: Any) -> None:
    said = COUNT.problem(document) or ""

    assert len(said) < LONGEST_SENTENCE
    assert said.endswith(("is not of type 'integer'", "has too many properties"))

"""How hints are told in diagnostics."""

import pytest

from chalicelib.domain.limits import hints
from chalicelib.domain.schemas import JSON


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("192.0.2.1", "  a: 192.0.2.1"),
        (["read", "measure"], "  a: read, measure"),
        (("read",), "  a: read"),
        (None, "  a: None"),
        ("x" * 200, f"  a: {'x' * 200}"),
        ("x" * 201, f"  a: {'x' * 200}..."),
    ],
)
def test_a_hint_is_a_line_that_is_not_too_long(value: JSON, line: str) -> None:
    assert hints.lines({"a": value}) == ["Hints:", line]


def test_hints_are_told_in_the_order_of_their_names() -> None:
    assert hints.lines({"b": 1, "a": 2}) == ["Hints:", "  a: 2", "  b: 1"]

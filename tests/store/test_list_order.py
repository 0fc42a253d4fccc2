"""Going on behind a place, whether it is still there or not."""

import pytest

from chalicelib.store import list_order

LISTED = [("1", "b"), ("1", "a"), ("2", "c"), ("2", "a"), ("3", "a")]
"""As an index gives them: by instant, and in no order within one."""


@pytest.mark.parametrize(
    ("after", "behind"),
    [
        (None, [("1", "a"), ("1", "b"), ("2", "a"), ("2", "c"), ("3", "a")]),
        (("1", "a"), [("1", "b"), ("2", "a"), ("2", "c"), ("3", "a")]),
        (("2", "b"), [("2", "c"), ("3", "a")]),  # a place that nothing has
        (("2", ""), [("2", "a"), ("2", "c"), ("3", "a")]),
        (("3", "a"), []),
    ],
)
def test_what_is_behind_a_place_is_told_apart_by_identifier(
    after: tuple[str, str] | None, behind: list[tuple[str, str]]
) -> None:
    found = list_order.behind(({"place": each} for each in LISTED), lambda item: item["place"], after)

    assert [item["place"] for item in found] == behind

from typing import Any

import pytest

from chalicelib.domain.errors import Unprocessable
from chalicelib.domain.tool_choice import Offer, choose

HERE, THERE = ("here",), ("here", "there")


def test_the_first_willing_tool_is_chosen() -> None:
    assert choose(HERE, [[Offer("a", ("busy",)), Offer("b"), Offer("c")]], {}) == "b"


def test_a_wanted_tool_comes_before_a_preferred_one() -> None:
    assert choose(HERE, [[Offer("a"), Offer("b")]], {"tools": ["nope", "b", "a"]}) == "b"


def test_participants_agree_on_the_lowest_sum_of_places() -> None:
    offers = [[Offer("a"), Offer("b"), Offer("c")], [Offer("c"), Offer("b"), Offer("a")]]

    assert choose(THERE, offers, {}) == "a"
    assert choose(THERE, [offers[0], [Offer("b"), Offer("a")]], {}) == "a"
    assert choose(THERE, [offers[0], [Offer("c"), Offer("b")]], {}) == "b"


def test_having_nothing_in_common_is_reported_with_reasons() -> None:
    offers = [[Offer("a", ("too far",)), Offer("b")], [Offer("a")]]

    with pytest.raises(Unprocessable) as refused:
        choose(THERE, offers, {})

    assert "here offers b" in refused.value.message
    assert "a declines: too far" in refused.value.message
    assert "there offers a" in refused.value.message


def test_wanting_no_tool_at_all_finds_none() -> None:
    with pytest.raises(Unprocessable):
        choose(HERE, [[Offer("a")]], {"tools": []})


@pytest.mark.parametrize(
    ("document", "chosen"),
    [
        ({}, "a"),
        ({"tools": ["b", "a"]}, "b"),
        ({"tool": "b"}, "b"),  # where a task says what it is performed with
        ({"tool": "b", "tools": ["a"]}, "a"),
        ({"tool": "unwilling"}, "a"),
        ({"tool": "unknown"}, "a"),
    ],
)
def test_a_tool_is_asked_for_in_tools_or_wished_for_in_tool(document: dict[str, Any], chosen: str) -> None:
    assert choose(HERE, [[Offer("a"), Offer("unwilling", ("busy",)), Offer("b")]], document) == chosen


@pytest.mark.parametrize(
    ("document", "asked"),
    [
        ({}, []),
        ({"tools": []}, ["Tools asked for: none"]),
        ({"tools": ["x", "y"]}, ["Tools asked for: x, y"]),
    ],
)
def test_the_report_says_what_was_asked_for_and_what_each_offers(
    document: dict[str, Any], asked: list[str]
) -> None:
    offers = [[Offer("a", ("too far", "too old")), Offer("b")], [Offer("c", ("busy",))]]

    with pytest.raises(Unprocessable) as refused:
        choose(THERE, offers, document)

    assert refused.value.message.splitlines() == [
        "No tool in common among the participants can perform this test.",
        *asked,
        "here offers b",
        "  a declines: too far; too old",
        "there offers nothing",
        "  c declines: busy",
    ]


def test_the_report_shows_no_more_than_somebody_would_read() -> None:
    mine = [Offer("a" * 100), *(Offer(f"b{number}", ("busy",)) for number in range(50))]
    theirs = [Offer(f"c{number}") for number in range(1000)]

    with pytest.raises(Unprocessable) as refused:
        choose(THERE, [mine, theirs], {})

    lines = refused.value.message.splitlines()
    assert lines[1] == f"here offers {'a' * 80}..."
    assert lines[2:42] == [f"  b{number} declines: busy" for number in range(40)]
    assert lines[42] == "  and 10 more"
    assert lines[43].endswith("c38, c39, and 960 more")

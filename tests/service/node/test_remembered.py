"""What a process remembers of what it looked up: for how long, and how much."""

import itertools

import pytest

from chalicelib.service.node.remembered import Remembered


def make(most: int = 3) -> tuple[list[float], Remembered[str, int]]:
    """Something that remembers for ten seconds, and its clock."""
    clock = [1000.0]
    return clock, Remembered(10.0, most, lambda: clock[0])


def test_a_value_is_looked_up_again_after_its_time() -> None:
    clock, known = make()
    numbers = itertools.count()

    found = []
    for later in (0, 9.9, 10, 19.9, 20):
        clock[0] = 1000 + later
        found.append(known.get("a", lambda: next(numbers)))

    assert found == [0, 0, 1, 1, 2]


def test_those_used_last_are_remembered() -> None:
    _, known = make(most=2)
    known.put("a", 1)
    known.put("b", 2)
    known.get("a", lambda: 0)

    known.put("c", 3)

    assert [known.get(key, lambda: 0) for key in "ac"] == [1, 3]
    assert known.get("b", lambda: 0) == 0


def test_what_is_put_anew_is_used_last() -> None:
    _, known = make(most=2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        known.put(key, value)

    assert [known.get(key, lambda: 0) for key in "ac"] == [3, 4]


def test_what_was_put_is_good_for_its_time_too() -> None:
    clock, known = make()
    known.put("a", 1)

    clock[0] += 9.9
    assert known.get("a", lambda: 0) == 1
    clock[0] += 0.1
    assert known.get("a", lambda: 0) == 0


def test_a_trouble_is_not_remembered() -> None:
    _, known = make()

    with pytest.raises(ZeroDivisionError):
        known.get("a", lambda: 1 // 0)

    assert known.get("a", lambda: 5) == 5


def test_nothing_is_known_after_it_was_cleared() -> None:
    _, known = make()
    known.put("a", 1)

    known.clear()

    assert known.get("a", lambda: 0) == 0

"""What a process knows of buckets: for as long as their guards say so, and no more than there is room for."""

import time

import pytest

from chalicelib.store import timeline_memory
from chalicelib.store.timeline_memory import TRUSTED, Memory
from tests.builders import occupation

ONE, TWO, THREE = occupation(0, 10), occupation(20, 30, exclusive=False), occupation(40, 50)


@pytest.fixture
def memory() -> Memory:
    known = Memory()
    known.keep("a", (1, 0), [ONE])
    known.keep("b", (0, 1), [TWO])
    return known


@pytest.mark.parametrize(
    ("guards", "found"),
    [
        ({}, []),
        ({"a": (1, 0)}, [ONE]),
        ({"a": (1, 0), "b": (0, 1)}, [ONE, TWO]),
        ({"a": (2, 0)}, None),
        ({"a": (1, 0), "b": (1, 1)}, None),
        ({"c": (0, 0)}, None),
    ],
)
def test_buckets_are_recalled_whose_guards_are_as_they_were(
    memory: Memory, guards: dict[str, tuple[int, int]], found: object
) -> None:
    assert memory.recall(guards) == found


def test_a_bucket_is_trusted_for_a_minute(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    until = memory.known["a"].until
    assert time.monotonic() < until <= time.monotonic() + TRUSTED

    monkeypatch.setattr(time, "monotonic", lambda: until)
    assert memory.recall({"a": (1, 0)}) == [ONE]
    monkeypatch.setattr(time, "monotonic", lambda: until + 0.001)
    assert memory.recall({"a": (1, 0)}) is None


def test_what_is_booked_moves_what_is_known_of_its_guard(memory: Memory) -> None:
    memory.add("a", (1, 0), [TWO, THREE, TWO])
    memory.add("b", (5, 5), [THREE])  # read when it was another
    memory.add("c", (0, 0), [THREE])

    assert memory.recall({"a": (2, 2)}) == [ONE, TWO, THREE, TWO]
    assert memory.recall({"b": (0, 1)}) == [TWO]
    assert memory.recall({"c": (1, 0)}) is None


def test_with_more_than_there_is_room_for_all_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_memory, "MOST", 4)
    memory = Memory()
    memory.keep("a", (1, 0), [ONE])
    for _ in range(9):
        memory.keep("a", (1, 0), [ONE])  # in the place of what was there
    memory.keep("b", (1, 0), [TWO])
    assert memory.known.keys() == {"a", "b"}

    memory.keep("c", (0, 0), [])
    assert memory.known == {}

    memory.keep("d", (3, 0), [ONE, TWO, THREE])
    assert memory.known.keys() == {"d"}
    memory.forget()
    assert memory.known == {}
    memory.keep("d", (3, 0), [ONE, TWO, THREE])
    assert memory.known.keys() == {"d"}

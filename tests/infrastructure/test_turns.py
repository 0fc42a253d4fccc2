"""Turns by name: two who want the same go one after the other, and nobody waits for ever."""

import threading
import time
from collections.abc import Callable

from chalicelib.infrastructure.turns import Turns


def started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_who_wants_the_same_waits_until_the_turn_is_over() -> None:
    turns, done, has_begun = Turns(patience=30), [], threading.Event()

    def other() -> None:
        has_begun.set()
        with turns.of({"b", "c"}):
            done.append("other")

    with turns.of({"a", "b"}):
        waiting = started(other)
        has_begun.wait(10)
        time.sleep(0.05)
        done.append("first")
    waiting.join(10)

    assert done == ["first", "other"]


def test_whoever_has_waited_hears_of_it() -> None:
    turns, heard, has_begun = Turns(patience=30), [], threading.Event()

    def other() -> None:
        has_begun.set()
        with turns.of({"a"}) as was_taken:
            heard.append(was_taken)

    with turns.of({"a"}) as was_taken:
        heard.append(was_taken)
        waiting = started(other)
        has_begun.wait(10)
        time.sleep(0.05)
    waiting.join(10)

    assert heard == [False, True]


def test_who_wants_something_else_waits_for_nobody() -> None:
    turns = Turns(patience=30)

    with turns.of({"a"}), turns.of({"b"}), turns.of(set()):
        pass  # the same thread: it would wait for itself


def test_whoever_has_waited_long_enough_goes_ahead_and_takes_nobody_s_turn_away() -> None:
    turns = Turns(patience=0.01)

    with turns.of({"a"}):
        with turns.of({"a"}):
            pass
        assert turns._taken == {"a"}
    assert turns._taken == set()


def test_a_turn_is_over_when_its_work_fails() -> None:
    turns = Turns(patience=30)

    try:
        with turns.of({"a"}):
            raise ValueError
    except ValueError:
        pass

    with turns.of({"a"}):
        pass

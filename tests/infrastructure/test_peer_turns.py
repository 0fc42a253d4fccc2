import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.infrastructure import peer_turns
from chalicelib.infrastructure.peer_turns import AT_A_TIME, PeerTurns, Silent


def test_a_host_that_hangs_holds_up_so_many_and_the_others_hear_of_it_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peer_turns, "SILENCE", 0.2)
    turns, go = PeerTurns(), threading.Event()
    inside = threading.Semaphore(0)

    def ask() -> bool:
        try:
            with turns.turn("sick", 60):
                inside.release()
                go.wait(60)
        except Silent:
            return False
        return True

    with ThreadPoolExecutor(120) as pool:
        first = [pool.submit(ask) for _ in range(AT_A_TIME)]
        for _ in first:
            assert inside.acquire(timeout=30)
        rest = [pool.submit(ask) for _ in range(60)]
        assert [each.result(30) for each in rest] == [False] * 60
        with turns.turn("well", 1):
            pass
        go.set()
        assert all(each.result(30) for each in first)

    assert turns._hosts == {}


def test_a_host_that_answers_is_asked_in_turn() -> None:
    turns, most, guard, under_way = PeerTurns(), [], threading.Lock(), [0]

    def ask(_: int) -> None:
        with turns.turn("well", 60):
            with guard:
                under_way[0] += 1
                most.append(under_way[0])
            time.sleep(0.001)
            with guard:
                under_way[0] -= 1

    with ThreadPoolExecutor(100) as pool:
        list(pool.map(ask, range(300)))

    assert len(most) == 300
    assert max(most) <= AT_A_TIME


def test_a_turn_is_waited_for_no_longer_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_turns, "AT_A_TIME", 1)
    turns = PeerTurns()

    with turns.turn("sick", 1), pytest.raises(Silent), turns.turn("sick", 0.05):
        pass

"""How often an agent may ask."""

from collections.abc import Iterator

import pytest

from chalicelib.domain.errors import TooMany
from chalicelib.domain.names import NodeName
from chalicelib.service.agents import rates

AMS, BER = NodeName("ams.example.org"), NodeName("ber.example.org")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    rates.forget()
    yield
    rates.forget()


def passed(node: NodeName, times: int, now: float) -> int:
    """How many of so many requests at an instant are let through."""
    count = 0
    for _ in range(times):
        try:
            rates.require(node, lambda: now)
            count += 1
        except TooMany:
            pass
    return count


def test_so_many_at_once_and_so_many_a_second_after_that() -> None:
    assert passed(AMS, 600, 0) == 500
    assert passed(AMS, 600, 1) == 50
    assert passed(AMS, 600, 3) == 100
    assert passed(AMS, 600, 1000) == 500


def test_one_agent_is_not_held_up_by_another() -> None:
    passed(AMS, 600, 0)

    assert passed(BER, 10, 0) == 10


def test_no_more_agents_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_KNOWN", 3)

    for number in range(10):
        passed(NodeName(str(number)), 1, 0)

    assert len(rates._left) == 3

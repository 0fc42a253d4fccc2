"""The bells of agents: counted, so that no ring is lost."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.store import agent_bells, changes
from chalicelib.store.agent_bells import Bell
from tests.builders import NOON, at

AMS, BER = NodeName("ams.example.org"), NodeName("ber.example.org")

pytestmark = pytest.mark.usefixtures("empty_aws")


def test_a_bell_counts_its_rings_and_those_for_what_was_cancelled() -> None:
    agent_bells.ring(AMS, NOON)
    agent_bells.ring(AMS, at(5), cancels=True)

    assert agent_bells.read(AMS) == Bell(2, 1, at(5))
    assert agent_bells.read(BER) == Bell()


def test_no_ring_is_lost_on_another() -> None:
    with ThreadPoolExecutor(8) as side_by_side:
        list(side_by_side.map(lambda _: agent_bells.ring(AMS, NOON), range(40)))

    assert agent_bells.read(AMS).number == 40


def test_who_listens_in_this_process_is_woken() -> None:
    heard: list[str] = []
    changes.listen(heard.append)

    agent_bells.ring(AMS, NOON)

    changes.forget(heard.append)
    assert agent_bells.word(AMS) in heard

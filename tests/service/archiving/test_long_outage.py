"""Sinks that are down for six hours, and a node that is killed between any two steps: nothing is lost."""

import random

import pytest

from chalicelib.domain.delivery import Delivery
from chalicelib.domain.delivery_states import DeliveryState
from chalicelib.domain.run import Run
from chalicelib.store import delivery_table
from plugins.sdk.jobs import Outcome
from tests.builders import NODE
from tests.service.archiving.mortal_node import Node, over, record

SINKS, RUNS = 10, 5
BACK = 6 * 3600
"""Seconds after which the sinks answer again."""
OVER = 9 * 3600
ARCHIVES = [
    {"archiver": "http", "data": {"_url": f"http://sink{number}.example/"}, "ttl": "P1D"}
    for number in range(SINKS)
]


def deliveries(runs: list[Run]) -> list[Delivery]:
    """All that are stored."""
    return [each for run in runs for each in delivery_table.of_run(NODE, run.uuid)]


@pytest.mark.parametrize("seed", range(3))
def test_sinks_that_come_back_get_everything_whatever_was_killed(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, node = random.Random(seed), Node()
    node.sinks = lambda parcel: Outcome(False, "down") if node.now < BACK else Outcome(True)
    node.install(monkeypatch)

    runs: list[Run] = []
    for _ in range(RUNS):
        node.dies = lambda step: False
        one, run = over(ARCHIVES)
        node.dies = lambda step: chance.random() < 0.2
        record(node, one, run)
        runs.append(run)
    # An attempt that would be given up were it killed once more is not: that it is, is another rule.
    node.dies = lambda step: chance.random() < 0.01 and not any(each.is_hopeless for each in deliveries(runs))
    node.run_until(OVER)

    stored = deliveries(runs)
    assert node.kills > 50
    assert len(stored) >= SINKS  # what was killed before its result was stored has none, and says so
    assert {each.state for each in stored} == {DeliveryState.ARCHIVED}
    assert node.received.keys() == {each.id for each in stored}
    assert sum(node.received.values()) <= 1.2 * len(stored)  # again only where the answer was not noted

"""A node that is killed before and after every single step of archiving: nothing is lost, and nothing is sent
twice but what a sink had and nobody noted."""

import itertools
from collections.abc import Iterator

import pytest

from chalicelib.domain.delivery_states import DeliveryState
from chalicelib.store import delivery_table, run_table
from plugins.sdk.jobs import Outcome, Parcel
from tests.builders import NODE
from tests.service.archiving.mortal_node import Node, over, record

ARCHIVES = [
    {"archiver": "http", "data": {"_url": f"http://{name}.example/"}, "ttl": "PT6H"}
    for name in ("ready", "late", "also-ready")
]
OVER, PACE = 3 * 3600, 300


def late(parcel: Parcel) -> Outcome:
    """One of the sinks takes nothing at its first two attempts."""
    is_down = "late" in parcel.data["_url"] and parcel.attempts < 2
    return Outcome(False, "down") if is_down else Outcome(True)


def lived(monkeypatch: pytest.MonkeyPatch, *deaths: int) -> tuple[Node, list[str], bool]:
    """A node whose process ends at these steps, counted from the result on; all steps it took, and whether
    the result was stored."""
    node, steps = Node(sinks=late), []
    numbers: Iterator[int] = itertools.count()

    def dies(step: str) -> bool:
        steps.append(step)
        return next(numbers) in deaths

    node.install(monkeypatch)
    one, run = over(ARCHIVES)
    node.dies = dies
    record(node, one, run)
    node.run_until(OVER, PACE)
    node.dies = lambda step: False
    stored = delivery_table.of_run(NODE, run.uuid)
    is_stored = run_table.get(NODE, one.uuid, run.uuid).documents.result_merged is not None
    assert len(stored) == (len(ARCHIVES) if is_stored else 0), "the result and its deliveries are one step"
    assert {each.state for each in stored} == ({DeliveryState.ARCHIVED} if is_stored else set())
    assert node.received.keys() == {each.id for each in stored}
    return node, steps, is_stored


def unanswered(steps: list[str], deaths: tuple[int, ...]) -> int:
    """How many of the deaths came when a sink had something and that it had was not noted yet."""
    return sum(
        steps[death] == "after a sink" or steps[death - 1 : death + 1] == ["after a sink", "before PutItem"]
        for death in deaths
        if death < len(steps)
    )


def steps_of_a_life(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many steps there are until the last sink has its result and that is noted."""
    _, steps, _ = lived(monkeypatch)
    return len(steps) - steps[::-1].index("after a sink") + 2


def test_a_node_that_lives_takes_each_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    node, steps, is_stored = lived(monkeypatch)

    assert is_stored
    assert set(node.received.values()) == {1}
    assert {"before a sink", "after a sink", "before a message", "after a message"} <= set(steps)
    assert {"before TransactWriteItems", "before PutItem"} <= set(steps)


def test_killed_at_any_one_step_it_loses_nothing_and_sends_twice_only_what_was_not_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept, count = 0, steps_of_a_life(monkeypatch)
    for death in range(count):
        node, steps, is_stored = lived(monkeypatch, death)

        assert node.kills == 1
        assert sum(node.received.values()) - len(node.received) <= unanswered(steps, (death,)), steps[death]
        kept += is_stored
    assert kept >= count - 1, "only before its result is stored has a run none"


def test_killed_twice_it_loses_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    count = steps_of_a_life(monkeypatch)
    for first in range(0, count, 3):
        for second in range(first + 1, count, 4):
            node, steps, _ = lived(monkeypatch, first, second)

            more = sum(node.received.values()) - len(node.received)
            assert more <= unanswered(steps, (first, second)), (first, second)

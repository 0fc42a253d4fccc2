"""What a node knows of itself, and who does what now."""

import pytest

from chalicelib.domain.errors import Conflict
from chalicelib.domain.names import NodeName
from chalicelib.store import node_table
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.node_models import NodeItem
from tests.builders import NODE, NOON, at

pytestmark = pytest.mark.usefixtures("empty_aws")

OTHER = NodeName("other")


def test_a_value_is_read_under_its_name_and_its_node() -> None:
    node_table.write(NODE, "one", {"a": 1})
    node_table.write(NODE, "two", 2)
    node_table.write(OTHER, "one", "theirs")

    assert node_table.read(NODE, "one") == node_table.glance(NODE, "one") == {"a": 1}
    assert node_table.read(OTHER, "two") is node_table.glance(OTHER, "two") is None
    assert node_table.read_many(NODE, ("one", "two", "three")) == {"one": {"a": 1}, "two": 2}
    places = [(OTHER, "one"), (NODE, "two"), (OTHER, "one"), (OTHER, "two")]
    assert node_table.read_all(places) == {(OTHER, "one"): "theirs", (NODE, "two"): 2}
    node_table.remove(NODE, "one")
    assert node_table.read(NODE, "one") is None


def test_a_value_is_moved_from_what_was_read_alone() -> None:
    node_table.move(NODE, "one", None, "a", at(60))
    assert NodeItem.get(key(NODE, "one")).expires == at(60).timestamp()
    node_table.move(NODE, "one", "a", "b")
    assert NodeItem.get(key(NODE, "one")).expires is None

    for stale in (None, "a"):
        with pytest.raises(Conflict, match="one was changed meanwhile"):
            node_table.move(NODE, "one", stale, "c")
    assert node_table.read(NODE, "one") == "b"


def test_a_name_is_had_by_one_until_its_end() -> None:
    assert node_table.acquire(NODE, "work", NOON, at(60))

    assert not node_table.acquire(NODE, "work", at(59), at(200))
    assert node_table.acquire(OTHER, "work", at(59), at(200))
    assert node_table.acquire(NODE, "work", at(60), at(90))
    assert node_table.read(NODE, "work") == {"until": int(at(90).timestamp())}


def test_a_name_that_a_clock_took_that_was_ahead_is_free() -> None:
    assert node_table.acquire(NODE, "work", at(9000), at(9060))

    assert not node_table.acquire(NODE, "work", at(9060) - node_table.LONGEST_LEASE, at(9000))
    assert node_table.acquire(NODE, "work", at(9059) - node_table.LONGEST_LEASE, at(9000))


def test_a_name_is_given_back_when_the_work_is_done() -> None:
    with node_table.lease(NODE, "work", NOON, at(60)) as mine:
        assert mine
        with node_table.lease(NODE, "work", NOON, at(90)) as theirs:
            assert not theirs
        assert not node_table.acquire(NODE, "work", NOON, at(90))

    assert node_table.acquire(NODE, "work", NOON, at(90))


def test_who_had_a_name_before_does_not_take_it_from_who_has_it_now() -> None:
    with node_table.lease(NODE, "work", NOON, at(60)):
        assert node_table.acquire(NODE, "work", at(60), at(120))

    assert not node_table.acquire(NODE, "work", at(119), at(200))


def test_a_number_is_raised_over_one_that_was_raised_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    assert node_table.raise_to(NODE, "most", 3) == 3
    monkeypatch.setattr(NodeItem, "get", lambda *_, **__: NodeItem("read before", value=1, counted=1))

    assert node_table.raise_to(NODE, "most", 2) == 2  # what it knows; what is stored stays

    monkeypatch.undo()
    assert node_table.raise_to(NODE, "most", 1) == 3

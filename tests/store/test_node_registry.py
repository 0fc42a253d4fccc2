"""Registered nodes in the store."""

import pytest

from chalicelib.domain import served_nodes
from chalicelib.domain.errors import Conflict, NotFound, Overtaken, TooLarge
from chalicelib.domain.names import NodeName
from chalicelib.domain.served_nodes import Join, ServedNode
from chalicelib.store import node_registry
from tests.builders import NOON, at

pytestmark = pytest.mark.usefixtures("empty_aws")


def new(hostname: str = "ams.example.org") -> ServedNode:
    return served_nodes.new(hostname, "agent", NOON)


def test_a_node_is_read_as_it_was_written() -> None:
    whole = new().evolve(
        suspended=True,
        join=Join("j", at(60)),
        secrets=("s", "t"),
        agent={"version": "1", "protocol": 1, "instance": "i"},
        joined_with="u",
    )

    node_registry.add(whole)

    assert node_registry.get(whole.node) == whole
    assert node_registry.page(10) == [whole]


def test_there_is_one_node_of_a_name() -> None:
    node_registry.add(new())

    with pytest.raises(Conflict, match=r"There is a node ams.example.org already"):
        node_registry.add(new())


def test_of_two_changes_of_what_was_read_one_is_made() -> None:
    read = node_registry.add(new())

    node_registry.change(read.evolve(suspended=True))

    with pytest.raises(Overtaken, match=r"The node ams.example.org changed meanwhile"):
        node_registry.change(read.evolve(tools_at="here"))
    assert node_registry.get(read.node) == read.evolve(suspended=True, revision=1)


def test_those_that_were_removed_are_listed_apart() -> None:
    one, other = (node_registry.add(new(name)) for name in ("a.example", "b.example"))

    gone = node_registry.change(one.evolve(removed=NOON))

    assert (node_registry.removed(10), node_registry.page(10)) == ([gone], [other])
    node_registry.change(other.evolve(removed=NOON))
    assert node_registry.removed(1) == [gone]


def test_nodes_are_listed_in_pages_by_name() -> None:
    for name in ("c.example", "a.example", "b.example"):
        node_registry.add(new(name))

    first = node_registry.page(2)
    second = node_registry.page(2, first[-1].node)

    assert [one.node for one in (*first, *second)] == ["a.example", "b.example", "c.example"]


def test_a_registry_that_was_used_once_is_looked_into() -> None:
    assert node_registry.is_unused()

    node = node_registry.add(new()).node
    assert not node_registry.is_unused()

    node_registry.forget(node)
    assert not node_registry.is_unused()


def test_a_contact_changes_nothing_of_the_node() -> None:
    node = node_registry.add(new()).node

    node_registry.note_contact(node, {"at": "noon"})
    node_registry.note_contact(node, {"at": "later"})

    assert node_registry.contact(node) == {"at": "later"}
    assert node_registry.contacts([node, NodeName("other")]) == {node: {"at": "later"}}
    assert node_registry.get(node).revision == 0


def test_facts_are_kept_up_to_their_size() -> None:
    node = node_registry.add(new()).node
    assert node_registry.facts(node) is None

    node_registry.write_facts(node, {"programs": {"ping": "1"}})

    assert node_registry.facts(node) == {"programs": {"ping": "1"}}
    assert node_registry.tools([node, NodeName("other")]) == {node: {}}
    node_registry.write_facts(node, {"tools": {"ping": []}})
    assert node_registry.tools([node]) == {node: {"ping": []}}
    largest = {"x": "y" * (node_registry.LARGEST_FACTS - len('{"x":""}'))}
    node_registry.write_facts(node, largest)
    with pytest.raises(TooLarge, match=r"^/facts: must have 65536 bytes at most$"):
        node_registry.write_facts(node, {"x": f"{largest['x']}y"})
    assert node_registry.facts(node) == largest


def test_of_two_who_ask_an_agent_at_a_time_one_does() -> None:
    node = node_registry.add(new()).node
    assert node_registry.questions(node) == ([], 0)

    node_registry.write_questions(node, [{"id": "a"}], 0)
    assert node_registry.questions(node) == ([{"id": "a"}], 1)
    node_registry.write_questions(node, [], 1)

    for stale in (0, 1):
        with pytest.raises(Overtaken, match="Somebody else asked meanwhile"):
            node_registry.write_questions(node, [{"id": "b"}], stale)
    assert node_registry.questions(node) == ([], 2)


def test_what_is_forgotten_leaves_nothing() -> None:
    node = node_registry.add(new()).node
    node_registry.note_contact(node, {})
    node_registry.write_facts(node, {})

    node_registry.forget(node)

    assert node_registry.find(node) is node_registry.contact(node) is node_registry.facts(node) is None
    assert node_registry.tools([node]) == {}
    with pytest.raises(NotFound, match=r"There is no node ams.example.org"):
        node_registry.get(node)
    with pytest.raises(NotFound, match=r"There is no node ams.example.org"):
        node_registry.forget(node)

"""What is shown of nodes, and of their agents as much as they said."""

from typing import Any

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.domain.served_nodes import ServedNode
from chalicelib.service.node import agent_facts, node_status
from chalicelib.store import node_registry
from tests.builders import NOON

pytestmark = pytest.mark.usefixtures("empty_aws")
AMS, BRU = NodeName("ams.example"), NodeName("bru.example")
HERE = ServedNode(BRU, "bru.example:8443", "https://bru.example/p", suspended=True)
THERE = ServedNode(
    AMS,
    "ams.example",
    "https://ams.example/p",
    "agent",
    added=NOON,
    secrets=("digest",),
    agent={"version": "0.2", "protocol": 1},
)
UNHEARD: dict[str, Any] = {
    "version": "0.2",
    "protocol": 1,
    "outdated": False,
    "last-contact": None,
    "clock": None,
    "tools": None,
    "runs-held": 0,
    "results-waiting": 0,
}


def test_a_node_is_shown_as_it_is_and_its_agent_where_it_has_one() -> None:
    assert node_status.describe([HERE, THERE]) == [
        {
            "node": BRU,
            "hostname": "bru.example:8443",
            "url": "https://bru.example/p",
            "tools-at": "here",
            "suspended": True,
            "added": None,
            "joined": False,
            "agent": None,
        },
        {
            "node": AMS,
            "hostname": "ams.example",
            "url": "https://ams.example/p",
            "tools-at": "agent",
            "suspended": False,
            "added": "2026-11-23T12:00:00+00:00",
            "joined": True,
            "agent": UNHEARD,
        },
    ]


def test_of_an_agent_is_shown_what_it_said_last() -> None:
    clock = {"synchronized": True}
    said = {"at": "2026-11-23T12:00:00+00:00", "version": "0.3", "clock": clock, "held": 2, "waiting": 5}
    node_registry.note_contact(AMS, said)
    facts = {"schema": 1, "tools": {"b": {"version": "1", "unmet": []}, "a": {"version": "1", "unmet": []}}}
    facts["tools"]["c"] = {"version": "1", "unmet": ["No"]}  # type: ignore[index]
    agent_facts.take(AMS, facts)

    assert node_status.agent_of(THERE) == {
        "version": "0.3",
        "protocol": 1,
        "outdated": False,
        "last-contact": said["at"],
        "clock": clock,
        "tools": ["a", "b"],  # those it can use, by name
        "runs-held": 2,
        "results-waiting": 5,
    }
    assert node_status.whole(THERE) == {**node_status.describe([THERE])[0], "facts": facts}
    assert node_status.whole(HERE) == {**node_status.describe([HERE])[0], "facts": None}


@pytest.mark.parametrize(
    ("agent", "outdated"),
    [(None, False), ({"version": "0.1"}, False), ({"protocol": 1}, False), ({"protocol": -1}, True)],
)
def test_an_agent_is_outdated_whose_protocol_is_spoken_no_more(agent: Any, outdated: bool) -> None:
    assert node_status.agent_of(THERE.evolve(agent=agent))["outdated"] is outdated

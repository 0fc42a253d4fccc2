"""What the hosts of agents can do, by what they told last."""

from typing import Any

import pytest

from chalicelib.domain import host_facts
from chalicelib.domain.errors import Invalid
from chalicelib.domain.names import NodeName
from chalicelib.host.facts import FactsHost
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.node import agent_facts, registration
from chalicelib.store import node_registry, node_table
from plugins.sdk.tool import Tool
from tests.builders import NODE, NOON, seconds
from tests.requests_sent import counted

AMS = NodeName("ams.example")
FACTS: dict[str, Any] = {
    "schema": 1,
    "tools": {
        "snooze": {"version": "1.0", "unmet": []},
        "sleep": {"version": "1.0", "unmet": ["There is no bed"]},
    },
    "settings": {"snooze": {"softly": "yes"}},
}


@pytest.fixture(autouse=True)
def _registered(empty_aws: None) -> None:
    registration.add(AMS, "agent", NOON)


def test_what_an_agent_says_of_its_host_is_kept_with_its_digest() -> None:
    assert agent_facts.of(AMS) is None

    agent_facts.take(AMS, FACTS)

    assert agent_facts.of(AMS) == node_registry.facts(AMS) == FACTS
    assert node_table.read(AMS, node_registry.DIGEST) == host_facts.digest(FACTS)


def test_what_is_known_is_not_read_again_at_once() -> None:
    agent_facts.take(AMS, FACTS)

    with counted() as sent:
        known = agent_facts.of(AMS)
    agent_facts.forget()
    with counted() as after:
        agent_facts.of(AMS)

    assert known == FACTS
    assert (sent, after) == ([], ["GetItem"])


def test_what_is_no_facts_is_not_kept() -> None:
    with pytest.raises(Invalid):
        agent_facts.take(AMS, {"schema": 1, "tools": []})

    assert agent_facts.of(AMS) is None


def test_tools_work_on_this_host_or_on_that_of_the_agent() -> None:
    agent_facts.take(AMS, FACTS)

    there = agent_facts.host(AMS)

    assert isinstance(agent_facts.host(NODE), Machine)
    assert isinstance(there, FactsHost)
    assert there.setting("snooze", "softly") == "yes"


def tool(name: str, **changes: Any) -> Tool:
    """A tool that lacks something here, and so says no of this host."""
    made: dict[str, Any] = {
        "name": name,
        "description": name,
        "tests": ("idle",),
        "duration": lambda test, spec: seconds(1),
        "run": lambda job: None,
        "needs": lambda: ["There is no chair here"],
    }
    return Tool(**{**made, **changes})


@pytest.mark.parametrize(
    ("facts", "name", "test", "why"),
    [
        (
            None,
            "snooze",
            "idle",
            ["The agent of ams.example has not joined yet: what it can do is not known"],
        ),
        (FACTS, "snooze", "idle", []),
        (FACTS, "sleep", "idle", ["There is no bed"]),
        (FACTS, "other", "idle", ["The agent of ams.example does not have this tool"]),
        (FACTS, "snooze", "rtt", ["Does not perform rtt tests"]),
        ({**FACTS, "tests": {"idle": "1"}}, "snooze", "idle", []),
        (
            {**FACTS, "tests": {"rtt": "1"}},
            "snooze",
            "idle",
            ["The agent of ams.example does not have the test idle"],
        ),
    ],
)
def test_a_tool_declines_for_what_the_agents_host_lacks(
    facts: Any, name: str, test: str, why: list[str]
) -> None:
    if facts is not None:
        agent_facts.take(AMS, facts)

    assert agent_facts.reasons_against(AMS, tool(name), test, {}) == why


def test_a_tool_declines_for_what_this_host_lacks_where_it_measures_here() -> None:
    assert agent_facts.reasons_against(NODE, tool("snooze"), "idle", {}) == ["There is no chair here"]

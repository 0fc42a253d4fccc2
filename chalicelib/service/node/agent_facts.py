"""What the hosts of nodes have and can do: this one, and those of agents, by what they told last."""

from chalicelib.domain import host_facts
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.host.facts import FactsHost
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.node import node_directory
from chalicelib.service.node.remembered import Remembered
from chalicelib.store import node_registry, node_table
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Host
from plugins.sdk.tool import Tool

FRESH = 10.0
"""Seconds for which what was read of an agent's host is good."""
MOST_REMEMBERED = 200

_known: Remembered[NodeName, JSON] = Remembered(FRESH, MOST_REMEMBERED)


def forget() -> None:
    """Look again on next use."""
    _known.clear()


def take(node: NodeName, facts: JSON) -> None:
    """Keep what an agent says of its host. Raises Invalid, TooLarge."""
    valid = host_facts.require_valid(facts)
    node_registry.write_facts(node, valid)
    node_table.write(node, node_registry.DIGEST, host_facts.digest(valid))
    _known.put(node, valid)


def of(node: NodeName) -> JSON:
    """The facts of an agent's host; None where it never told any."""
    return _known.get(node, lambda: node_registry.facts(node))


def host(node: NodeName) -> Host:
    """The host a node's tools work on, for what is done before a run."""
    return FactsHost(of(node) or {}) if node_directory.runs_at_agent(node) else Machine()


def reasons_against(node: NodeName, tool: Tool, test: str, spec: Spec) -> list[str]:
    """Why a tool will not perform a test for a node; an empty list when it will."""
    if not node_directory.runs_at_agent(node):
        return tool.reasons_against(test, spec)
    facts = of(node)
    if facts is None:
        return [
            f"The agent of {node_directory.hostname_of(node)} has not joined yet: what it can do is not known"
        ]
    known = facts["tools"].get(tool.name)
    if known is None:
        return [f"The agent of {node_directory.hostname_of(node)} does not have this tool"]
    if test not in facts.get("tests", {test: ""}):
        return [f"The agent of {node_directory.hostname_of(node)} does not have the test {test}"]
    return tool.reasons(test, spec, known["unmet"])

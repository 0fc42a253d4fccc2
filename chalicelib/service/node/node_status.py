"""What is shown of nodes and their agents: of these as much as they said when they were last heard of."""

from collections.abc import Mapping, Sequence

from chalicelib.domain.agent_protocol import SPOKEN
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.domain.served_nodes import ServedNode
from chalicelib.domain.times import format_timestamp
from chalicelib.service.node import agent_facts
from chalicelib.store import node_registry


def describe(nodes: Sequence[ServedNode]) -> list[dict[str, JSON]]:
    """What is shown of nodes; of those whose tools are at their agents, of these too."""
    agents = _agents(nodes)
    return [
        {
            "node": each.node,
            "hostname": each.hostname,
            "url": each.url,
            "tools-at": each.tools_at,
            "suspended": each.suspended,
            "added": format_timestamp(each.added) if each.added else None,
            "joined": bool(each.secrets),
            "agent": agents.get(each.node),
        }
        for each in nodes
    ]


def whole(node: ServedNode) -> dict[str, JSON]:
    """The same of one node, with all that its agent's host can do."""
    facts = agent_facts.of(node.node) if node.runs_at_agent else None
    return {**describe([node])[0], "facts": facts}


def agent_of(node: ServedNode) -> dict[str, JSON]:
    """What is shown of the agent of a node whose tools are there, joined or not."""
    return _agents([node])[node.node]


def _agents(nodes: Sequence[ServedNode]) -> dict[NodeName, dict[str, JSON]]:
    names = [each.node for each in nodes if each.runs_at_agent]
    contacts, tools = node_registry.contacts(names), node_registry.tools(names)
    return {
        each.node: _described(each, contacts.get(each.node) or {}, tools.get(each.node))
        for each in nodes
        if each.runs_at_agent
    }


def _described(node: ServedNode, said: Mapping[str, JSON], tools: JSON) -> dict[str, JSON]:
    joined = node.agent or {}
    protocol = joined.get("protocol")
    return {
        "version": said.get("version", joined.get("version")),
        "protocol": protocol,
        "outdated": protocol is not None and protocol not in SPOKEN,
        "last-contact": said.get("at"),
        "clock": said.get("clock"),
        "tools": None
        if tools is None
        else sorted(name for name, one in tools.items() if not one.get("unmet")),
        "runs-held": said.get("held", 0),
        "results-waiting": said.get("waiting", 0),
    }

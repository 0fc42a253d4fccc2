"""The nodes a deployment serves besides those its environment names.

A node is an item of its own partition, since everything its agent does reads it; the index ``listing`` has
all of them in the order of their names. What changes with each contact, and what the agent's host can do, is
kept beside it, so that neither meets who changes the node.
"""

import json
from collections.abc import Sequence
from typing import Any

from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import Conflict, NotFound, Overtaken, TooLarge
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.domain.served_nodes import Join, ServedNode
from chalicelib.store import node_table, raw_items
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.node_models import NodeItem, RegisteredNodeItem
from chalicelib.store.store_errors import on_condition_failed

LISTING, REMOVED = "nodes", "removed"
USED = key(NodeName(""), "registry")
"""The item that says that there are registered nodes, or were."""
CONTACT, FACTS, TOOLS = "agent-contact", "agent-facts", "agent-tools"
LARGEST_FACTS = 64 * 1024
"""Bytes of JSON."""
DIGEST, BELL, ASKS = "agent-facts-digest", "agent-bell", "agent-asks"
KEPT = (CONTACT, FACTS, TOOLS, DIGEST, BELL, ASKS)
"""What is kept beside a node, and goes with it."""


def find(node: NodeName) -> ServedNode | None:
    """A node, strongly consistent; None where there is none."""
    found = raw_items.get(RegisteredNodeItem, {"node": node})
    return None if found is None else _to_node(found)


def get(node: NodeName) -> ServedNode:
    """A node, strongly consistent. Raises NotFound."""
    found = find(node)
    if found is None:
        raise NotFound(f"There is no node {node}")
    return found


def page(limit: int, after: NodeName | None = None) -> list[ServedNode]:
    """Nodes in the order of their names, those behind ``after``; a moment behind what was written."""
    behind = None if after is None else RegisteredNodeItem.node > after
    return _listed(LISTING, behind, limit)


def removed(limit: int) -> list[ServedNode]:
    """Nodes that were removed, and whose tasks are being cancelled; a moment behind what was written."""
    return _listed(REMOVED, None, limit)


def _listed(listing: str, behind: Condition | None, limit: int) -> list[ServedNode]:
    found = RegisteredNodeItem.listing_index.query(listing, behind, limit=limit, page_size=limit)
    return [_to_node(item) for item in found]


def is_unused() -> bool:
    """Whether no node was ever registered; a moment behind what was written, and the cheapest of reads."""
    return not raw_items.batch_get(NodeItem, [{"name": USED}])


def add(new: ServedNode) -> ServedNode:
    """Store a new node. Raises Conflict where there is one of that name."""
    NodeItem(USED, value=True).save()  # before there is one: nobody looks for it otherwise
    with on_condition_failed(Conflict(f"There is a node {new.node} already")):
        _to_item(new).save(condition=RegisteredNodeItem.node.does_not_exist())
    return new


def change(changed: ServedNode) -> ServedNode:
    """Write a changed node over the one it was made from, and return it as written.

    Raises Overtaken when somebody else was faster.
    """
    written = changed.evolve(revision=changed.revision + 1)
    with on_condition_failed(Overtaken(f"The node {changed.node} changed meanwhile")):
        _to_item(written).save(condition=RegisteredNodeItem.revision == changed.revision)
    return written


def forget(node: NodeName) -> None:
    """Forget a node, and what was known of its agent and kept for it. Raises NotFound."""
    try:
        with on_condition_failed(Conflict("")):
            RegisteredNodeItem(node).delete(condition=RegisteredNodeItem.node.exists())
    except Conflict as error:
        raise NotFound(f"There is no node {node}") from error
    for name in KEPT:
        node_table.remove(node, name)


def note_contact(node: NodeName, document: JSON) -> None:
    """Keep what a node's agent said when it was last heard of, in place of what it said before."""
    node_table.write(node, CONTACT, document)


def contacts(nodes: Sequence[NodeName]) -> dict[NodeName, JSON]:
    """What each node's agent said last; those never heard of are left out."""
    return _of_each(nodes, CONTACT)


def tools(nodes: Sequence[NodeName]) -> dict[NodeName, JSON]:
    """What each node's agent has of tools, and what these lack; those that never said are left out."""
    return _of_each(nodes, TOOLS)


def _of_each(nodes: Sequence[NodeName], name: str) -> dict[NodeName, JSON]:
    names = {key(node, name): node for node in nodes}
    found = raw_items.batch_get(NodeItem, [{"name": name} for name in names])
    return {names[item.name]: item.value for item in found}


def contact(node: NodeName) -> JSON:
    """What its agent said last, strongly consistent; None where it was never heard of."""
    return node_table.read(node, CONTACT)


def write_facts(node: NodeName, facts: JSON) -> None:
    """Keep what an agent's host can do. Raises TooLarge."""
    if len(json.dumps(facts, separators=(",", ":")).encode()) > LARGEST_FACTS:
        raise TooLarge(f"must have {LARGEST_FACTS} bytes at most", "/facts")
    node_table.write(node, FACTS, facts)
    node_table.write(node, TOOLS, facts.get("tools", {}))


def facts(node: NodeName) -> JSON:
    """What an agent's host can do, strongly consistent; None where it never said."""
    return node_table.read(node, FACTS)


def questions(node: NodeName) -> tuple[list[JSON], int]:
    """What is asked of a node's agent, strongly consistent, and of which revision that is."""
    found = raw_items.get(NodeItem, {"name": key(node, ASKS)})
    return ([], 0) if found is None else (list(found.value), int(found.counted or 0))


def write_questions(node: NodeName, known: Sequence[JSON], revision: int) -> None:
    """Keep what is asked in place of that of a revision. Raises Overtaken when somebody else was faster."""
    item = NodeItem(key(node, ASKS), value=list(known), counted=revision + 1)
    as_read = NodeItem.counted == revision if revision else NodeItem.name.does_not_exist()
    with on_condition_failed(Overtaken("Somebody else asked meanwhile")):
        item.save(condition=as_read)


def _to_item(node: ServedNode) -> RegisteredNodeItem:
    return RegisteredNodeItem(
        node.node,
        listing=REMOVED if node.removed else LISTING,
        hostname=node.hostname,
        url=node.url,
        tools_at=node.tools_at,
        suspended=node.suspended,
        removed=node.removed,
        added=node.added,
        join_sha256=node.join and node.join.sha256,
        join_expires=node.join and node.join.expires,
        secrets=list(node.secrets),
        agent=node.agent,
        joined_with=node.joined_with or None,
        revision=node.revision,
    )


def _to_node(item: Any) -> ServedNode:
    return ServedNode(
        node=NodeName(item.node),
        hostname=item.hostname,
        url=item.url,
        tools_at=item.tools_at,
        suspended=item.suspended,
        removed=item.removed,
        added=item.added,
        join=Join(item.join_sha256, item.join_expires) if item.join_sha256 else None,
        secrets=tuple(item.secrets),
        agent=item.agent,
        joined_with=item.joined_with or "",
        revision=int(item.revision),
    )

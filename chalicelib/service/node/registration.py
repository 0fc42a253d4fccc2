"""Registering nodes of the deployment, changing and removing them. A process knows at once what it wrote."""

import datetime as dt
from collections.abc import Callable

from chalicelib.domain import served_nodes
from chalicelib.domain.errors import Conflict, NotFound, Overtaken
from chalicelib.domain.names import NodeName
from chalicelib.domain.served_nodes import ServedNode
from chalicelib.service.node import node_directory
from chalicelib.store import node_registry

TRIES = 5
"""How often a change is made anew when somebody else was faster."""


def add(hostname: str, tools_at: str, now: dt.datetime, url: str = "") -> ServedNode:
    """Register a node. Raises Invalid, Conflict."""
    return _add(served_nodes.new(hostname, tools_at, now, url))


def _add(node: ServedNode) -> ServedNode:
    if node_directory.is_named_by_environment(node.node):
        raise Conflict(f"{node.node} is already named by this deployment's environment")
    if node_directory.is_own_place(node.node):
        raise Conflict(f"{node.node} is where this node itself is asked: another needs a name of its own")
    return node_directory.remember(node_registry.add(node))


def change(node: NodeName, how: Callable[[ServedNode], ServedNode]) -> ServedNode:
    """Change a registered node; ``how`` may be asked again when somebody else was faster.

    Raises NotFound, Overtaken, and what ``how`` does.
    """
    for left in reversed(range(TRIES)):
        try:
            stored = _stored(node)
            changed = how(stored)
            return node_directory.remember(stored if changed == stored else node_registry.change(changed))
        except Overtaken:
            if not left:
                raise
    raise AssertionError("unreachable")


def _stored(node: NodeName) -> ServedNode:
    found = node_registry.get(node)
    if found.removed:
        raise NotFound(found.out_of_service or "")
    return found


def put(hostname: str, tools_at: str, url: str, suspended: bool, now: dt.datetime) -> ServedNode:
    """Register a node, or have the one of that name be like this. Raises Invalid, Conflict, Overtaken."""
    wanted = served_nodes.new(hostname, tools_at, now, url).evolve(suspended=suspended)

    def as_wanted(stored: ServedNode) -> ServedNode:
        return stored.evolve(
            hostname=wanted.hostname, url=wanted.url, tools_at=wanted.tools_at, suspended=suspended
        )

    try:
        return change(wanted.node, as_wanted)
    except NotFound:
        return _add(wanted)


def remove(node: NodeName, now: dt.datetime) -> ServedNode:
    """Serve a node no more, and know its agent no more. What it has is seen to by ``coordination.removal``.

    Raises NotFound.
    """
    return change(
        node, lambda stored: stored.evolve(removed=now, join=None, secrets=(), agent=None, joined_with="")
    )


def forget_removed(node: NodeName) -> None:
    """Have there been no such node. Raises NotFound."""
    node_registry.forget(node)
    node_directory.remember_none(node)

"""The nodes of the deployment: those its environment names, and those that were registered.

Those of the environment need no look into the store, and a deployment that has no others looks once in ten
seconds. What is remembered of a registered node is as old as that; what decides whether its agent may do
something is read anew each time.
"""

import functools
import urllib.parse

from chalicelib.domain import echoes, hosts, served_nodes
from chalicelib.domain.errors import Forbidden, Invalid, NotFound
from chalicelib.domain.names import NodeName
from chalicelib.domain.served_nodes import ServedNode
from chalicelib.infrastructure.addresses import leads_here
from chalicelib.service.node.remembered import Remembered
from chalicelib.settings import Settings, bare_host, settings
from chalicelib.store import node_registry

FRESH = 10.0
"""Seconds for which what was read of the registry is good."""
MOST_REMEMBERED = 4000

_nodes: Remembered[NodeName, ServedNode | None] = Remembered(FRESH, MOST_REMEMBERED)
_unused: Remembered[str, bool] = Remembered(FRESH, 1)


def forget() -> None:
    """Look again on next use."""
    _nodes.clear()
    _unused.clear()


@functools.lru_cache(maxsize=4)
def _of_environment(known: Settings) -> dict[NodeName, ServedNode]:
    """The nodes the environment names, the deployment's own first."""
    return {
        each.node: ServedNode(
            each.node,
            each.hostname,
            (known.url if each.node == known.node else "") or f"https://{each.hostname}/pscheduler",
        )
        for each in known.identities
    }


@functools.lru_cache(maxsize=4)
def _by_name(known: Settings) -> dict[str, ServedNode]:
    """The same, by the names among participants that can be read as such."""
    found: dict[str, ServedNode] = {}
    for each in _of_environment(known).values():
        try:
            found.setdefault(hosts.parse(each.hostname).name, each)
        except Invalid:
            continue
    return found


@functools.lru_cache(maxsize=4)
def _by_host(known: Settings) -> dict[str, NodeName]:
    found: dict[str, NodeName] = {}
    for each in known.identities:
        found.setdefault(bare_host(each.hostname), each.node)
    return found


def is_of_environment(node: NodeName) -> bool:
    """Whether a node is named by the environment, and no affair of the registry."""
    return node in _of_environment(settings())


def find(node: NodeName) -> ServedNode | None:
    """A node of the deployment; None where there is none of that name, or not any more."""
    found = known(node)
    return None if found is None or found.removed else found


def known(node: NodeName) -> ServedNode | None:
    """The same, and one that was removed, as long as its tasks are being cancelled."""
    own = _of_environment(settings()).get(node)
    if own is not None or _is_unused():
        return own
    return _nodes.get(node, lambda: node_registry.find(node))


def served(node: NodeName) -> ServedNode:
    """A node of the deployment. Raises NotFound."""
    found = find(node)
    if found is None:
        raise NotFound(f"There is no node {echoes.name(node)}")
    return found


def of_environment() -> list[ServedNode]:
    """The nodes the environment names, the deployment's own first."""
    return list(_of_environment(settings()).values())


def addressed_by(host: str) -> NodeName:
    """The node that a request is addressed to by its Host, port or not; else the deployment's own."""
    known = settings()
    bare = bare_host(host).removesuffix(".")
    own = _by_host(known).get(bare)
    if own is not None or _is_unused():
        return own or known.node
    found = _named(bare)
    return found.node if found and not found.removed else known.node


def of_participant(participant: str) -> ServedNode | None:
    """The node of the deployment that is a participant; None where it is another's.

    It may be one that was removed: its tasks are cancelled as those of co-hosted nodes are.
    """
    known = settings()
    if len(known.identities) == 1 and _is_unused():
        return None
    try:
        name = hosts.parse(participant).name
    except Invalid:
        return None
    return _by_name(known).get(name) or (None if _is_unused() else _named(name))


def _named(name: str) -> ServedNode | None:
    """A registered node by a host's name; none for what cannot be one."""
    try:
        return known(served_nodes.name_of(name))
    except Invalid:
        return None


def runs_at_agent(node: NodeName) -> bool:
    """Whether a node's measurements are made by its agent, and not where the deployment runs."""
    found = known(node)
    return found is not None and found.runs_at_agent


def out_of_service(node: NodeName) -> str | None:
    """Why a node takes nothing on and starts nothing; None where it does."""
    found = known(node)
    return found.out_of_service if found else None


def require_in_service(node: NodeName) -> None:
    """Raise Forbidden where a node takes nothing on."""
    reason = out_of_service(node)
    if reason is not None:
        raise Forbidden(reason)


def hostname_of(node: NodeName) -> str:
    """The name a node has among participants; of one that is not served, what it is called here."""
    found = known(node)
    return found.hostname if found else node


def base_url_of(node: NodeName) -> str:
    """A node's API root, without a slash at the end, for hrefs that leave it outside a request."""
    found = known(node)
    return found.url if found else f"https://{node}/pscheduler"


def _is_unused() -> bool:
    return _unused.get(settings().prefix, node_registry.is_unused)


def is_own_place(node: NodeName) -> bool:
    """Whether a node of this name would be asked where the deployment's own node is: at its loopback, where
    it listens, or by its URL. Its further names are no matter: they may be of those that it serves."""
    if leads_here(node):
        return True
    try:
        return node == served_nodes.name_of(urllib.parse.urlsplit(settings().url).netloc)
    except Invalid:
        return False


def is_named_by_environment(node: NodeName) -> bool:
    """Whether a name is taken by the environment: of a node, of a participant, or of an address."""
    known = settings()
    return node in (*_of_environment(known), *_by_name(known), *_by_host(known))


def remember(node: ServedNode) -> ServedNode:
    """Go by what was just written, or read, of a registered node."""
    _nodes.put(node.node, node)
    _unused.put(settings().prefix, False)
    return node


def remember_none(node: NodeName) -> None:
    """Go by there being no such node."""
    _nodes.put(node, None)

"""The keys of items: the name of their node, and what else there is to them, separated by ``#``."""

from chalicelib.domain.names import NodeName


def key(node: NodeName, *parts: str) -> str:
    """A hash key of a node."""
    return "#".join((node, *parts))


def bare(hash_key: str) -> str:
    """The last part of a hash key."""
    return hash_key.rsplit("#", 1)[-1]


def owner(hash_key: str) -> NodeName:
    """The node whose hash key this is, of those that have one part behind its name."""
    return NodeName(hash_key.rsplit("#", 1)[0])

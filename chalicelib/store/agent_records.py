"""What a contact of a node's agent has to know beside its bell: in one read, since agents come often."""

from collections.abc import Mapping
from typing import NamedTuple

from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.store import raw_items
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.node_models import NodeItem
from chalicelib.store.node_registry import ASKS, CONTACT, DIGEST


class Records(NamedTuple):
    """What its agent said last, the digest of its facts if there are any, and what is asked of it."""

    contact: Mapping[str, JSON]
    digest: str | None
    questions: list[JSON]


def read(node: NodeName) -> Records:
    """The records of a node's agent now, strongly consistent."""
    names = {key(node, name): name for name in (CONTACT, DIGEST, ASKS)}
    found = raw_items.batch_get(NodeItem, [{"name": name} for name in names], consistent=True)
    values = {names[item.name]: item.value for item in found}
    return Records(values.get(CONTACT) or {}, values.get(DIGEST), values.get(ASKS) or [])

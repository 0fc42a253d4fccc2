"""The note of which version what is stored is of: one item for all tables of a deployment.

An attribute in each item would cost no unit, but an update would have to set it as well, no index would show
it, and whether any item is left of an earlier version could only be told by reading all. Which one an item is
of is told by where it is filed; whether there are such, by the steps that file them anew (``migrations.py``).
"""

import contextlib

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.errors import Conflict
from chalicelib.domain.schemas import JSON
from chalicelib.domain.state_version import NOTHING_NOTED, StateVersion
from chalicelib.settings import settings
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.node_models import NodeItem
from chalicelib.store.store_errors import on_condition_failed

NAME = "state-version"


def read() -> StateVersion:
    """What is noted; as of releases that noted nothing where nothing is."""
    try:
        return as_noted(NodeItem.get(_key(), consistent_read=True).value)
    except DoesNotExist:
        return NOTHING_NOTED


def as_noted(value: JSON) -> StateVersion:
    """The version that the value of the note says."""
    return StateVersion(value["newest"], value["readable-by"], value["oldest"])


def raise_to(version: StateVersion) -> None:
    """Note a version, unless a later one is noted. Nothing is ever lowered."""
    value = {"newest": version.newest, "readable-by": version.readable_by, "oldest": version.oldest}
    rank = version.newest * 1000 + version.oldest  # a later release first, then how far its steps came
    lower = NodeItem.name.does_not_exist() | (NodeItem.counted < rank)
    with contextlib.suppress(Conflict), on_condition_failed(Conflict("A later version is noted")):
        NodeItem(_key(), value=value, counted=rank).save(condition=lower)


def _key() -> str:
    return key(settings().node, NAME)

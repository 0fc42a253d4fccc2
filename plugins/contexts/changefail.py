"""changefail: a context that cannot be made, for trying out what happens then (docs/contract/contexts.md)."""

from contextlib import AbstractContextManager

from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.context import Context
from plugins.sdk.jobs import PluginFailed


def enter(data: JSON) -> AbstractContextManager[None]:
    """Raises PluginFailed, always."""
    raise PluginFailed("The context changefail fails, as it is meant to")


CONTEXT = Context(
    name="changefail",
    label="Change Fail",
    description="Fail before the tool runs",
    data={1: closed({"schema": TYPES["Cardinal"]})},
    enter=enter,
)

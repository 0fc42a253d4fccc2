"""changenothing: a context that leaves everything as it is (docs/contract/contexts.md)."""

import contextlib

from chalicelib.domain.schemas import closed
from chalicelib.domain.types import TYPES
from plugins.sdk.context import Context

CONTEXT = Context(
    name="changenothing",
    label="Change Nothing",
    description="Change nothing before the tool runs",
    data={1: closed({"schema": TYPES["Cardinal"]})},
    enter=lambda data: contextlib.nullcontext(),
)

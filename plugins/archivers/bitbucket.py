"""bitbucket: takes every result and keeps none (docs/contract/archivers.md section 6)."""

from chalicelib.domain.schemas import closed
from chalicelib.domain.types import TYPES
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome

ARCHIVER = Archiver(
    name="bitbucket",
    label="Bit Bucket",
    description="Throw results away",
    data={1: closed({"schema": TYPES["Cardinal"]})},
    deliver=lambda parcel: Outcome(True),
)

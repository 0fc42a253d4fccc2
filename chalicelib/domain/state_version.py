"""The version of what is stored, as a whole, and which release may go on with which.

A release writes one version and reads the one before too, so a node is upgraded by one version at a time.
Whether an older release may go on with what a newer one wrote, only the newer one knows: it says so where it
notes its version.
"""

import dataclasses

VERSION = 2
"""What this release writes. Version 1, of 0.1 and 0.2, filed what is due by node; 2 files it by shard."""
READABLE_BY = 1
"""The oldest version whose releases may go on with what this one writes. What was filed as due meanwhile they
do not find: docs/deploy.md, Changing and removing it."""
UNNOTED = 1
"""The version of tables in which none is noted: releases up to 0.2 noted none."""


@dataclasses.dataclass(frozen=True)
class StateVersion:
    """``newest`` is the newest version that ever wrote there, ``readable_by`` the oldest that may go on with
    it, and no item is of a version before ``oldest``."""

    newest: int
    readable_by: int
    oldest: int


NOTHING_NOTED = StateVersion(UNNOTED, UNNOTED, UNNOTED)


def objection(found: StateVersion, version: int = VERSION) -> str | None:
    """Why a release of a version cannot go on with what is stored, and what to do; None where it can."""
    if found.readable_by > version:
        return (
            f"What is stored was written by a newer release, in version {found.newest}: this one reads"
            f" versions up to {version}. Use the newer one again"
        )
    if found.oldest < version - 1:
        return (
            f"What is stored has items of version {found.oldest}: this release reads versions {version - 1}"
            f" and {version}. Run one that writes version {found.oldest + 1} for two hours first"
        )
    return None

"""Network interfaces that tools are told to use, and what it takes to use them."""

import os
import re

from chalicelib.domain.echoes import shown
from chalicelib.domain.schemas import JSON

# As Linux has them, and nothing that a program could take for an option.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,14}", re.ASCII)


def refusal(interface: JSON) -> list[str]:
    """Why this cannot be the name of an interface; an empty list when it can."""
    named = isinstance(interface, str) and _NAME.fullmatch(interface)
    return [] if named else [f"{shown(str(interface))} is not the name of an interface"]


def root_refusal() -> list[str]:
    """Why this node may not set interfaces up; an empty list when it may."""
    return [] if os.geteuid() == 0 else ["Needs to run as root, to set up interfaces"]

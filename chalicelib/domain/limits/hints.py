"""What is known of a requester: the hints that identifiers look at (docs/contract/limits.md section 2)."""

from collections.abc import Mapping

from chalicelib.domain.limits.networks import Address, address
from chalicelib.domain.schemas import JSON

Hints = Mapping[str, JSON]
"""What is known of a requester, by name."""

REQUESTER, SERVER, PROXIED_BY = "requester", "server", "requester-proxied-by"
API_KEY, API_SCOPES, IAM = "api-key", "api-key-scopes", "iam-principal"
"""Additions: the name and the scopes of the API key a request came with, and its IAM principal."""


def requester(hints: Hints) -> Address | None:
    """The address of who asks; None when that is not known."""
    return None if is_unknown(hints) else address(hints.get(REQUESTER))


def is_unknown(hints: Hints) -> bool:
    """Whether it is a proxy that asks, for somebody it does not name, or may not: its own address is both."""
    return PROXIED_BY in hints and hints[PROXIED_BY] == hints.get(REQUESTER)


def lines(hints: Hints) -> list[str]:
    """The hints as diagnostics show them."""
    return ["Hints:", *(f"  {name}: {_shown(hints[name])}" for name in sorted(hints))]


def _shown(value: JSON) -> str:
    text = ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= 200 else f"{text[:200]}..."

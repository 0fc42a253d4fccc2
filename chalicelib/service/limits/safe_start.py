"""Who may use a node for which nobody has said it: its own machine, or those whom it gave keys.

A node that listens on loopback takes tasks from loopback. One that listens elsewhere, or does not say where
because it is deployed, takes them from nobody until somebody has decided who may.
"""

from collections.abc import Mapping

from chalicelib.domain.limits import hints as known
from chalicelib.domain.schemas import JSON
from chalicelib.infrastructure.addresses import listens_on_loopback

HOW = (
    "Its operator decides who may: PSCHEDULER_LIMITS is a policy's file, s3:// object or https:// URL"
    " (docs/policies has some to start from), or open, for everybody."
    " python -m local.keys add creates a key that is admitted without a policy."
)
_OWN = "This node has no policy, and so it accepts tasks from its own machine only."


def complaint(hints: Mapping[str, JSON]) -> str | None:
    """Why somebody is not let in, and what to do about it; None for who is."""
    if known.API_KEY in hints:
        scopes = hints.get(known.API_SCOPES)
        if isinstance(scopes, list | tuple) and "measure" in scopes:
            return None
        return "The API key lacks the scope measure."
    asking = known.requester(hints)
    if not listens_on_loopback():
        return f"This node has no policy, and so it accepts tasks from nobody. {HOW}"
    if known.is_unknown(hints):
        return f"{_OWN} A request through a proxy is not from there. {HOW}"
    if asking is None or not asking.is_loopback:
        return f"{_OWN} {HOW}"
    return None

"""Which agent asks: by its secret, in ``Authorization: Bearer psa...``, in a protocol that is spoken here."""

from chalicelib.api.http.request import Request
from chalicelib.api.openapi.operations import Argument
from chalicelib.domain import agent_protocol
from chalicelib.domain.errors import Unauthenticated
from chalicelib.domain.served_nodes import ServedNode
from chalicelib.service.agents import rates
from chalicelib.service.node import agent_secrets

PROTOCOL = Argument(
    "X-Agent-Protocol",
    "The version of the protocol that the agent speaks",
    {"type": "integer", "enum": list(agent_protocol.SPOKEN)},
    required=True,
    where="header",
)
ERRORS = (401, 403, 426, 429)


def node_of(request: Request, suspended_too: bool = False) -> ServedNode:
    """The node for which an agent asks.

    Raises TooOld, Unauthenticated, TooMany, and Forbidden for one that is suspended, unless that is all the
    same.
    """
    require_spoken(request)
    scheme, _, secret = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("An agent is known by its secret: Authorization: Bearer psa...")
    known = agent_secrets.authenticate(secret.strip(), suspended_too)
    rates.require(known.node)
    return known


def require_spoken(request: Request) -> int:
    """The protocol that the agent speaks. Raises TooOld unless it is spoken here."""
    return agent_protocol.require_spoken(request.headers.get("x-agent-protocol", "").strip())

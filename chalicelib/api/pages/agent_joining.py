"""Pages on which an agent comes to be known, and ceases to be (docs/agent-protocol.md)."""

from chalicelib.api.http import agent_authentication
from chalicelib.api.http.router import Answer, Request, as_json
from chalicelib.api.openapi.operations import operation
from chalicelib.api.openapi.response_schemas import STRING, shape
from chalicelib.domain import agent_protocol, host_facts
from chalicelib.domain.errors import Invalid
from chalicelib.service.node import agent_bell, agent_facts, agent_secrets

DONE = {204: "Done"}


@operation(
    "Agents",
    arguments=[agent_authentication.PROTOCOL],
    body=agent_protocol.JOIN.schema,
    answer=shape({"node": STRING, "hostname": STRING, "url": STRING, "secret": STRING}),
    errors=[401, 403, 409, 426],
)
def join(request: Request) -> Answer:
    """Join as the agent of the node whose join token is in the body.

    The secret in the answer cannot be retrieved again. A token works once.
    """
    protocol = agent_authentication.require_spoken(request)
    said = agent_protocol.require(agent_protocol.JOIN, request.json())
    facts = said.get("facts")
    if facts is not None:
        _require_valid(facts)
    joined, secret = agent_secrets.join(
        said["token"], said["instance"], said["version"], request.now, protocol
    )
    if facts is not None:
        agent_facts.take(joined.node, facts)
    agent_bell.hang(joined.node)
    known = {"node": joined.node, "hostname": joined.hostname, "url": joined.url}
    return as_json(request, {**known, "secret": secret})


def _require_valid(facts: dict[str, object]) -> None:
    try:
        host_facts.require_valid(facts)
    except Invalid as error:
        raise error.inside("/facts") from error


@operation(
    "Agents",
    arguments=[agent_authentication.PROTOCOL],
    answer=shape({"secret": STRING}),
    errors=agent_authentication.ERRORS,
)
def rotate(request: Request) -> Answer:
    """Get a new secret. Its first use revokes the previous one."""
    known = agent_authentication.node_of(request)
    return as_json(request, {"secret": agent_secrets.rotate(known.node)})


@operation(
    "Agents", arguments=[agent_authentication.PROTOCOL], answers=DONE, errors=agent_authentication.ERRORS
)
def leave(request: Request) -> Answer:
    """Stop being the node's agent. Its secrets are revoked."""
    node = agent_authentication.node_of(request, suspended_too=True).node
    agent_secrets.leave(node)
    agent_bell.take_down(node)
    return Answer("", status=204)

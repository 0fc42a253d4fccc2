"""Pages on which an agent takes runs, begins with them and hands back what they came to
(docs/agent-protocol.md)."""

from chalicelib.api.http import agent_authentication
from chalicelib.api.http.request import LARGEST_BODY
from chalicelib.api.http.router import Answer, Request, as_json
from chalicelib.api.openapi.operations import operation
from chalicelib.api.openapi.response_schemas import BOOLEAN, OBJECT, STRING, array, shape
from chalicelib.domain import agent_protocol
from chalicelib.domain.documents import DEEPEST_REPLY
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.agents import claims as claiming
from chalicelib.service.agents import reports


@operation(
    "Agents",
    arguments=[agent_authentication.PROTOCOL],
    body=agent_protocol.CLAIMS.schema,
    answer=shape({"taken": array(STRING), "gone": array(OBJECT)}),
    errors=agent_authentication.ERRORS,
)
def claims(request: Request) -> Answer:
    """Take runs that were offered, or refuse them. Only runs listed in `taken` may be started."""
    known = agent_authentication.node_of(request)
    said = agent_protocol.require(agent_protocol.CLAIMS, request.json())
    return as_json(request, claiming.claim(known.node, said, request.now))


@operation(
    "Agents",
    arguments=[agent_authentication.PROTOCOL],
    body=agent_protocol.START.schema,
    answer=shape({"go": BOOLEAN}, {"reason": STRING}),
    errors=agent_authentication.ERRORS,
)
def starts(request: Request) -> Answer:
    """Announce that a run begins, and learn whether it may.

    It may have been cancelled, or the node paused.
    """
    known = agent_authentication.node_of(request, suspended_too=True)
    said = agent_protocol.require(agent_protocol.START, request.json())
    reason = claiming.start(known.node, said, request.now)
    return as_json(request, {"go": True} if reason is None else {"go": False, "reason": reason})


@operation(
    "Agents",
    arguments=[agent_authentication.PROTOCOL],
    body=agent_protocol.RESULT.schema,
    answer=shape({"kept": {"enum": [reports.RESULT, reports.KNOWN, reports.LATE, reports.GONE]}}),
    errors=[*agent_authentication.ERRORS, 409],
)
def results(request: Request) -> Answer:
    """Hand over a run's result.

    If it is handed over again, it is `known`; for a run that was given up, it is kept as `late`.
    """
    known = agent_authentication.node_of(request, suspended_too=True)
    said = agent_protocol.require(agent_protocol.RESULT, request.json(DEEPEST_REPLY, LARGEST_BODY))
    return as_json(request, {"kept": reports.take(known.node, said, Machine())})

"""Pages about the node itself (docs/contract/api.md, Administrative)."""

import html

from chalicelib.api.http import live, principal
from chalicelib.api.http.negotiation import preferred
from chalicelib.api.http.router import API_LEVEL, HTML_TYPE, JSON_TYPE, Answer, Request, as_json
from chalicelib.api.openapi.operations import Argument, document, operation
from chalicelib.api.openapi.response_schemas import BOOLEAN, CLOCK, DURATION, STATUS, STRING, shape
from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import HORIZON
from chalicelib.domain.times import format_duration, format_timestamp
from chalicelib.host import path_mtu
from chalicelib.infrastructure.system_clock import clock_state
from chalicelib.service.limits import admission, policy_in_force
from chalicelib.service.node import agent_questions, heartbeats, node_directory, node_status
from chalicelib.settings import settings

LONGEST_HOST = 300
"""Characters of a destination that an agent is asked about; no host has a longer name."""
SHORT_OF_GATEWAY = 25.0
"""Seconds a measurement may take where API Gateway gives a request 29."""
RECORDED_LEVEL = 6
"""The API level of the release whose clients and servers are in use."""


@operation("Node", answer=STRING, kinds=[HTML_TYPE])
def root(request: Request) -> Answer:
    """Show that the node is alive, and which host it is.

    Clients take any string as a sign of life. A browser is sent to the web page.
    """
    alive = f"This is a pScheduler node on {node_directory.hostname_of(request.node)}"
    if preferred(request.headers, (JSON_TYPE, HTML_TYPE)) == JSON_TYPE:
        return as_json(request, alive, headers={"Vary": "Accept"})
    page = _PAGE.format(alive=html.escape(alive), base=html.escape(request.base, quote=True))
    return Answer(page, HTML_TYPE, headers={"Vary": "Accept", **_SAFE})


_SAFE = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<meta name="color-scheme" content="light dark">\n<title>pScheduler</title>\n</head>\n'
    '<body>\n<p>{alive}.</p>\n<ul>\n<li><a href="{base}/ui/">What it measures</a></li>\n'
    '<li><a href="{base}/docs">Its API</a></li>\n</ul>\n</body>\n</html>'
)


@operation("Node", answer={"enum": [RECORDED_LEVEL, API_LEVEL]})
def api(request: Request) -> Answer:
    """Get the highest API level that this node speaks and the client may know.

    That is 6, as in release 5.2, and 7 for clients that ask at that level.
    """
    return as_json(request, max(RECORDED_LEVEL, request.api_level))


@operation("Node", answer=STRING)
def hostname(request: Request) -> Answer:
    """Get this node's name among participants."""
    return as_json(request, node_directory.hostname_of(request.node))


@operation("Node", answer=DURATION)
def schedule_horizon(request: Request) -> Answer:
    """Get how far ahead runs are scheduled."""
    return as_json(request, format_duration(HORIZON))


@operation("Node", answer=CLOCK)
def clock(request: Request) -> Answer:
    """Get the time where the node measures, and whether its clock is synchronized."""
    if node_directory.runs_at_agent(request.node):
        return as_json(request, agent_questions.clock(live.answer(request, "clock")))
    return as_json(request, clock_state(request.now))


@operation("Node", answer=STATUS)
def status(request: Request) -> Answer:
    """Get the state of the node's services, and when runs were last scheduled and finished."""
    document = {
        "time": format_timestamp(request.now),
        "limits": policy_in_force.describe(request.now),
        **heartbeats.describe(request.node, request.now),
    }
    if node_directory.runs_at_agent(request.node):
        document["agents"] = [node_status.agent_of(node_directory.served(request.node))]
    return as_json(request, document)


@operation(
    "Node",
    arguments=[Argument("dest", "A host's name or address", STRING, required=True)],
    answer=shape({"safe": BOOLEAN, "message": STRING}),
)
def mtu_safe(request: Request) -> Answer:
    """Check whether the path to a host carries packets of this node's MTU.

    This takes as long as tracing the path. A path that cannot be measured is not safe.
    """
    if "dest" not in request.args:
        raise Invalid("The argument dest is missing")
    if node_directory.runs_at_agent(request.node):
        return as_json(request, _safe_at_agent(request))
    limit = [SHORT_OF_GATEWAY] if settings().longest_run else []
    safe, message = path_mtu.verdict(request.args["dest"], *limit)
    return as_json(request, {"safe": safe, "message": message})


def _safe_at_agent(request: Request) -> JSON:
    try:
        return agent_questions.verdict(live.answer(request, "mtu-safe", request.args["dest"][:LONGEST_HOST]))
    except Unavailable as error:
        return {"safe": False, "message": error.message}


@operation(
    "Node",
    arguments=[document("proposal", "A task", required=True), *principal.ARGUMENTS],
    answer=shape({"passed": BOOLEAN, "diags": STRING}),
    errors=[403, 422],
)
def limits(request: Request) -> Answer:
    """Check whether this node's limits would let a task pass, and say why.

    Without a policy, requests from the node's own machine pass, and those with an API key.
    """
    proposal = request.document("proposal")
    if not isinstance(proposal, dict):
        raise Invalid("proposal: must be an object")
    ruling = admission.judge(proposal, principal.hints(request), request.now)
    return as_json(request, {"passed": ruling.passed, "diags": ruling.diags})

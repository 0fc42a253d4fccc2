"""Pages about the nodes of the deployment, for whoever operates it (an addition to the reference's API)."""

import datetime as dt
import itertools
from collections.abc import Iterator

from chalicelib.api.http import pagination, principal
from chalicelib.api.http.router import Answer, Request, as_json
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import operation
from chalicelib.api.openapi.response_schemas import BOOLEAN, DURATION, SERVED_NODE, STRING, TIME, shape
from chalicelib.domain import echoes, served_nodes
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import Checker, closed
from chalicelib.domain.served_nodes import AGENT, HERE, ServedNode
from chalicelib.domain.times import UTC, format_timestamp, parse_duration
from chalicelib.service.coordination import removal
from chalicelib.service.node import agent_secrets, node_directory, node_status, registration
from chalicelib.store import node_registry
from chalicelib.store.list_order import Place

NAME = "nodes"
AT_ONCE = 100
NODE = {"type": "string", "minLength": 1, "maxLength": 253}
BODY = closed(
    {
        "hostname": {"type": "string", "maxLength": 260, "description": "With its port, if it has one"},
        "url": {
            "type": "string",
            "maxLength": 500,
            "description": "Its API's root, https://<hostname>/pscheduler",
        },
        "tools-at": {"enum": [HERE, AGENT]},
        "suspended": BOOLEAN,
    },
    ("tools-at",),
)
_CHECKER = Checker(BODY)
TOKEN_BODY = closed({"lifetime": DURATION})
_TOKEN_CHECKER = Checker(TOKEN_BODY)
TOKEN = shape({"token": STRING, "expires": TIME})
_BUILT_IN, _REGISTERED = (dt.datetime(year, 1, 1, tzinfo=UTC) for year in (2000, 2001))
"""Of a place in the list: those of the environment come first."""


@operation(
    "Nodes",
    arguments=[*pagination.ARGUMENTS, *principal.ARGUMENTS],
    answer=response_schemas.array(SERVED_NODE),
    errors=[403],
    paged=True,
)
def list_nodes(request: Request) -> Answer:
    """List the nodes of the deployment, first those in its environment, then those registered, by name.

    Each with what its agent last reported. Reserved for the deployment's operator. Returns at most a hundred,
    or `limit`, and a Link to the next part.
    """
    principal.require_operator(request)
    cut = pagination.cut(request, NAME)
    part = pagination.page(_every(cut.after), lambda found: found, _place_of, cut.limit or pagination.PAGE)
    link = pagination.link(request, "/nodes", NAME, part.next)
    return as_json(request, node_status.describe(part.items), headers=link)


def _every(after: Place | None) -> Iterator[ServedNode]:
    built_in = sorted(node_directory.of_environment(), key=lambda each: each.node)
    if after is None or after[0] == _BUILT_IN:
        behind = after[1] if after else ""
        return itertools.chain((each for each in built_in if each.node > behind), _registered(None))
    return _registered(NodeName(after[1]))


def _registered(after: NodeName | None) -> Iterator[ServedNode]:
    while some := node_registry.page(AT_ONCE, after):
        yield from some
        if len(some) < AT_ONCE:
            return
        after = some[-1].node


def _place_of(node: ServedNode) -> Place:
    return (_BUILT_IN if node_directory.is_of_environment(node.node) else _REGISTERED), node.node


@operation("Nodes", arguments=principal.ARGUMENTS, path={"node": NODE}, answer=SERVED_NODE, errors=[403])
def get_node(request: Request, node: str) -> Answer:
    """Get a node, with what its agent's host can do. Reserved for the deployment's operator."""
    principal.require_operator(request)
    return as_json(request, node_status.whole(node_directory.served(_name(node))))


@operation(
    "Nodes",
    arguments=principal.ARGUMENTS,
    path={"node": NODE},
    body=BODY,
    answer=SERVED_NODE,
    errors=[403, 409],
    examples={"at an agent": {"tools-at": "agent"}, "suspended": {"tools-at": "agent", "suspended": True}},
)
def put_node(request: Request, node: str) -> Answer:
    """Register a node, or change it.

    Reserved for the deployment's operator. While it is `suspended` it accepts no tasks, its agent takes no
    runs, and its runs are missed. It may take ten seconds until the whole deployment knows.
    """
    principal.require_operator(request)
    body = request.json()
    fault = _CHECKER.fault(body)
    if fault:
        raise fault
    hostname = body.get("hostname", node)
    if served_nodes.name_of(hostname) != _name(node):
        raise Invalid(f"must be {node}, with or without a port", "/hostname")
    suspended = body.get("suspended", False)
    put = registration.put(hostname, body["tools-at"], body.get("url", ""), suspended, request.now)
    return as_json(request, *node_status.describe([put]))


@operation("Nodes", arguments=principal.ARGUMENTS, path={"node": NODE}, answer=SERVED_NODE, errors=[403, 409])
def delete_node(request: Request, node: str) -> Answer:
    """Remove a node.

    Reserved for the deployment's operator. Its agent's secret is revoked, its tasks are cancelled, and its
    results expire as usual. Its name cannot be used again until its tasks are cancelled.
    """
    principal.require_operator(request)
    name = _registered_name(node)
    return as_json(request, *node_status.describe([removal.begin(name, request.now)]))


@operation(
    "Nodes",
    arguments=principal.ARGUMENTS,
    path={"node": NODE},
    body=TOKEN_BODY,
    answer=TOKEN,
    errors=[403, 409],
    examples={"for a day": {"lifetime": "P1D"}},
)
def post_token(request: Request, node: str) -> Answer:
    """Create a token with which an agent can join, once.

    It is valid for an hour, or for a `lifetime` of at most 30 days. It cannot be retrieved again, and
    replaces one that was not used. Reserved for the deployment's operator.
    """
    principal.require_operator(request)
    name = _registered_name(node)
    body = request.json() if request.body else {}
    fault = _TOKEN_CHECKER.fault(body)
    if fault:
        raise fault
    lifetime = parse_duration(body["lifetime"]) if "lifetime" in body else agent_secrets.JOIN_LIFETIME
    text = agent_secrets.new_join_token(name, request.now, lifetime)
    return as_json(request, {"token": text, "expires": format_timestamp(request.now + lifetime)})


def _name(node: str) -> NodeName:
    """The name of a node in a path. Raises NotFound for what can be none."""
    own = NodeName(node)
    try:
        return own if node_directory.is_of_environment(own) else served_nodes.name_of(node)
    except Invalid as error:
        raise NotFound(f"There is no node {echoes.name(node)}") from error


def _registered_name(node: str) -> NodeName:
    name = _name(node)
    if node_directory.is_of_environment(name):
        raise Conflict(f"{name} is named by the deployment's environment, and can only be changed there")
    return name

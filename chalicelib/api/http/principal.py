"""Who asks, by what they came with: the address, an API key, or what AWS has found out about them.

A key is in ``Authorization: Bearer psk...`` or ``X-API-Key``. Other credentials in ``Authorization`` are
for whoever stands in front of the node.
"""

import dataclasses

from chalicelib.api.http import requester
from chalicelib.api.http.request import Request
from chalicelib.api.openapi.operations import header
from chalicelib.domain.errors import Forbidden
from chalicelib.domain.limits import hints as known
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.infrastructure.addresses import is_loopback, listens_on_loopback
from chalicelib.service.node import api_keys
from chalicelib.service.node.api_keys import PREFIX, ApiKey
from chalicelib.service.tasks import access
from chalicelib.settings import settings

HEADER = "X-API-Key"
ARGUMENTS = (
    requester.ARGUMENT,
    header(HEADER, "An API key of this node; also accepted in `Authorization: Bearer`"),
)


def hints(request: Request, scope: str = "read") -> dict[str, JSON]:
    """What is known of who asks, as identifiers see it.

    Raises Forbidden for a key or a credential that is not known or not for this, Invalid for a header that
    cannot be read.
    """
    found = requester.hints(request)
    key = api_key(request)
    if key is not None:
        if scope not in key.scopes:
            raise Forbidden(f"The API key {key.name} does not allow this: it lacks the scope {scope}")
        found |= {known.API_KEY: key.name, known.API_SCOPES: list(key.scopes)}
    if request.principal:
        found[known.IAM] = request.principal
    return found


def api_key(request: Request) -> ApiKey | None:
    """The API key that a request came with. Raises Forbidden for one that is not known, or is over."""
    text = request.headers.get(HEADER) or _bearer(request.headers.get("authorization", ""))
    return api_keys.presented(request.node, text, request.now) if text else None


def _bearer(text: str) -> str | None:
    scheme, _, token = text.strip().partition(" ")
    is_ours = scheme.lower() == "bearer" and token.strip().startswith(PREFIX)
    return token.strip() if is_ours else None


def require_write(task: Task, request: Request) -> None:
    """Let pass whom ``access.require_write`` does, and who has a key to administer this node.

    Raises Forbidden for everybody else.
    """
    if not administers(request):
        access.require_write(task, caller(request), request.key)


def caller(request: Request) -> access.Caller:
    """Who asks, as far as changing things is concerned."""
    return access.Caller(request.caller, not request.is_forwarded, request.is_caller_known)


def require_upkeep(request: Request) -> None:
    """Let pass who may do what touches everybody. Raises Forbidden.

    That is whoever has a key to administer the node, such as its operator's token, and where nobody else can
    reach it, a program of this host over its loopback address.
    """
    if administers(request):
        return
    if request.is_forwarded or not is_loopback(request.caller):
        raise Forbidden("Only this machine itself may do this, over its loopback address")
    if may_be_reached_by_others():
        raise Forbidden(
            "This node can be reached from elsewhere, so this requires the operator's token: Authorization:"
            " Bearer with the contents of operator-token in its state folder"
        )


def require_operator(request: Request) -> None:
    """Let pass who may do what touches all nodes of the deployment: as ``require_upkeep``, by the keys of the
    deployment's own node, whichever node is addressed. Raises Forbidden."""
    require_upkeep(dataclasses.replace(request, node=settings().node))


def may_be_reached_by_others() -> bool:
    """Whether the node serves beyond loopback, as far as it is known where it listens."""
    return bool(settings().listens) and not listens_on_loopback()


def administers(request: Request) -> bool:
    """Whether who asks has a key to administer this node. Raises Forbidden for one that is not known."""
    key = api_key(request)
    return key is not None and "administer" in key.scopes

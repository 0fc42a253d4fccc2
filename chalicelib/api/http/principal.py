"""Who asks, by what they came with: the address, an API key, or what AWS has found out about them.

A key is in ``Authorization: Bearer psk...`` or ``X-API-Key``. Other credentials in ``Authorization`` are
for whoever stands in front of the node.
"""

from chalicelib.api.http import requester
from chalicelib.api.http.request import Request
from chalicelib.api.openapi.operations import header
from chalicelib.domain.errors import Forbidden
from chalicelib.domain.limits import hints as known
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.service.node import api_keys
from chalicelib.service.node.api_keys import PREFIX, ApiKey
from chalicelib.service.tasks import access

HEADER = "X-API-Key"
ARGUMENTS = (
    requester.ARGUMENT,
    header(HEADER, "A key this node gave out; `Authorization: Bearer` takes it too"),
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
            raise Forbidden(f"The API key {key.name} is not for this: it would have to be made to {scope}")
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
        access.require_write(task, request.caller, request.key)


def require_operator(request: Request) -> None:
    """Let pass this host itself and who has a key to administer this node. Raises Forbidden."""
    if not administers(request):
        access.require_operator(request.caller)


def administers(request: Request) -> bool:
    """Whether who asks has a key to administer this node. Raises Forbidden for one that is not known."""
    key = api_key(request)
    return key is not None and "administer" in key.scopes

"""Who asks: the caller, or whom a trusted proxy names in its place
(docs/contract/scheduler.md section 12)."""

import ipaddress

from chalicelib.api.http.router import Request
from chalicelib.api.openapi.operations import header
from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Forbidden, Invalid
from chalicelib.domain.schemas import JSON
from chalicelib.service.node import proxy_credentials

HEADER = "X-pScheduler-Requester"
ARGUMENT = header(
    HEADER, "``address;name;key``: the requester a proxy stands for, and the proxy's credential"
)


def hints(request: Request) -> dict[str, JSON]:
    """What is known of a requester: ``requester``, ``server``, and ``requester-proxied-by`` behind a proxy.

    Where both are the same, it is a proxy that nobody has named, and who asks is not known.

    Raises Invalid for a header that cannot be read, Forbidden for a credential that is not known.
    """
    own: dict[str, JSON] = {"requester": request.caller, "server": request.server}
    if not request.is_caller_known:
        own["requester-proxied-by"] = request.caller
    text = request.headers.get(HEADER)
    if text is None:
        return own
    address, name, key = _parts(text)
    if not proxy_credentials.are_right(request.node, name, key):
        raise Forbidden(f"{HEADER}: the name or the key is unknown here")
    return {**own, "requester": address, "requester-proxied-by": request.caller}


def _parts(text: str) -> tuple[str, str, str]:
    parts = [part.strip() for part in text.split(";", 2)]
    if len(parts) < 3:
        raise Invalid(f"{HEADER}: must be an address, a name and a key, with semicolons between them")
    try:
        return str(ipaddress.ip_address(parts[0].partition("%")[0])), parts[1], parts[2]
    except ValueError as error:
        raise Invalid(f"{HEADER}: {shown(parts[0])} is not an IP address") from error

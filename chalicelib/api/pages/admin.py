"""Pages for those who look after the node, from the machine itself (docs/contract/api.md, Administrative)."""

import logging

from chalicelib.api.http import problems
from chalicelib.api.http.routing import Answer, Request, as_json
from chalicelib.api.openapi.operations import flag, operation
from chalicelib.api.openapi.response_schemas import BOOLEAN
from chalicelib.domain.errors import Forbidden
from chalicelib.infrastructure.addresses import is_loopback
from chalicelib.service.node import debug

LOG = logging.getLogger(__name__)


@operation("Administration", answer=BOOLEAN, errors=[403])
def get_debug(request: Request) -> Answer:
    """Whether the node logs all it can. For the machine itself."""
    _require_loopback(request)
    return as_json(request, debug.is_on())


@operation("Administration", arguments=[flag("state", "On; off if it is absent")], errors=[403])
def put_debug(request: Request) -> Answer:
    """Make the node log all it can, or stop that. For the machine itself.

    Its other processes follow within 15 seconds.
    """
    _require_loopback(request)
    debug.switch(request.flag("state"))
    return Answer("OK")


def _require_loopback(request: Request) -> None:
    if not is_loopback(request.caller):
        raise Forbidden("This is for the machine itself, over its loopback address")


@operation("Administration", answers={405: "To anybody but the machine itself"})
def exception(request: Request) -> Answer:
    """Log a traceback on purpose, to see that it arrives. For the machine itself."""
    if not is_loopback(request.caller):
        refusal = problems.problem(problems.METHOD, 405, "This is for the machine itself", request.headers)
        return refusal.with_headers(Allow="OPTIONS")
    try:
        raise RuntimeError("This was asked for at /exception")
    except RuntimeError:
        LOG.exception("Nothing is wrong")
    return Answer("An exception was raised and logged, as asked for")

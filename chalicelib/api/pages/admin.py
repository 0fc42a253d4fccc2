"""Pages for those who look after the node, from the machine itself (docs/contract/api.md, Administrative)."""

import logging

from chalicelib.api.http import principal, problems
from chalicelib.api.http.router import Answer, Request, as_json
from chalicelib.api.openapi.operations import flag, operation
from chalicelib.api.openapi.response_schemas import BOOLEAN
from chalicelib.infrastructure.addresses import is_loopback
from chalicelib.service.node import debug

LOG = logging.getLogger(__name__)


@operation("Administration", answer=BOOLEAN, errors=[403])
def get_debug(request: Request) -> Answer:
    """Get whether debug logging is on. Reserved for the machine itself, or the node's operator."""
    principal.require_upkeep(request)
    return as_json(request, debug.is_on())


@operation("Administration", arguments=[flag("state", "On; off if absent")], errors=[403])
def put_debug(request: Request) -> Answer:
    """Turn debug logging on or off.

    Reserved for the machine itself, or the node's operator. The node's other processes follow within 90
    seconds.
    """
    principal.require_upkeep(request)
    debug.switch(request.flag("state"))
    return Answer("OK")


@operation("Administration", answers={405: "For anybody but the machine itself"})
def exception(request: Request) -> Answer:
    """Log a traceback on purpose, to test the log. Only from the node's own machine."""
    if request.is_forwarded or not is_loopback(request.caller):
        refusal = problems.problem(
            problems.METHOD, 405, "Only this machine itself may do this", request.headers
        )
        return refusal.with_headers(Allow="OPTIONS")
    try:
        raise RuntimeError("This was asked for at /exception")
    except RuntimeError:
        LOG.exception("Nothing is wrong")
    return Answer("An exception was raised and logged, as asked for")

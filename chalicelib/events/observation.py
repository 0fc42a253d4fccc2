"""What is done around every event: it gets a correlation id, a line in the log, and is counted."""

import time
from collections.abc import Callable
from typing import Any

from chalicelib.domain.telemetry import REQUESTS
from chalicelib.infrastructure import logs, process_counters


def observed(event: Any, respond: Callable[[Any], Any]) -> Any:
    """Have an event responded to, and observe that. A request brings its correlation id, if it has one."""
    if hasattr(event, "method"):
        return _request(event, respond)
    try:
        with logs.about(request=_request_id(event)):
            return respond(event)
    finally:
        process_counters.flush()


def _request(event: Any, respond: Callable[[Any], Any]) -> Any:
    told = event.headers.get("x-correlation-id") or event.headers.get("x-request-id")
    began = time.monotonic()
    with logs.about(correlation=logs.correlation_of(told), request=event.context.get("requestId")):
        response = respond(event)
        status = getattr(response, "status_code", 0)
        logs.request(event.method, event.path, status, time.monotonic() - began)
    process_counters.count(REQUESTS, status=str(status))
    process_counters.flush()
    return response


def _request_id(event: Any) -> str | None:
    return getattr(getattr(event, "context", None), "aws_request_id", None)

"""Pages of statistics (docs/contract/api.md, Statistics). Each is counted in an index; nothing is scanned."""

import datetime as dt

from chalicelib.api.http.router import Answer, Request, as_json
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import operation, word
from chalicelib.domain import echoes
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.run_states import State
from chalicelib.domain.times import parse_duration, parse_timestamp
from chalicelib.service.node import pause as pausing
from chalicelib.store import delivery_table, outbox_table, run_totals

COUNTED = (
    State.PENDING,
    State.ON_DECK,
    State.RUNNING,
    State.CLEANUP,
    State.FINISHED,
    State.OVERDUE,
    State.MISSED,
    State.FAILED,
    State.PREEMPTED,
    State.NONSTART,
)


PAUSE = response_schemas.shape(
    {"is_paused": response_schemas.BOOLEAN},
    {"infinite": response_schemas.BOOLEAN, "remaining": response_schemas.DURATION},
)


@operation("Statistics", answer=PAUSE)
def pause(request: Request) -> Answer:
    """Get whether the node is paused, and for how long."""
    return as_json(request, pausing.describe(request.node, request.now))


@operation("Statistics")
def archiving_backlog(request: Request) -> Answer:
    """Count deliveries whose next attempt is overdue."""
    return Answer(str(delivery_table.count_due(request.node, request.now)))


@operation("Statistics")
def archiving_upcoming(request: Request) -> Answer:
    """Count deliveries whose next attempt is still to come."""
    return Answer(str(delivery_table.count_upcoming(request.node, request.now)))


@operation("Statistics")
def http_queue_backlog(request: Request) -> Answer:
    """Count queued requests to other nodes that were never attempted."""
    return Answer(str(outbox_table.backlog(request.node)))


@operation("Statistics")
def http_queue_length(request: Request) -> Answer:
    """Count all queued requests to other nodes."""
    return Answer(str(outbox_table.length(request.node)))


_BOUND = "as an instant or as a duration from now such as -PT1H"


@operation(
    "Statistics",
    arguments=[
        word("start", f"Only runs that start then or later, {_BOUND}"),
        word("end", f"Only runs that start then or earlier, {_BOUND}"),
    ],
    path={"state": {"enum": [state.value for state in COUNTED]}},
)
def runs(request: Request, state: str) -> Answer:
    """Count the runs in a state; ``start`` and ``end`` bound when they start."""
    names = {one.value: one for one in COUNTED}
    if state not in names:
        raise NotFound(f"There is no count of {echoes.name(state)} runs, only of {', '.join(names)}")
    start, end = _bound(request, "start"), _bound(request, "end")
    if start and end and start > end:
        start, end = end, start
    return Answer(str(run_totals.count(request.node, names[state], request.now, start, end)))


def _bound(request: Request, name: str) -> dt.datetime | None:
    """An instant, or a duration from now with its sign. A plus that was not encoded comes as a blank."""
    text = request.args.get(name)
    if text is None:
        return None
    try:
        if text[:1] in ("-", "+", " ") and text[1:2] == "P":
            step = parse_duration(text[1:])
            return request.now - step if text[0] == "-" else request.now + step
        return parse_timestamp(text)
    except Invalid as error:
        raise Invalid(f"{name}: {error}, nor a duration from now such as -PT1H") from error

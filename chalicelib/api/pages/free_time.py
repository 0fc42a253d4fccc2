"""The page that says how much time is still free (an addition to the reference's API)."""

import datetime as dt

from chalicelib.api.http.routing import Answer, Request, as_json
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import moment, operation
from chalicelib.domain.availability import Free, free_by_class
from chalicelib.domain.conflicts import Range
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import HORIZON
from chalicelib.domain.times import format_duration, format_timestamp
from chalicelib.store import timeline

WIDEST_WINDOW = dt.timedelta(days=31)

FREE = response_schemas.shape(
    {
        "percent": {"type": "number", "minimum": 0, "maximum": 100},
        "total": response_schemas.DURATION,
        "longest": response_schemas.DURATION,
    }
)
ANSWER = response_schemas.shape(
    {
        "start": response_schemas.TIME,
        "end": response_schemas.TIME,
        "free": response_schemas.shape(
            dict.fromkeys(("exclusive", "normal", "background", "background-multi"), FREE)
        ),
    }
)


@operation(
    "Schedule",
    arguments=[
        moment("start", "Now, if absent; within 31 days of it"),
        moment("end", "A schedule horizon after the start, if absent; 31 days at most"),
    ],
    answer=ANSWER,
)
def availability(request: Request) -> Answer:
    """How much of a stretch of time runs of each class could still have.

    All in all and in one piece, whatever their priority.
    """
    span = _span(request)
    free = free_by_class(timeline.read_entries(request.node, span.lower, span.upper), span)
    document = {
        "start": format_timestamp(span.lower),
        "end": format_timestamp(span.upper),
        "free": {name: _described(found) for name, found in free.items()},
    }
    return as_json(request, document)


def _span(request: Request) -> Range:
    start = request.moment("start") or request.now
    if abs(start - request.now) > WIDEST_WINDOW:
        raise Invalid(f"start: must be within {format_duration(WIDEST_WINDOW)} of now")
    end = request.moment("end") or start + HORIZON
    if end <= start:
        raise Invalid("end: must be after the start")
    if end - start > WIDEST_WINDOW:
        raise Invalid(f"end: must be within {format_duration(WIDEST_WINDOW)} of the start")
    return Range(start, end)


def _described(free: Free) -> dict[str, JSON]:
    return {
        "percent": free.percent,
        "total": format_duration(free.total),
        "longest": format_duration(free.longest),
    }

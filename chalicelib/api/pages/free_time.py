"""The page that says how much time is still free: ``availability`` as release 5.3 has it, and more."""

import datetime as dt

from chalicelib.api.http.router import Answer, Request, as_json
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import Argument, moment, operation
from chalicelib.domain.availability import Free, fraction_free, free_by_class
from chalicelib.domain.conflicts import Range
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import HORIZON
from chalicelib.domain.times import ZERO, format_duration, format_timestamp, parse_duration
from chalicelib.domain.types import TYPES
from chalicelib.store import timeline

WIDEST_WINDOW = dt.timedelta(days=31)

_SIGNED_DURATION = {"anyOf": [TYPES["Duration"], {"type": "string", "pattern": "^-P"}]}
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
        "availability": {"type": "number", "minimum": 0, "maximum": 1},
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
        Argument(
            "next", "Instead of both: this long from now, or into the past if negative", _SIGNED_DURATION
        ),
    ],
    answer=ANSWER,
)
def availability(request: Request) -> Answer:
    """Get how much of a period is free.

    `availability` is the fraction of it without an exclusive run; `free` is the time that runs of each
    class could still get, in total and in one piece, whatever their priority. Runs are deleted two days after
    their end: earlier time counts as free.
    """
    span = _span(request)
    entries = timeline.read_entries(request.node, span.lower, span.upper)
    free = free_by_class(entries, span)
    document: dict[str, JSON] = {
        "start": format_timestamp(span.lower),
        "end": format_timestamp(span.upper),
        "availability": fraction_free(entries, span),
        "free": {name: _described(found) for name, found in free.items()},
    }
    return as_json(request, document)


def _span(request: Request) -> Range:
    if "next" in request.args:
        return _next(request)
    start = request.moment("start") or request.now
    if abs(start - request.now) > WIDEST_WINDOW:
        raise Invalid(f"start: must be within {format_duration(WIDEST_WINDOW)} of now")
    end = request.moment("end") or start + HORIZON
    if end <= start:
        raise Invalid("end: must be after the start")
    if end - start > WIDEST_WINDOW:
        raise Invalid(f"end: must be within {format_duration(WIDEST_WINDOW)} of the start")
    return Range(start, end)


def _next(request: Request) -> Range:
    if {"start", "end"} & set(request.args):
        raise Invalid("next: cannot be combined with start or end")
    text = request.args["next"]
    is_past = text.startswith("-")
    try:
        length = parse_duration(text.removeprefix("-"))
    except Invalid as error:
        raise Invalid(f"next: {error}") from error
    if not ZERO < length <= WIDEST_WINDOW:
        raise Invalid(f"next: must be longer than zero, and {format_duration(WIDEST_WINDOW)} at most")
    return Range(request.now - length, request.now) if is_past else Range(request.now, request.now + length)


def _described(free: Free) -> dict[str, JSON]:
    return {
        "percent": free.percent,
        "total": format_duration(free.total),
        "longest": format_duration(free.longest),
    }

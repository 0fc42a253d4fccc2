"""Pages about the node itself (contract/api.md, Administrative)."""

from chalicelib.api.http import API_LEVEL, Answer, Request, as_json
from chalicelib.api.operations import operation
from chalicelib.api.shapes import CLOCK, DURATION, STATUS, STRING
from chalicelib.domain.task import HORIZON
from chalicelib.domain.times import format_duration, format_timestamp
from chalicelib.outside.clock import clock_state
from chalicelib.service import heartbeats
from chalicelib.settings import settings


@operation("Node", answer=STRING)
def root(request: Request) -> Answer:
    """A sign of life.

    Clients take any string for one.
    """
    return as_json(request, "This is a pScheduler node.")


@operation("Node", answer={"const": API_LEVEL})
def api(request: Request) -> Answer:
    """The highest API level this node speaks."""
    return as_json(request, API_LEVEL)


@operation("Node", answer=STRING)
def hostname(request: Request) -> Answer:
    """The name this node has among participants."""
    return as_json(request, settings().hostname)


@operation("Node", answer=DURATION)
def schedule_horizon(request: Request) -> Answer:
    """How far ahead runs are placed."""
    return as_json(request, format_duration(HORIZON))


@operation("Node", answer=CLOCK)
def clock(request: Request) -> Answer:
    """The time here, and whether it can be trusted."""
    return as_json(request, clock_state(request.now))


@operation("Node", answer=STATUS)
def status(request: Request) -> Answer:
    """When each part of the node last worked, and when runs were last placed and finished."""
    document = {
        "time": format_timestamp(request.now),
        "limits": {"ok": True},
        **heartbeats.describe(request.now),
    }
    return as_json(request, document)

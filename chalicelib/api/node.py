"""Pages about the node itself (contract/api.md, Administrative)."""

from chalicelib.api.http import API_LEVEL, Answer, Request, as_json
from chalicelib.domain.task import HORIZON
from chalicelib.domain.times import format_duration, format_timestamp
from chalicelib.outside.clock import clock_state
from chalicelib.service import heartbeats
from chalicelib.settings import settings


def root(request: Request) -> Answer:
    """A string: clients take any string for a sign of life."""
    return as_json(request, "This is a pScheduler node.")


def api(request: Request) -> Answer:
    return as_json(request, API_LEVEL)


def hostname(request: Request) -> Answer:
    return as_json(request, settings().hostname)


def schedule_horizon(request: Request) -> Answer:
    return as_json(request, format_duration(HORIZON))


def clock(request: Request) -> Answer:
    return as_json(request, clock_state(request.now))


def status(request: Request) -> Answer:
    document = {
        "time": format_timestamp(request.now),
        "limits": {"ok": True},
        **heartbeats.describe(request.now),
    }
    return as_json(request, document)

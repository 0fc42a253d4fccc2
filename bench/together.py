"""Two nodes on loopback: posting tasks of both, and agreeing on runs."""

import time
from typing import Any

from bench.benched_node import delete, detail, free_port, peering, post, start
from bench.load import spread

LEAD, OTHER = "127.0.0.1", "127.0.0.2"
POSTS = 20
FILLING = 15.0
"""Seconds in which runs are counted."""


def together() -> list[dict[str, Any]]:
    """Rows of what it takes two nodes to share tasks."""
    port = free_port()
    variables = peering(port)
    with start(LEAD, port, variables) as lead, start(OTHER, port, variables):
        _posts(lead.base, 3)  # warms everything up
        times = _posts(lead.base, POSTS)
        filled = _filled(lead.base)
    return [
        spread("POST a task of two participants", times),
        {"what": "runs of two participants agreed on, a second", "figure": filled},
    ]


def _idle(**schedule: Any) -> dict[str, Any]:
    spec = {"schema": 2, "duration": "PT1S", "host": [LEAD, OTHER]}
    return {"schema": 1, "test": {"type": "idle", "spec": spec}, "schedule": schedule}


def _posts(base: str, count: int) -> list[float]:
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        post(base, "/tasks", _idle())
        times.append((time.perf_counter() - begun) * 1000)
    return times


def _filled(base: str) -> float:
    """Runs a second that a repeating task gets, until its horizon is full or the time is up."""
    begun = time.monotonic()
    task = post(base, "/tasks", _idle(repeat="PT1M"))
    time.sleep(FILLING)
    rate: float = detail(task)["runs"] / (time.monotonic() - begun)
    delete(task)
    return rate

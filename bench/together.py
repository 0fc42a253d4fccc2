"""Two nodes on loopback: posting tasks of both, and agreeing on runs."""

import json
import time
import urllib.request
from typing import Any

from bench.load import percentile
from bench.node import free_port, post, start

LEAD, OTHER = "127.0.0.1", "127.0.0.2"
POSTS = 20
FILLING = 15.0
"""Seconds in which runs are counted."""


def together() -> list[dict[str, Any]]:
    """Rows of what it takes two nodes to share tasks."""
    port = free_port()
    variables = {"PSCHEDULER_PEER_SCHEME": "http", "PSCHEDULER_PEER_PORT": str(port)}
    with start(LEAD, port, variables) as lead, start(OTHER, port, variables):
        _posts(lead.base, 3)  # warms everything up
        times = _posts(lead.base, POSTS)
        filled = _filled(lead.base)
    return [
        _row("POST a task of two participants", times),
        {"what": "runs of two participants agreed on, a second", "figure": filled},
    ]


def _row(what: str, times: list[float]) -> dict[str, Any]:
    return {"what": what, "p50 ms": percentile(times, 50), "p95 ms": percentile(times, 95)}


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
    with urllib.request.urlopen(f"{task}?detail=1", timeout=30) as answer:
        runs: int = json.load(answer)["detail"]["runs"]
    rate = runs / (time.monotonic() - begun)
    urllib.request.urlopen(urllib.request.Request(task, method="DELETE"), timeout=30).close()
    return rate

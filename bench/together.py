"""Several nodes on loopback: posting tasks of two, agreeing on runs, and a participant that never answers."""

import contextlib
import json
import os
import signal
import statistics
import time
import urllib.request
from typing import Any

from bench.load import percentile
from bench.node import Served, free_port, post, start

LEAD, OTHER, FROZEN = "127.0.0.1", "127.0.0.2", "127.0.0.3"
POSTS, STUCK = 20, 20
LATER = 30
"""Seconds after which the tasks of the frozen node are to be planned."""
FILLING = 15.0
"""Seconds in which runs are counted."""


def together(port: int | None = None) -> list[dict[str, Any]]:
    """Rows of what it takes two nodes to share tasks, with and without a third that is frozen."""
    port = port or free_port()
    variables = {"PSCHEDULER_PEER_SCHEME": "http", "PSCHEDULER_PEER_PORT": str(port)}
    with contextlib.ExitStack() as nodes:
        lead, _, frozen = (
            nodes.enter_context(start(address, port, variables)) for address in (LEAD, OTHER, FROZEN)
        )
        _posts(lead.base, _idle(OTHER), 3)  # warms everything up
        healthy = _posts(lead.base, _idle(OTHER), POSTS)
        filled = _filled(lead.base)
        with _freezing(lead, frozen):
            beside = _posts(lead.base, _idle(OTHER), POSTS)
    slower = statistics.median(beside) / statistics.median(healthy) - 1
    return [
        _row("POST a task of two participants", healthy),
        {"what": "runs of two participants agreed on, a second", "figure": filled},
        _row(f"POST beside {STUCK} tasks of a participant that never answers", beside),
        {"what": "slower by, %", "figure": 100 * slower},
    ]


def _row(what: str, times: list[float]) -> dict[str, Any]:
    return {"what": what, "p50 ms": percentile(times, 50), "p95 ms": percentile(times, 95)}


def _idle(host: str, **schedule: Any) -> dict[str, Any]:
    spec = {"schema": 2, "duration": "PT1S", "host": [LEAD, host]}
    return {"schema": 1, "test": {"type": "idle", "spec": spec}, "schedule": schedule}


def _posts(base: str, task: dict[str, Any], count: int) -> list[float]:
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        post(base, "/tasks", task)
        times.append((time.perf_counter() - begun) * 1000)
    return times


def _filled(base: str) -> float:
    """Runs a second that a repeating task gets, until its horizon is full or the time is up."""
    begun = time.monotonic()
    task = post(base, "/tasks", _idle(OTHER, repeat="PT1M"))
    time.sleep(FILLING)
    with urllib.request.urlopen(f"{task}?detail=1", timeout=30) as answer:
        runs: int = json.load(answer)["detail"]["runs"]
    rate = runs / (time.monotonic() - begun)
    urllib.request.urlopen(urllib.request.Request(task, method="DELETE"), timeout=30).close()
    return rate


@contextlib.contextmanager
def _freezing(lead: Served, node: Served) -> Any:
    """Tasks shared with a node that then accepts connections and never answers."""
    begun = time.monotonic()
    for _ in range(STUCK):
        # Planned at its start, and again with every tick while its slip lasts.
        post(lead.base, "/tasks", _idle(FROZEN, start=f"PT{LATER}S", slip="P1D"))
    os.kill(node.pid, signal.SIGSTOP)
    try:
        time.sleep(max(0.0, begun + LATER + 5 - time.monotonic()))
        yield
    finally:
        os.kill(node.pid, signal.SIGCONT)

"""Load on one endpoint: requests a second and how long they take."""

import dataclasses
import http.client
import json
import math
import threading
import time
import urllib.parse
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Call:
    """One kind of request: ``path`` and ``body`` are made anew for each."""

    name: str
    method: str
    path: Callable[[], str]
    body: Callable[[], Any] | None = None
    seconds: float = 3.0


@dataclasses.dataclass(frozen=True)
class Load:
    """What came of it: times in milliseconds."""

    name: str
    connections: int
    rate: float
    p50: float
    p95: float
    requests: int
    failed: int


def load(base: str, call: Call, connections: int) -> Load:
    """Call for a while over a number of kept-alive connections."""
    times: list[float] = []
    failures: list[int] = []
    until = time.monotonic() + call.seconds
    threads = [
        threading.Thread(target=_caller, args=(base, call, until, times, failures))
        for _ in range(connections)
    ]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = len(times) / (time.monotonic() - begun)
    return Load(
        call.name, connections, rate, percentile(times, 50), percentile(times, 95), len(times), len(failures)
    )


def _caller(base: str, call: Call, until: float, times: list[float], failures: list[int]) -> None:
    where = urllib.parse.urlsplit(base)
    link = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    while time.monotonic() < until:
        body = json.dumps(call.body()) if call.body else None
        begun = time.perf_counter()
        link.request(call.method, where.path + call.path(), body, {"Content-Type": "application/json"})
        answer = link.getresponse()
        answer.read()
        times.append((time.perf_counter() - begun) * 1000)
        if answer.status != 200:
            failures.append(answer.status)
    link.close()


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that at least so many percent do not exceed; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def spread(what: str, times: list[float]) -> dict[str, Any]:
    """A row of a table that says how long something took, in milliseconds."""
    return {
        "what": what,
        "p50 ms": percentile(times, 50),
        "p95 ms": percentile(times, 95),
        "longest ms": max(times),
    }

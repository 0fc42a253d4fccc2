"""What others get meanwhile: how soon the node answers, and whether their tasks are kept and run on time."""

import http.client
import threading
import time
from collections import Counter
from typing import Any

from bench.attack.victim import Victim
from bench.load import percentile

IDLE = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT1S"}}, "schedule": {}}
ASK_EVERY = 0.02


class Prober(threading.Thread):
    """Asks for / again and again, over one connection or over a new one each time."""

    def __init__(self, port: int, keeps_connection: bool):
        super().__init__(daemon=True)
        self._port, self._keeps = port, keeps_connection
        self._done = threading.Event()
        self.times: list[float] = []
        self.failures: Counter[str] = Counter()

    def run(self) -> None:
        link = self._new()
        while not self._done.wait(ASK_EVERY):
            began = time.perf_counter()
            try:
                link.request("GET", "/pscheduler/")
                answer = link.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failures[str(answer.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures[type(error).__name__] += 1
                link.close()
                link = self._new()
            self.times.append((time.perf_counter() - began) * 1000)
            if not self._keeps:
                link.close()
                link = self._new()
        link.close()

    def _new(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)

    def figures(self) -> dict[str, Any]:
        """Stop asking; what came of it."""
        self._done.set()
        self.join(60)
        return {
            "GET /": "kept connection" if self._keeps else "new connections",
            "asked": len(self.times),
            "p50 ms": percentile(self.times, 50),
            "p99 ms": percentile(self.times, 99),
            "longest ms": max(self.times, default=0.0),
            "failed": dict(self.failures),
        }


class Poster(threading.Thread):
    """Posts a task of a second so many times a second, and remembers what was answered."""

    def __init__(self, victim: Victim, rate: float):
        super().__init__(daemon=True)
        self._victim, self._apart = victim, 1 / rate
        self._done = threading.Event()
        self.hrefs: list[str] = []
        self.statuses: Counter[str] = Counter()

    def run(self) -> None:
        began, number = time.monotonic(), 0
        while not self._done.wait(max(0.0, began + number * self._apart - time.monotonic())):
            number += 1
            threading.Thread(target=self._post, daemon=True).start()

    def _post(self) -> None:
        try:
            status, said = self._victim.ask("POST", "/tasks", IDLE, timeout=60)
        except (OSError, http.client.HTTPException) as error:
            self.statuses[type(error).__name__] += 1
            return
        self.statuses[str(status)] += 1
        if status == 200:
            self.hrefs.append(said)

    def stop(self) -> None:
        self._done.set()
        self.join(10)


def outcomes(victim: Victim, hrefs: list[str], patience: float = 60) -> Counter[str]:
    """The states of the first runs of tasks once they are over; "lost" counts tasks that are not there."""
    states: Counter[str] = Counter()
    until = time.monotonic() + patience
    for href in hrefs:
        path = victim.path_of(href)
        while True:
            status, run = victim.ask("GET", f"{path}/runs/first?wait=0")
            is_over = status != 200 or run["state"] not in ("pending", "on-deck", "running", "cleanup")
            if is_over or time.monotonic() > until:
                break
            time.sleep(0.5)
        is_lost = status == 404 and victim.ask("GET", path)[0] == 404
        states["lost" if is_lost else run["state"] if status == 200 else f"status {status}"] += 1
    return states

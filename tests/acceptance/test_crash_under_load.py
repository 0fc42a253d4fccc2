"""A node is killed again and again while tasks are posted, planned and run: nothing answered is lost.

Every task measures a URL of its own on a server here, which counts: a run that started twice would ask twice.
``NODE_KILLS`` says how often.
"""

import contextlib
import http.client
import http.server
import itertools
import json
import os
import pathlib
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.acceptance.nodes import Node, free_port, start

KILLS = int(os.environ.get("NODE_KILLS", "3"))
BETWEEN = 12
"""Tasks that are answered from one kill to the next."""
PATIENCE = 150
"""Seconds in which every run is over: those under way at a kill are given up 30 s after their time."""
OVER = {"finished", "failed", "missed", "overdue", "nonstart", "canceled", "preempted"}
RUNS = 3


@pytest.fixture
def asked() -> Iterator[tuple[int, Counter[str]]]:
    """A server's port, and how often it was asked for what."""
    counted: Counter[str] = Counter()

    class Counting(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            counted[self.path] += 1
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield server.server_port, counted
    server.shutdown()
    serving.join()
    server.server_close()


class Load:
    """Tasks posted one after the other, for as long as somebody answers, and again when somebody does."""

    def __init__(self, port: int, target: int):
        self.answered: dict[str, str] = {}
        """What each task that was answered 200 asks for, by its href."""
        self._port, self._target = port, target
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._post)
        self._thread.start()

    def _post(self) -> None:
        for number in itertools.count():
            if self._stopping.is_set():
                return
            try:
                self._post_one(number)
            except (OSError, http.client.HTTPException):
                self._stopping.wait(0.05)

    def _post_one(self, number: int) -> None:
        path = f"/{number}"
        spec = {"url": f"http://127.0.0.1:{self._target}{path}", "timeout": "PT5S"}
        schedule = {"repeat": "PT3S", "max-runs": RUNS} if number % 3 == 0 else {"start": "PT2S"}
        task = {"schema": 1, "test": {"type": "http", "spec": spec}, "schedule": schedule}
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        with contextlib.closing(link):
            link.request("POST", "/pscheduler/tasks", json.dumps(task))
            answer = link.getresponse()
            text = answer.read().decode()
        assert answer.status == 200, text
        self.answered[json.loads(text)] = path

    def wait_for(self, count: int) -> None:
        until = time.monotonic() + 60
        while len(self.answered) < count:
            assert self._thread.is_alive()
            assert time.monotonic() < until, "nobody answers"
            time.sleep(0.005)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()


@pytest.mark.slow(45)
@pytest.mark.timeout(300 + 20 * KILLS)
def test_nothing_answered_is_lost_and_nothing_starts_twice(
    tmp_path: pathlib.Path, asked: tuple[int, Counter[str]]
) -> None:
    port, (target, counted), chooser = free_port(), asked, random.Random(KILLS)
    node = start(tmp_path / "node", port, "--period", "2")
    load = Load(port, target)
    try:
        for _ in range(KILLS):
            load.wait_for(len(load.answered) + BETWEEN)
            time.sleep(chooser.uniform(0, 1))
            node.kill()
            node = start(tmp_path / "node", port, "--period", "2")
        load.wait_for(len(load.answered) + BETWEEN)
        load.stop()
        ended = when_over(node, list(load.answered))
        asked_for = dict(counted)
        later = {href: states(node, href) for href in ended}
    finally:
        load.stop()
        node.stop()

    assert len(load.answered) >= BETWEEN * (KILLS + 1)
    assert all(ended.values())
    assert {state for found in ended.values() for state in found.values()} <= OVER
    assert changed(ended, later) == {}
    runs = {path: len(later[href]) for href, path in load.answered.items()}
    assert {path: times for path, times in asked_for.items() if times > runs.get(path, RUNS)} == {}
    assert sum(list(found.values()) == ["finished"] for found in ended.values()) > 0


def states(node: Node, task: str) -> dict[str, str]:
    """The states of a task's runs, by their hrefs; the task has to be there."""
    status, found = node.ask("GET", f"{task}/runs?expanded=1")
    assert status == 200, found
    return {run["href"]: run["state"] for run in found}


def when_over(node: Node, tasks: list[str]) -> dict[str, dict[str, str]]:
    """The runs of all tasks once each has one, and every run is over."""
    until = time.monotonic() + PATIENCE
    left, found = set(tasks), {}
    while left and time.monotonic() < until:
        for task in list(left):
            found[task] = states(node, task)
            if found[task] and set(found[task].values()) <= OVER:
                left.discard(task)
        time.sleep(0.5)
    return found


def changed(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> dict[str, str]:
    """Runs that were over and ended otherwise afterwards."""
    return {
        run: after[task][run]
        for task, runs in before.items()
        for run, state in runs.items()
        if after[task].get(run) != state
    }

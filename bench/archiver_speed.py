"""``python -m bench archiving``: a healthy sink beside ten that accept connections and never answer.

Two processes at the same time, each on an embedded engine of its own, so that both have the same machine:
one with the healthy sink alone, one with a thousand deliveries waiting for each of the others besides.
Results are stored as a runner stores them, and the healthy sink notes when each arrives.
"""

import contextlib
import http.server
import json
import multiprocessing
import pathlib
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

from bench.load import percentile
from local import environment

SINKS, EACH = 10, 1000
IN_A_RUN = 4
"""Archives of a run that lead to the same hanging sink."""
RESULTS, APART = 300, 0.05
"""Results for the healthy sink in each spell, and seconds between them."""
PATIENCE = 60.0


class _Healthy(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.arrived: dict[str, float] = {}


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Healthy
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        result = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.arrived.setdefault(result["id"], time.monotonic())
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


@contextlib.contextmanager
def _hanging() -> Iterator[list[int]]:
    """The ports of sinks that take connections, and what they say, and never answer."""
    with contextlib.ExitStack() as stack:
        sinks = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128)) for _ in range(SINKS)
        ]
        yield [sink.getsockname()[1] for sink in sinks]


@contextlib.contextmanager
def _node() -> Iterator[None]:
    """The clocks and queues of a node in this process."""
    from local.engine import Engine
    from local.inprocess import drive

    environment.set_environment()
    with tempfile.TemporaryDirectory(prefix="bench-") as state, Engine(pathlib.Path(state) / "state.sqlite"):
        environment.create_everything()
        from app import app

        drivers = drive(app)
        try:
            yield
        finally:
            drivers.stop(1)


def archiving() -> list[dict[str, Any]]:
    """Rows of milliseconds from a result's being stored until the healthy sink has it."""
    spawned = multiprocessing.get_context("spawn")
    both, told = spawned.Barrier(2), spawned.Queue()
    sides = [spawned.Process(target=_side, args=(hanging, both, told)) for hanging in (False, True)]
    for side in sides:
        side.start()
    found = dict(told.get(timeout=600) for _ in sides)
    for side in sides:
        side.join()
    rows = [
        _row("alone", found[False][1]),
        _row(f"beside {SINKS} hanging sinks of {EACH} deliveries", found[True][1]),
        _row("while those are being stored and taken", found[True][0]),
    ]
    more = 100 * (rows[1]["p95 ms"] / rows[0]["p95 ms"] - 1)
    return [*rows, {"what": "p95 more, percent", "p50 ms": None, "p95 ms": more, "arrived": None}]


def _side(hanging: bool, both: Any, told: Any) -> None:
    """One of the two: tells the times of a first spell, the others being taken, and of a second."""
    with _node(), _hanging() as ports, _Healthy() as healthy:
        threading.Thread(target=healthy.serve_forever, daemon=True).start()
        _times(healthy, 50)  # warms everything up
        if hanging:
            _load(ports)
        both.wait()
        first = _times(healthy, RESULTS)
        _until_taken()
        both.wait()
        second = _times(healthy, RESULTS)
        both.wait()  # neither stops while the other is at it
        healthy.shutdown()
    told.put((hanging, (first, second)))


def _row(what: str, times: list[float]) -> dict[str, Any]:
    return {
        "what": what,
        "p50 ms": percentile(times, 50),
        "p95 ms": percentile(times, 95),
        "arrived": len(times),
    }


def _times(healthy: _Healthy, count: int) -> list[float]:
    url = f"http://127.0.0.1:{healthy.server_port}/"
    stored = {}
    for _ in range(count):
        began = time.monotonic()
        stored[_result([_archive(url)])] = began
        time.sleep(max(0.0, began + APART - time.monotonic()))
    until = time.monotonic() + PATIENCE
    while not stored.keys() <= healthy.arrived.keys() and time.monotonic() < until:
        time.sleep(0.05)
    return [1000 * (healthy.arrived[run] - at) for run, at in stored.items() if run in healthy.arrived]


def _until_taken() -> None:
    """Wait until the node has taken what waits in its queue, or cannot."""
    from chalicelib.infrastructure import queues

    until = time.monotonic() + PATIENCE
    while queues.load(queues.DELIVERIES).waiting and time.monotonic() < until:
        time.sleep(0.2)


def _load(ports: list[int]) -> None:
    """A thousand deliveries for each hanging sink."""
    archives = [_archive(f"http://127.0.0.1:{port}/") for port in ports for _ in range(IN_A_RUN)]
    for _ in range(EACH // IN_A_RUN):
        _result(archives)


def _archive(url: str) -> dict[str, Any]:
    return {"archiver": "http", "data": {"schema": 4, "_url": url, "timeout": "PT30S"}, "ttl": "PT6H"}


def _result(archives: list[dict[str, Any]]) -> str:
    """Store a result of a task with these archives, as a runner does; the run's uuid."""
    import datetime as dt

    from chalicelib.domain.names import RunId, TaskId
    from chalicelib.domain.repeat import Schedule
    from chalicelib.domain.run import Run
    from chalicelib.domain.run_states import State
    from chalicelib.domain.task import Task
    from chalicelib.domain.times import SECOND, UTC
    from chalicelib.service.execution import results
    from chalicelib.settings import settings
    from chalicelib.store.transactions.booking import Booking, New, commit

    now, node = dt.datetime.now(UTC), settings().node
    test = {"type": "idle", "spec": {"schema": 1, "duration": "PT1S"}}
    task = Task(
        node=node,
        uuid=TaskId(str(uuid.uuid4())),
        document={"schema": 1, "test": test, "tool": "snooze", "schedule": {}, "archives": archives},
        schedule=Schedule(max_runs=1),
        participants=("here",),
        duration=SECOND,
        scheduling_class="background",
        added=now,
    )
    run = Run(node, task.uuid, RunId(str(uuid.uuid4())), now, now + SECOND, State.RUNNING, now)
    commit(Booking(None, task, [run], new=New()), now)
    over = run.evolve(state=State.FINISHED).with_documents(result_merged={"succeeded": True})
    results.record(task, over, now)
    return run.uuid

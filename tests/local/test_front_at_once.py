"""What the front has answered in its own thread, and what takes a worker all the same."""

import http.client
import json
import threading
from collections.abc import Iterator

import chalice
import pytest

from chalicelib.api.http.answer import Sent
from chalicelib.api.http.request_event import AT_ONCE
from local import gateway
from local.http_server import HttpServer, safe_for_threads
from local.routes import STAGE, Routes

OWN = "front"


def make_app() -> chalice.Chalice:
    """An app that says in which thread it answered; a task called long takes time."""
    app = chalice.Chalice(app_name="threads", configure_logs=False)

    def task(task: str) -> Sent:
        answer = Sent(threading.current_thread().name, headers={"Content-Type": "text/plain"})
        answer.takes_time = task == "long" and app.current_request.context.get(AT_ONCE, False)
        return answer

    def other(**_: str) -> Sent:
        return task("short")

    app.route("/tasks/{task}", methods=["GET", "PUT"], name="task")(task)
    app.route("/tasks/{task}/runs", name="runs")(other)
    return app


@pytest.fixture
def port() -> Iterator[int]:
    front = HttpServer(make_app(), "127.0.0.1", 0, reads_at_once=True)
    yield front.start()
    front.stop()


def thread(port: int, path: str, method: str = "GET") -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, f"/pscheduler{path}")
        return connection.getresponse().read().decode().partition("_")[0]
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/tasks/short", OWN),
        ("GET", "/tasks/long", "front-quick"),
        ("GET", "/tasks/short?detail", "front-quick"),
        ("PUT", "/tasks/short", "front-slow"),
        ("GET", "/tasks/short/runs", "front-lists"),
    ],
)
def test_what_is_read_from_one_item_wakes_no_worker(port: int, method: str, path: str, expected: str) -> None:
    assert thread(port, path, method) == expected


def test_where_the_store_is_behind_a_network_workers_read_it() -> None:
    front = HttpServer(make_app(), "127.0.0.1", 0)
    try:
        assert thread(front.start(), "/tasks/short") == "front-quick"
    finally:
        front.stop()


@pytest.mark.parametrize(
    ("test", "path", "takes_time"),
    [
        ("idle", "", False),
        ("idle", "/runtimes", False),
        ("idleex", "", False),
        ("idleex", "/runtimes", True),
    ],
)
@pytest.mark.usefixtures("sqlite_engine")
def test_only_free_times_among_others_take_time(test: str, path: str, takes_time: bool) -> None:
    from app import app

    spec = {"schema": 1, "duration": "PT1S"}
    document = {"schema": 1, "test": {"type": test, "spec": spec}, "schedule": {}}
    href = json.loads(asked(app, "POST", "/tasks", json.dumps(document).encode()).body)
    found = asked(app, "GET", href[href.index("/tasks/") :] + path)

    assert found.takes_time is takes_time
    assert found.status == (202 if takes_time else 200)


def asked(app: chalice.Chalice, method: str, path: str, body: bytes = b"") -> gateway.Response:
    request = gateway.Request(
        method=method,
        target=f"/{STAGE}{path}",
        headers={"Host": "127.0.0.1:8000", "Content-Type": "application/json"},
        body=body,
        client="127.0.0.1",
        server="127.0.0.1",
        port=8000,
        scheme="http",
    )
    event = gateway.event(request, Routes(app.routes))
    assert event is not None
    early = gateway.at_once(event)
    return gateway.response(safe_for_threads(app)(early or event, gateway.Context("api", 29.0)))

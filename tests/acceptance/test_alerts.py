"""A page goes down and comes back: whoever is to be told is, once each, and whoever listens hears of it."""

import contextlib
import hashlib
import hmac
import http.client
import json
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

from tests.acceptance.nodes import Node, serving
from tests.acceptance.test_stopping import wait_for
from tests.plugins import web

KEY = "a key of more than sixteen letters"
PATIENCE = 60.0


def test_an_outage_is_told_by_signed_web_hook_and_in_the_stream_of_events(tmp_path: pathlib.Path) -> None:
    page, hook = {"/page": (200, {}, b"here")}, {"/hook": (200, {}, b"")}
    with web.serving(page) as target, web.serving(hook) as told, serving(tmp_path / "node") as node:
        put(node, told.url)
        with listening(node) as heard:
            states = [state_after(node, target, status) for status in (200, 503, 503, 200, 200)]
            wait_for(lambda: len(told.asked) == 2, PATIENCE)
            wait_for(lambda: len(alerts(heard)) >= 2, PATIENCE)
        active = node.ask("GET", "/alerts?active")[1]

    assert states == ["ok", "critical", "critical", "ok", "ok"]
    assert [notice(asked)["state"] for asked in told.asked] == ["critical", "ok"]
    assert alerts(heard) == ["critical", "ok"]
    assert active == []


def put(node: Node, url: str) -> None:
    archive = {
        "schema": 3,
        "archiver": "http",
        "data": {"schema": 5, "_url": f"{url}/hook", "_signing-key": KEY},
    }
    rule = {
        "series": {"test": "http"},
        "metric": "http.total",
        "critical": {"above": 1e9},  # what has no time is beyond every bound
        "notify": [archive],
    }
    status, answer = node.ask("PUT", "/alert-rules/down", rule)
    assert status == 200, answer


def state_after(node: Node, target: web.WebServer, status: int) -> str:
    """Have the page answer so, measure it, and tell what its alert is then."""
    target.answers["/page"] = (status, {}, b"here")
    test = {"type": "http", "spec": {"url": f"{target.url}/page"}}
    before = points(node)
    answer, href = node.ask("POST", "/tasks", {"schema": 1, "test": test, "schedule": {}})
    assert answer == 200, href
    wait_for(lambda: points(node) > before, PATIENCE)
    wait_for(lambda: bool(node.ask("GET", "/alerts")[1]), PATIENCE)
    expected = "ok" if status == 200 else "critical"
    with contextlib.suppress(AssertionError):  # the alert comes right behind the point
        wait_for(lambda: state(node) == expected, 10)
    return state(node)


def state(node: Node) -> str:
    (alert,) = node.ask("GET", "/alerts")[1]
    return str(alert["state"])


def points(node: Node) -> int:
    found = node.ask("GET", "/series?test=http")[1]
    return sum(len(node.ask("GET", f"/series/{each['id']}")[1]["points"]["time"]) for each in found)


def notice(asked: tuple[str, str, dict[str, str], bytes]) -> dict[str, Any]:
    """What the hook was sent, whose signature is right."""
    _, _, headers, body = asked
    digest = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Signature-256"] == f"sha256={digest}"
    document: dict[str, Any] = json.loads(body)
    return document


@contextlib.contextmanager
def listening(node: Node) -> Iterator[list[dict[str, Any]]]:
    """The events of a node's stream, as they come."""
    heard: list[dict[str, Any]] = []
    connection = http.client.HTTPConnection(node.address, node.port, timeout=PATIENCE)
    connection.request("GET", "/pscheduler/events", headers={"Accept": "text/event-stream"})
    answer = connection.getresponse()
    assert answer.headers["Content-Type"].startswith("text/event-stream")

    def read() -> None:
        with contextlib.suppress(OSError, AttributeError, ValueError):  # the connection is closed below
            for line in answer:
                if line.startswith(b"data: "):
                    heard.append(json.loads(line.removeprefix(b"data: ")))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    wait_for(lambda: bool(heard), PATIENCE)
    try:
        yield heard
    finally:
        assert connection.sock is not None
        connection.sock.shutdown(2)
        thread.join(10)
        connection.close()


def alerts(heard: list[dict[str, Any]]) -> list[str]:
    return [event["state"] for event in heard if event["type"] == "alert"]

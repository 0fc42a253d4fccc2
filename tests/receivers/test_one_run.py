"""One run of a node, archived everywhere at once: all receivers have one document, that of the API."""

import hashlib
import hmac
import json
import pathlib
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.domain.times import parse_timestamp
from tests.acceptance.nodes import Node, serving
from tests.plugins.web import WebServer
from tests.plugins.web import serving as web_server
from tests.receivers.processes import until
from tests.receivers.test_kafka import Cluster
from tests.receivers.test_kafka import cluster as cluster
from tests.receivers.test_postgresql import Database, taken
from tests.receivers.test_postgresql import database as database
from tests.receivers.test_prometheus import found
from tests.receivers.test_prometheus import server as server
from tests.receivers.test_rabbitmq import Broker
from tests.receivers.test_rabbitmq import broker as broker

KEY = "sign it with this key"
BULK = b'{"errors": false, "items": [{"create": {"status": 201}}]}'
Receive = Callable[[], Any]


class Sockets:
    """Where tcp and udp come in."""

    def __init__(self, listener: socket.socket, datagrams: socket.socket):
        self.port: int = listener.getsockname()[1]
        self.stream, self.datagram = b"", b""
        self._listener, self._datagrams = listener, datagrams
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._accept, self._receive)]
        for thread in self._threads:
            thread.start()

    def _accept(self) -> None:
        end, _ = self._listener.accept()
        with end, end.makefile("rb") as stream:
            self.stream = stream.read()

    def _receive(self) -> None:
        self.datagram = self._datagrams.recv(65536)


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind(listener.getsockname())
        listener.settimeout(120)
        datagrams.settimeout(120)
        yield Sockets(listener, datagrams)


@pytest.fixture
def web() -> Iterator[WebServer]:
    answers = {path: (200, {}, b"{}") for path in ("/results", "/v1/metrics")}
    with web_server({**answers, "/_bulk": (200, {}, BULK)}) as found:
        yield found


def asked(web: WebServer, path: str) -> tuple[dict[str, str], bytes]:
    (one,) = [(headers, body) for _, where, headers, body in web.asked if where == path]
    return one


def of_web(web: WebServer, sockets: Sockets) -> dict[str, tuple[dict[str, Any], Receive]]:
    """Settings of archivers that go to servers of ours, and what those then have."""
    there = {"host": "127.0.0.1", "port": sockets.port}
    return {
        "http": (
            {"schema": 5, "_url": f"{web.url}/results", "_signing-key": KEY},
            lambda: json.loads(asked(web, "/results")[1]),
        ),
        "opensearch": ({"_url": web.url, "index": "results"}, lambda: bulk(asked(web, "/_bulk")[1])),
        "tcp": (there, lambda: json.loads(sockets.stream)),
        "udp": ({**there, "payload-size": 60000}, lambda: json.loads(sockets.datagram)),
    }


def bulk(body: bytes) -> Any:
    action, document = (json.loads(line) for line in body.splitlines())
    assert action == {"create": {"_index": "results", "_id": document["id"]}}
    assert document.pop("@timestamp") == document["schedule"]["start"]
    return document


def of_broker(broker: Broker) -> tuple[dict[str, Any], Receive]:
    broker.channel.queue_declare("one-run")
    return {"_url": broker.url(), "routing-key": "one-run"}, lambda: json.loads(broker.taken("one-run")[0][2])


def of_database(database: Database) -> tuple[dict[str, Any], Receive]:
    dsn = database.over_tcp("encrypted")
    return {"_dsn": dsn, "table": "results", "column": "content"}, lambda: taken(database)[0]


def of_cluster(cluster: Cluster) -> tuple[dict[str, Any], Receive]:
    settings = {"topic": "results", "server": cluster.servers[0]}
    return settings, lambda: json.loads(cluster.messages(1)[0]["payload"])


INSTALLED = {
    "rabbitmq": ("broker", of_broker),
    "postgresql": ("database", of_database),
    "kafka": ("cluster", of_cluster),
}


@pytest.fixture
def receivers(
    request: pytest.FixtureRequest, web: WebServer, sockets: Sockets
) -> dict[str, tuple[dict[str, Any], Receive]]:
    """Settings of every archiver whose receiver there is, and how to get what that was sent."""
    known = of_web(web, sockets)
    for archiver, (fixture, made) in INSTALLED.items():
        try:
            known[archiver] = made(request.getfixturevalue(fixture))
        except pytest.skip.Exception:
            continue
    return known


@pytest.mark.skipif(shutil.which("ping") is None, reason="no ping")
def test_all_receivers_have_the_document_of_the_run(
    receivers: dict[str, tuple[dict[str, Any], Receive]], web: WebServer, tmp_path: pathlib.Path
) -> None:
    settings = {
        **{name: data for name, (data, _) in receivers.items()},
        "otlp": {"_url": f"{web.url}/v1/metrics"},
    }
    with serving(tmp_path / "node", "--period", "5") as node:
        run = archived(node, settings)

    states = {each["archiver"]["name"]: (each["state"], each["last_error"]) for each in run["archivings"]}
    assert states == dict.fromkeys(settings, ("archived", None))
    documents = {name: receive() for name, (_, receive) in receivers.items()}
    first = documents["http"]
    assert {name: document == first for name, document in documents.items()} == dict.fromkeys(documents, True)
    require_of_run(first, run)
    headers, body = asked(web, "/results")
    assert headers["X-Signature-256"] == f"sha256={hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()}"
    assert json.loads(asked(web, "/v1/metrics")[1])["resourceMetrics"]


def test_the_numbers_of_a_run_are_found_in_prometheus(server: str, tmp_path: pathlib.Path) -> None:
    with serving(tmp_path / "node", "--period", "5") as node:
        run = archived(node, {"prometheus": {"_url": f"{server}/api/v1/write"}})

    begin = parse_timestamp(run["start-time"])
    (one,) = found(server, "perfsonar_run_succeeded[10m]", begin.timestamp() + 300)
    ((when, value),) = one["values"]
    assert value == "1"
    assert 0 < when - begin.timestamp() < 120, "at the end that was planned"
    assert (one["metric"]["test"], one["metric"]["label"]) == ("rtt", "One run")


def require_of_run(document: dict[str, Any], run: dict[str, Any]) -> None:
    """A document says of a run what its page says."""
    assert document["run"]["href"] == run["href"]
    assert document["task"]["href"] == run["task-href"]
    assert document["id"] == run["href"].rpartition("/")[2]
    assert document["result"] == run["result-merged"]
    assert document["test"]["spec"]["dest"] == "127.0.0.1"
    assert document["reference"] == {"display-task-name": "One run"}
    assert document["schedule"]["start"] == run["start-time"]
    assert document["participants"] == run["participants"]


def archived(node: Node, settings: dict[str, dict[str, Any]]) -> Any:
    """The run of a task with these archives, once all of them have it or gave it up."""
    status, task = node.ask(
        "POST",
        "/tasks",
        {
            "schema": 1,
            "test": {"type": "rtt", "spec": {"dest": "127.0.0.1", "count": 2, "interval": "PT0.2S"}},
            "schedule": {},
            "reference": {"display-task-name": "One run"},
            "archives": [{"archiver": name, "data": data} for name, data in settings.items()],
        },
    )
    assert status == 200, task
    runs: list[Any] = []

    def is_over() -> bool:
        runs.append(node.ask("GET", f"{task}/runs/first?wait-merged=1&wait=20")[1])
        known = runs[-1].get("archivings") or []
        return len(known) == len(settings) and all(each["completed"] for each in known)

    until(is_over, "the run to be archived")
    return runs[-1]

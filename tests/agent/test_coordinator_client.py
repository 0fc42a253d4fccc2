"""What an agent says to its coordinator, and what it makes of the answers."""

import contextlib
import gzip
import http.server
import json
import pathlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from agent import transport
from agent.carriers import Bell, Queue, carrier
from agent.coordinator_client import Client
from agent.failures import Backoff, Later, Oversized, Rejected, Suspended, TooOld, Unanswered, Unknown
from agent.transport import coordinator_url
from chalicelib.domain.errors import Invalid
from chalicelib.domain.times import SECOND
from tests.agent.coordinator import SECRET, Coordinator, serving
from tests.agent.test_clock_offset import NOON


@pytest.fixture
def coordinator() -> Iterator[Coordinator]:
    with serving(Coordinator()) as running:
        yield running


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://c.example.org/pscheduler", "https://c.example.org/pscheduler"),
        ("https://c.example.org/pscheduler/", "https://c.example.org/pscheduler"),
        ("http://127.0.0.1:8000/pscheduler", "http://127.0.0.1:8000/pscheduler"),
        ("http://[::1]:8000/pscheduler", "http://[::1]:8000/pscheduler"),
        ("http://localhost/pscheduler", "http://localhost/pscheduler"),
    ],
)
def test_urls_of_coordinators(text: str, url: str) -> None:
    assert coordinator_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "http://c.example.org/pscheduler",
        "c.example.org",
        "ftp://c/",
        "https://user@c/",
        "https://c/?x",
        "https://[::",
    ],
)
def test_urls_that_are_none_or_not_secure(text: str) -> None:
    with pytest.raises(Invalid):
        coordinator_url(text)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, Unknown),
        (403, Suspended),
        (409, Rejected),
        (413, Oversized),
        (426, TooOld),
        (429, Later),
        (500, Later),
        (503, Later),
        (302, Later),
    ],
)
def test_an_answer_that_is_none_says_what_to_do(
    coordinator: Coordinator, status: int, error: type[Unanswered]
) -> None:
    coordinator.failures["claims"] = [status]

    with pytest.raises(error, match="It was told to fail") as raised:
        Client(coordinator.url, SECRET).claims({"instance": "x", "take": [], "refuse": []})
    assert type(raised.value) is error


def test_every_request_says_who_asks(coordinator: Coordinator) -> None:
    Client(coordinator.url, SECRET).claims({"instance": "x", "take": [], "refuse": []})

    head = coordinator.heads[-1]
    assert head["X-Agent-Protocol"] == "1"
    assert head["User-Agent"].startswith("pscheduler-agent/")
    assert head["Authorization"] == f"Bearer {SECRET}"


def test_large_bodies_are_compressed_and_too_large_ones_not_sent(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(coordinator.url, SECRET)
    body = {"run": "r", "number": 1, "local": {"result": "x" * 10_000}}
    client.results(body)
    compressed = coordinator.heads[-1]
    monkeypatch.setattr(transport, "LARGEST_REQUEST", 5000)

    assert compressed["Content-Encoding"] == "gzip"
    assert int(compressed["Content-Length"]) < 1000
    assert coordinator.results[-1] == body
    with pytest.raises(Oversized):
        client.results(body)


class _Odd(http.server.BaseHTTPRequestHandler):
    """Answers what it is told to."""

    answer: bytes = b"{}"
    headers_more: dict[str, str] = {}  # noqa: RUF012

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def do_GET(self) -> None:
        self.send_response(200)
        for name, value in {"Content-Length": str(len(self.answer)), **self.headers_more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def odd() -> Iterator[tuple[str, type[_Odd]]]:
    handler = type("Handler", (_Odd,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/pscheduler", handler
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "answer", [b"", b"no JSON", b"[" * 500 + b"]" * 500, b"{}", b'{"taken": 3, "gone": []}', b"[]"]
)
def test_an_answer_that_cannot_be_read_is_tried_again(odd: tuple[str, type[_Odd]], answer: bytes) -> None:
    url, handler = odd
    handler.answer = answer

    with pytest.raises(Later):
        Client(url, SECRET).claims({})


def test_an_answer_is_bounded_after_it_was_decompressed(
    odd: tuple[str, type[_Odd]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, handler = odd
    handler.answer = gzip.compress(json.dumps({"taken": [], "gone": [], "x": "y" * 3_000_000}).encode())
    handler.headers_more = {"Content-Encoding": "gzip"}
    monkeypatch.setattr(transport, "LARGEST_ANSWER", 2_000_000)

    with pytest.raises(Later, match="more than"):
        Client(url, SECRET).claims({})


def test_nobody_there_is_no_answer() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(Later, match="Connection refused"):
            Client(f"http://127.0.0.1:{nobody.getsockname()[1]}/x", SECRET).claims({})


def test_the_certificate_is_verified(tmp_path: pathlib.Path) -> None:
    authority = trustme.CA()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Odd)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    port = server.server_address[1]
    try:
        with pytest.raises(Later, match="certificate verify failed"):
            Client(f"https://localhost:{port}/x", SECRET).leave()
        with pytest.raises(Later, match=r"certificate verify failed|not valid for"):
            Client(f"https://127.0.0.1:{port}/x", SECRET, str(tmp_path / "ca.pem")).leave()
        Client(f"https://localhost:{port}/x", SECRET, str(tmp_path / "ca.pem")).leave()
    finally:
        server.shutdown()
        server.server_close()


class _Proxy(socketserver.StreamRequestHandler):
    """Takes whoever asks to one port of loopback, and notes where they wanted to go."""

    port, asked = 0, list[str]()

    def handle(self) -> None:
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            self.asked.append(line.decode().strip())
        self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.port)) as to:
            threading.Thread(target=self._back, args=(to,), daemon=True).start()
            while data := self.connection.recv(65536):
                to.sendall(data)

    def _back(self, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := to.recv(65536):
                self.connection.sendall(data)


def test_a_proxy_that_the_environment_names_is_gone_through(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Odd)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("coordinator.example.org").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    handler = type("Handler", (_Proxy,), {"port": server.server_address[1], "asked": []})
    proxy = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    for each in (server, proxy):
        threading.Thread(target=each.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    monkeypatch.setenv("https_proxy", f"http://user:word@127.0.0.1:{proxy.server_address[1]}")
    client = Client("https://coordinator.example.org/pscheduler", SECRET, str(tmp_path / "ca.pem"))
    try:
        client.leave()
    finally:
        client.close()
        for each in (server, proxy):
            each.shutdown()
            each.server_close()

    assert handler.asked[0].startswith("CONNECT coordinator.example.org:443 ")
    assert any(line.lower().startswith("proxy-authorization: basic") for line in handler.asked)
    assert not any(SECRET in line for line in handler.asked)


def test_loopback_is_asked_without_a_proxy(coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert Client(coordinator.url, SECRET).bell(0, 1) == coordinator.bell


def test_a_file_without_certificates_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Invalid, match="no certificates"):
        Client("https://c.example.org/x", SECRET, str(tmp_path / "none.pem"))


def test_waits_grow_to_a_minute_and_differ() -> None:
    backoff = Backoff()
    waits = [backoff.wait() for _ in range(10)]

    for wait, most in zip(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60], strict=True):
        assert most / 2 <= wait <= most
    backoff.reset()
    assert backoff.wait() <= 1


def test_a_bell_rings_once(coordinator: Coordinator) -> None:
    bell = Bell(Client(coordinator.url, SECRET), heard=0)

    assert bell.rings(NOON)
    threading.Timer(0.2, coordinator.ring).start()
    assert bell.rings(NOON)


@pytest.mark.parametrize(
    ("answer", "rings"),
    [
        (b"<ReceiveMessageResponse><ReceiveMessageResult><Message><MessageId>1", True),
        (b'{"Messages": [{"MessageId": "1"}]}', True),
        (b"<ReceiveMessageResponse><ReceiveMessageResult/></ReceiveMessageResponse>", False),
        (b"{}", False),
    ],
)
def test_a_queue_rings_with_a_message(odd: tuple[str, type[_Odd]], answer: bytes, rings: bool) -> None:
    url, handler = odd
    handler.answer = answer
    queue = Queue(Client("https://c.example.org/x", SECRET), url, NOON + 3600 * SECOND)

    assert queue.rings(NOON) is rings


def test_a_url_that_expires_has_a_new_one_asked_for() -> None:
    queue = Queue(Client("https://c.example.org/x", SECRET), "https://q.example.org/", NOON + 10 * SECOND)

    with pytest.raises(Later, match="contact"):
        queue.rings(NOON)


@pytest.mark.parametrize(
    "told", [None, {}, {"kind": "pigeon"}, {"kind": "queue"}, {"kind": "queue", "url": "file:x"}]
)
def test_a_carrier_that_is_not_known_is_refused(told: Any) -> None:
    with pytest.raises(Invalid, match="/carrier"):
        carrier(told, Client("https://c.example.org/x", SECRET), 0)

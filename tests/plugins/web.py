"""A web server on loopback that says what it is told to, and remembers what it was asked."""

import contextlib
import http.server
import ssl
import threading
from collections.abc import Iterator
from typing import Any

STALL = 120.0
"""Seconds that a path which stalls says nothing for. Who gives up in half of them has done so by itself."""

Answer = tuple[int, dict[str, str], bytes]


class WebServer(http.server.ThreadingHTTPServer):
    """``answers`` by path, without the query; ``asked`` has (method, path, headers, body) of every request.

    ``stalls`` are paths that are not answered until the server closes, ``drips`` those whose body
    comes byte by byte.
    """

    daemon_threads = True

    def __init__(self, answers: dict[str, Answer]):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.peers: set[Any] = set()
        self.stalls: set[str] = set()
        self.drips: set[str] = set()
        self.closing = threading.Event()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some of the tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WebServer

    def _answer(self) -> None:
        length = int(self.headers.get("content-length", 0))
        self.server.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        self.server.peers.add(self.client_address)
        if self.path in self.server.stalls:
            self.server.closing.wait(STALL)
            self.close_connection = True
            return
        status, headers, body = self.server.answers.get(
            self.path.partition("?")[0], (404, {}, b"Nothing here")
        )
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self._send(body)

    def _send(self, body: bytes) -> None:
        if self.path not in self.server.drips:
            self.wfile.write(body)
            return
        for at in range(len(body)):
            self.wfile.write(body[at : at + 1])
            if self.server.closing.wait(0.05):
                return

    do_GET = do_HEAD = do_PUT = do_POST = _answer  # noqa: N815 - names that http.server looks for

    def log_message(self, *said: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(answers: dict[str, Answer], tls: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    with WebServer(answers) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()

"""Getting pages for policies: directly, and through a proxy."""

import base64
import contextlib
import http.server
import pathlib
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.limits.surroundings import ListSource
from chalicelib.domain.times import SECOND
from chalicelib.infrastructure import web
from chalicelib.infrastructure.web import Want
from chalicelib.service.limits import lookups


class Proxy(http.server.BaseHTTPRequestHandler):
    """Answers what it is asked for itself, or lets bytes pass to where a tunnel is to lead."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Proxy-Authorization")))  # type: ignore[attr-defined]
        body = b"10.1.0.0/16\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Proxy-Authorization")))  # type: ignore[attr-defined]
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as there:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pass_on, args=(there, self.connection))
            back.start()
            _pass_on(self.connection, there)
            back.join()

    def log_message(self, *said: Any) -> None:
        pass


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def listening(
    handler: type[http.server.BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None
) -> Iterator[Any]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.asked = []  # type: ignore[attr-defined]
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def proxy() -> Iterator[Any]:
    with listening(Proxy) as server:
        yield server


def at(server: Any, login: str = "") -> str:
    return f"http://{login}127.0.0.1:{server.server_port}"


def test_a_page_comes_through_the_proxy_that_is_named(proxy: Any) -> None:
    found = web.get(Want("http://elsewhere.test/list?x=1", 10, 1000, proxy=at(proxy)))

    assert found == (200, "10.1.0.0/16\n")
    assert proxy.asked == [("http://elsewhere.test/list?x=1", None)]


def test_a_proxy_is_told_the_login_of_its_url(proxy: Any) -> None:
    web.get(Want("http://elsewhere.test/", 10, 1000, proxy=at(proxy, "me:p%40ss@")))

    assert proxy.asked[0][1] == "Basic " + base64.b64encode(b"me:p@ss").decode()


def test_a_secure_page_is_fetched_through_a_tunnel(proxy: Any, tmp_path: pathlib.Path) -> None:
    chain = tmp_path / "chain.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(chain)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(chain)

    with listening(Proxy, tls) as secure:
        where = f"127.0.0.1:{secure.server_port}"
        found = web.get(Want(f"https://{where}/judge", 10, 1000, verify=False, proxy=at(proxy)))
        with pytest.raises(Unavailable):
            web.get(Want(f"https://{where}/judge", 10, 1000, proxy=at(proxy)))

    assert found == (200, "10.1.0.0/16\n")
    assert proxy.asked[0] == (where, None)
    assert secure.asked == [("/judge", None)]


def test_a_proxy_that_is_not_there_is_said_without_its_login(closed_port: int) -> None:
    with pytest.raises(Unavailable) as failed:
        web.get(Want("http://elsewhere.test/", 10, 1000, proxy=f"http://me:secret@127.0.0.1:{closed_port}"))

    assert "secret" not in str(failed.value)


def test_the_guard_holds_for_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as engine:
        port = engine.getsockname()[1]
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")

        with pytest.raises(Unavailable):
            web.get(Want("http://elsewhere.test/", 10, 1000, proxy=f"http://127.0.0.1:{port}"))

        engine.settimeout(0.05)
        with pytest.raises(TimeoutError):
            engine.accept()


def test_a_list_of_networks_is_read_through_its_proxy(proxy: Any) -> None:
    source = ListSource("http://lists.test/ren", SECOND, SECOND, proxy=at(proxy))

    assert lookups.read_list(source, lookups.jq())
    assert proxy.asked[0][0] == "http://lists.test/ren"

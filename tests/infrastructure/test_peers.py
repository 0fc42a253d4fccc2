"""Asking other nodes, on real loopback sockets."""

import contextlib
import http.server
import pathlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from chalicelib.domain.errors import Refused, TimedOut, Unreachable
from chalicelib.infrastructure.peer_http import Call, Http, Reply
from tests.conftest import forget


class Answering(http.server.BaseHTTPRequestHandler):
    """Says what it was asked, how, and by whom; knows some tricks by their paths."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path.startswith("/pscheduler/redirect"):
            self.send_response(302)
            self.send_header("Location", "/pscheduler/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        said = f"{self.command} {self.path} {body} {self.client_address}\n".encode()
        self.send_response(418 if self.path.startswith("/pscheduler/teapot") else 200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - names http.server looks for

    def log_message(self, *_: object) -> None:
        pass


class Server6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextlib.contextmanager
def serving(address: str = "127.0.0.1", certificate: pathlib.Path | None = None) -> Iterator[int]:
    kind = Server6 if ":" in address else http.server.ThreadingHTTPServer
    server = kind((address, 0), Answering)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    serves = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serves.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        serves.join()


@contextlib.contextmanager
def raw(*pieces: bytes, pause: float = 0.0, patience: float = 10.0) -> Iterator[int]:
    """A server that says these pieces, with pauses between, to whoever connects, and then nothing."""
    done = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while not done.is_set():
                connection, _ = listener.accept()
                threading.Thread(target=say, args=(connection,), daemon=True).start()

    def say(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            for piece in pieces:
                connection.sendall(piece)
                done.wait(pause)
            done.wait(patience)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        done.set()
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "certificate.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    return path


def asked(network: Http, call: Call) -> str:
    (answer,) = network.ask([call])
    assert isinstance(answer, Reply), answer
    return answer.text


def test_a_call_says_what_it_was_given(plain: Http) -> None:
    with serving() as port:
        said = asked(
            plain, Call("PUT", f"127.0.0.1:{port}", "/tasks/1", {"key": "a b", "wait": "1"}, {"x": "é"})
        )

    assert said.startswith('PUT /pscheduler/tasks/1?key=a+b&wait=1 {"x": "\\u00e9"} ')


def test_connections_are_used_again(plain: Http) -> None:
    with serving() as port:
        said = {asked(plain, Call("GET", f"127.0.0.1:{port}", "/")) for _ in range(5)}

    assert len(said) == 1  # the same client port each time


def test_a_kept_connection_that_was_closed_is_made_anew(plain: Http) -> None:
    with serving() as port:
        asked(plain, Call("GET", f"127.0.0.1:{port}", "/"))
        pool = plain._pools.connection_from_host("127.0.0.1", port)
        connection: Any = pool._get_conn()
        connection.sock.shutdown(socket.SHUT_WR)
        time.sleep(0.05)
        pool._put_conn(connection)

        assert asked(plain, Call("GET", f"127.0.0.1:{port}", "/")).startswith("GET")


def test_an_ipv6_participant_is_reached(plain: Http) -> None:
    try:
        with serving("::1") as port:
            assert asked(plain, Call("GET", f"[::1]:{port}", "/")).startswith("GET /pscheduler/")
    except OSError:
        pytest.skip("there is no IPv6 here")


def test_participants_without_a_port_have_the_usual_one(plain: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as port:
        monkeypatch.setenv("PSCHEDULER_PEER_PORT", str(port))
        forget()

        assert asked(plain, Call("GET", "127.0.0.1", "/")).startswith("GET")


@pytest.mark.parametrize("participant", ["2001:db8::1", "[2001:db8::1]", "::1", "[::1]:443"])
def test_an_ipv6_address_without_a_port_does_not_end_in_one(participant: str) -> None:
    pool = Http().pool(Call("GET", participant, "/"))
    connection = pool._new_conn()

    assert pool.port == connection.port == 443
    assert str(connection.host).strip("[]") == participant.removesuffix(":443").strip("[]")


@pytest.mark.parametrize(
    ("participant", "is_itself"), [("127.0.0.1", True), ("localhost", True), ("", False)]
)
def test_nobody_at_an_address_of_this_host_comes_with_what_to_do(
    plain: Http, monkeypatch: pytest.MonkeyPatch, participant: str, is_itself: bool, closed_port: int
) -> None:
    monkeypatch.setenv("PSCHEDULER_PEER_PORT", str(closed_port))
    forget()

    (refused,) = plain.ask([Call("GET", participant or f"127.0.0.1:{closed_port}", "/")])

    assert isinstance(refused, Unreachable)
    assert "Connection refused" in refused.message
    assert ("participants have to be on separate systems" in refused.message) == is_itself


def test_the_address_to_ask_from_is_kept_to(plain: Http) -> None:
    with serving() as port:
        assert "'127.0.0.9'" in asked(plain, Call("GET", f"127.0.0.1:{port}", "/", bind="127.0.0.9"))
        (refused,) = plain.ask([Call("GET", f"127.0.0.1:{port}", "/", bind="192.0.2.77")])

    assert isinstance(refused, Unreachable)


def test_refusals_and_redirects_come_back_as_they_are(plain: Http) -> None:
    with serving() as port:
        teapot, redirect = plain.ask(
            [Call("GET", f"127.0.0.1:{port}", f"/{x}") for x in ("teapot", "redirect")]
        )

    assert isinstance(teapot, Reply)
    assert isinstance(redirect, Reply)
    assert (teapot.status, redirect.status) == (418, 302)
    with pytest.raises(Refused, match="other than JSON"):
        teapot.json()


@pytest.mark.parametrize(
    ("pieces", "pause"),
    [
        ((), 0.0),  # accepts, and never answers
        ((b"HTTP/1.1 200 OK\r\n",), 0.0),  # stops in the middle of the headers
        ((b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n"] * 90), 0.4),  # drips: each wait is short, all are long
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", *[b"x"] * 90), 0.4),
    ],
)
def test_a_call_ends_in_time_however_slowly_it_is_answered(
    plain: Http, pieces: tuple[bytes, ...], pause: float
) -> None:
    with raw(*pieces, pause=pause, patience=60) as port:
        began = time.monotonic()
        (answer,) = plain.ask([Call("GET", f"127.0.0.1:{port}", "/", timeout=0.5)])
        took = time.monotonic() - began

        assert isinstance(answer, TimedOut)
        assert "0.5 seconds" in answer.message
        assert took < 20  # little of the time it would have been kept for
        assert gone("ask 127.0.0.1")


def gone(prefix: str) -> bool:
    """Whether no thread of an exchange is left before long."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if not any(thread.name.startswith(prefix) for thread in threading.enumerate()):
            return True
        time.sleep(0.01)
    return False


def test_one_that_never_answers_delays_no_other(plain: Http) -> None:
    with raw(patience=60) as silent, serving() as port:
        calls = [
            Call("GET", f"127.0.0.1:{silent}", "/", timeout=4),
            *[Call("GET", f"127.0.0.1:{port}", "/", timeout=4)] * 5,
        ]
        began = time.monotonic()
        first, *others = plain.ask(calls)
        took = time.monotonic() - began

    assert isinstance(first, TimedOut)
    assert all(isinstance(other, Reply) for other in others)
    assert took < 20


GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "its answer is not HTTP"),
        (b"HTTP/1.1 -1 X\r\n\r\n", "its answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", "its answer is not HTTP"),
        (GZIP, "its answer is not compressed as it says"),
    ],
)
def test_what_is_no_answer_is_as_good_as_none_and_said_in_plain_words(
    plain: Http, said: bytes, why: str
) -> None:
    with raw(said) as port:
        (answer,) = plain.ask([Call("PUT", f"127.0.0.1:{port}", "/", timeout=5)])

    assert isinstance(answer, Unreachable)
    assert answer.message == f"127.0.0.1:{port}: cannot be reached: {why}"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"])
def test_what_is_no_whole_answer_is_as_good_as_none(plain: Http, said: bytes) -> None:
    with raw(said, patience=0) as port:
        (answer,) = plain.ask([Call("PUT", f"127.0.0.1:{port}", "/", timeout=5)])

    assert isinstance(answer, Unreachable)
    why = answer.message.partition("reached: ")[2]
    assert why in (
        "it hung up without an answer",
        "its answer ended too early",
        "Connection reset by peer",  # it may not have read what was asked
    )


@pytest.mark.parametrize("status", [413, 429, 503])
def test_one_that_is_busy_is_heard_and_not_asked_again(plain: Http, status: int) -> None:
    head = f"HTTP/1.1 {status} Busy\r\nRetry-After: 100\r\nContent-Length: 4\r\n\r\n"
    for method in ("GET", "PUT"):
        with raw(head.encode() + b"Busy") as port:
            answers = plain.ask([Call(method, f"127.0.0.1:{port}", "/", timeout=5)])

        assert answers == [Reply(f"127.0.0.1:{port}", status, "Busy")]


def test_nobody_there_is_said_in_a_sentence(plain: Http, closed_port: int) -> None:
    (refused, nameless) = plain.ask([Call("GET", f"127.0.0.1:{closed_port}", "/"), Call("GET", "a b", "/")])

    assert isinstance(refused, Unreachable)
    assert refused.message == f"127.0.0.1:{closed_port}: cannot be reached: Connection refused"
    assert refused.host == f"127.0.0.1:{closed_port}"
    assert isinstance(nameless, Unreachable)


def test_an_answer_without_end_is_cut_off(plain: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.infrastructure.peer_http.LARGEST_REPLY", 1000)
    with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 200_000) as port:
        (answer,) = plain.ask([Call("GET", f"127.0.0.1:{port}", "/", timeout=5)])

    assert isinstance(answer, Unreachable)
    assert "more than 1000 bytes" in answer.message


def test_certificates_are_checked_unless_told_not_to(
    certificate: pathlib.Path, authority: trustme.CA, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(known)
    network = Http()

    with serving(certificate=certificate) as port:
        call = Call("GET", f"127.0.0.1:{port}", "/")
        (unknown,) = network.ask([call])
        with monkeypatch.context() as patch:
            patch.setenv("PSCHEDULER_PEER_CA", str(known))
            forget()
            (trusted,) = network.ask([call])
        with monkeypatch.context() as patch:
            patch.setenv("PSCHEDULER_VERIFY_TLS", "no")
            forget()
            (unchecked,) = network.ask([call])
        forget()

    assert isinstance(unknown, Unreachable)
    assert "certificate" in unknown.message
    assert "PSCHEDULER_PEER_CA" in unknown.message
    assert "PSCHEDULER_VERIFY_TLS=0" in unknown.message
    assert isinstance(trusted, Reply)
    assert isinstance(unchecked, Reply)

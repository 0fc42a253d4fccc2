"""What strangers do to the front, over real sockets: others are answered all the same."""

import asyncio
import contextlib
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import chalice
import pytest

from chalicelib.api.http.answer import DIRECT, Sent
from chalicelib.store import changes
from local import certificates
from local.front import connections as limits
from local.front.asgi import FREE
from local.front.budget import Budget
from local.front.request_lanes import Busy, Lane
from local.http_server import HttpServer

TEXT = {"Content-Type": "text/plain"}
PIECES = 300
"""Of 64 KB: more than the buffers between two sockets hold."""
HEAD = b"GET /pscheduler/ HTTP/1.1\r\nHost: x\r\n"


class App:
    """An app whose pages hang, wait and stream, and the front before it."""

    def __init__(self, most: int = 40, certificate: Any = None):
        self.release = threading.Event()
        self.looks: list[float] = []
        self.is_there = self.flows = False
        self.front = HttpServer(self._app(), "127.0.0.1", 0, certificate, connections=most)
        self.port = self.front.start()

    def _app(self) -> chalice.Chalice:
        app = chalice.Chalice(app_name="trouble", configure_logs=False)

        def hang() -> chalice.Response:
            self.release.wait(20)
            return chalice.Response("late", headers=TEXT)

        def wait() -> Sent:
            self.looks.append(time.monotonic())
            answer = Sent("there", headers=TEXT)
            if not self.is_there:
                answer.wait = ("task", time.time() + 20)
            return answer

        def endless() -> Sent:
            answer = Sent((b"x" * 65536 for _ in range(PIECES)), headers=TEXT)
            answer.direct = app.current_request.context[DIRECT]
            return answer

        def stream() -> Sent:
            last = int((app.current_request.query_params or {}).get("since", 0))
            answer = Sent(
                f"id: {last + 1}\n\n", headers={"Content-Type": "text/event-stream", "Cursor": str(last + 1)}
            )
            if not self.is_there:
                answer.wait = (changes.ANYTHING, time.time() + 20)
            self.is_there = self.flows
            return answer

        def plain(task: str = "") -> chalice.Response:
            return chalice.Response("here", headers=TEXT)

        def host() -> chalice.Response:
            asked = app.current_request
            size = {"Size": str(len(asked.raw_body))}
            return chalice.Response(asked.headers["host"], headers={**TEXT, **size})

        for route, view in (
            ("/", plain),
            ("/host", host),
            ("/tasks/{task}", plain),
            ("/hang", hang),
            ("/wait", wait),
            ("/endless", endless),
            ("/stream", stream),
        ):
            app.route(route, methods=["GET", "POST"], content_types=["*/*"], name=route)(view)
        return app

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def get(self, path: str = "/pscheduler/tasks/a", source: str = "127.0.0.1") -> bytes:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=30, source_address=(source, 0)
        )
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def close(self) -> None:
        self.release.set()
        self.front.stop()


@pytest.fixture
def app() -> Iterator[App]:
    made = App()
    yield made
    made.close()


def until(holds: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def answer_to(app: App, request: bytes) -> bytes:
    with app.connect() as link:
        link.sendall(request)
        link.settimeout(30)
        answer = b""
        while piece := link.recv(65536):
            answer += piece
        return answer


FIRST, UNREAD = "FIRST", "UNREAD"


def hurry(monkeypatch: pytest.MonkeyPatch, what: str, seconds: float = 0.3) -> None:
    """Shorten one deadline; the others stay as long as a busy machine needs them."""
    if what in limits.DEADLINES:
        monkeypatch.setitem(limits.DEADLINES, what, seconds)
    else:
        monkeypatch.setattr(f"local.front.protocol.{what}", seconds)


# --- too slow ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deadline", "sent", "status"),
    [
        (FIRST, b"", b""),  # nothing was asked, so nothing is answered
        (limits.HEAD, HEAD, b"HTTP/1.1 408 "),
        (
            limits.BODY,
            b"POST /pscheduler/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123",
            b"HTTP/1.1 408 ",
        ),
        # Kept, and idle then.
        (limits.IDLE, b"GET /pscheduler/ HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 "),
    ],
)
def test_what_comes_too_slowly_is_hung_up_on(
    app: App, monkeypatch: pytest.MonkeyPatch, deadline: str, sent: bytes, status: bytes
) -> None:
    hurry(monkeypatch, deadline)

    answer = answer_to(app, sent)

    assert answer.startswith(status)
    assert bool(answer) == bool(status)
    until(lambda: len(app.front.connections) == 0)


def test_a_head_that_trickles_has_one_deadline(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch, limits.HEAD, 0.5)
    with app.connect() as link:
        link.sendall(HEAD)
        for _ in range(40):
            with contextlib.suppress(OSError):  # a reset, or a broken pipe
                link.sendall(b"X-More: 1\r\n")
            time.sleep(0.05)
        until(lambda: app.front.connections.closed["overdue"] == 1)


def test_a_body_that_keeps_coming_has_more_time(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch, limits.BODY, 0.1)
    monkeypatch.setattr("local.front.protocol.SLOWEST", 100)
    with app.connect() as link:
        head = b"POST /pscheduler/tasks/a HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n"
        for number in range(15):
            link.sendall((b"" if number else head) + b"x" * 2000)
            time.sleep(0.1)
        assert link.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_an_answer_that_nobody_reads_is_given_up(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch, UNREAD, 1.0)
    with app.connect() as link:
        link.sendall(b"GET /pscheduler/endless HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: app.front.connections.closed["overdue"] == 1)
    assert app.get() == b"here"


# --- too many ----------------------------------------------------------------------------------------


def test_connections_that_do_nothing_make_way(app: App) -> None:
    idle = [app.connect() for _ in range(120)]
    half = [app.connect() for _ in range(60)]
    for link in half:
        link.sendall(HEAD)

    for source in ("127.0.0.1", "127.0.0.9"):
        assert app.get(source=source) == b"here"
        assert app.get("/pscheduler/", source=source) == b"here"

    assert len(app.front.connections) <= 40
    assert app.front.connections.closed["for others"] >= 140
    for link in idle + half:
        link.close()


def test_when_all_are_busy_a_further_one_is_told_so(app: App) -> None:
    busy = [app.connect() for _ in range(30)]
    for link in busy:
        link.sendall(b"POST /pscheduler/hang HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: sum(each.state == limits.WORK for each in app.front.connections.everybody()) == 30)

    refused = answer_to(app, b"")

    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1" in refused
    assert app.get(source="127.0.0.9") == b"here"  # somebody else is let in
    for link in busy:
        link.close()


def test_requests_that_hang_leave_a_way_for_others(app: App) -> None:
    many = App(most=400)
    links = [many.connect() for _ in range(120)]
    try:
        for link in links:
            link.sendall(b"POST /pscheduler/hang HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: sum(each.state == limits.WORK for each in many.front.connections.everybody()) == 120)

        assert many.get() == b"here"
        assert many.get("/pscheduler/") == b"here"
        assert answer_from(many, "127.0.0.9") == 200
    finally:
        for link in links:
            link.close()
        many.close()


def answer_from(app: App, source: str) -> int:
    """The status of a change that another client asks for."""
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=10, source_address=(source, 0))
    try:
        connection.request("POST", "/pscheduler/tasks/a", b"{}")
        return connection.getresponse().status
    finally:
        connection.close()


def test_those_who_wait_hold_no_worker_and_hear_of_changes() -> None:
    app = App(most=400)
    links = [app.connect() for _ in range(150)]
    try:
        for link in links:
            link.sendall(b"GET /pscheduler/wait HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: len(app.looks) >= 150)

        assert app.get() == b"here"
        app.is_there = True
        changes.announce("task")

        for link in links:
            assert link.recv(1000).startswith(b"HTTP/1.1 200 ")
    finally:
        for link in links:
            link.close()
        app.close()


def test_a_stream_goes_on_with_what_happens_in_one_answer(app: App) -> None:
    with app.connect() as link:
        link.sendall(b"GET /pscheduler/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        heard = b""
        for number in range(1, 4):
            app.is_there = True
            changes.announce("whatever")
            while b"id: %d\n" % number not in heard:
                heard += link.recv(4096)

    assert heard.count(b"HTTP/1.1 200") == 1
    assert heard.count(b"id: ") == 3
    until(lambda: len(app.front.connections) == 0)


@contextlib.contextmanager
def app_with(monkeypatch: pytest.MonkeyPatch, **limits_of_asgi: int) -> Iterator[App]:
    for name, number in limits_of_asgi.items():
        monkeypatch.setattr(f"local.front.asgi.{name}", number)
    made = App()
    try:
        yield made
    finally:
        made.close()


def test_there_are_so_many_streams_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    with app_with(monkeypatch, MOST_STREAMS=1) as app:
        app.is_there = app.flows = True
        with app.connect() as first:
            first.sendall(b"GET /pscheduler/stream HTTP/1.1\r\nHost: x\r\n\r\n")
            assert first.recv(4096).startswith(b"HTTP/1.1 200 ")
            with app.connect() as second:
                second.sendall(b"GET /pscheduler/stream HTTP/1.1\r\nHost: x\r\n\r\n")
                assert second.recv(4096).startswith(b"HTTP/1.1 503 ")

        until(lambda: len(app.front.connections) == 0)
        assert app.get() == b"here"


def test_one_client_has_not_all_streams_and_there_are_no_more_than_there_are() -> None:
    streams = Budget(4)
    for _ in range(3):
        streams.take("greedy", 1)

    with pytest.raises(Busy):
        streams.take("greedy", 1)
    streams.take("other", 1)
    with pytest.raises(Busy):
        streams.take("third", 1)
    streams.give_back("greedy", 1)
    streams.take("third", 1)

    assert streams.in_all == 4


def test_small_bodies_are_taken_though_large_ones_take_up_all_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = b"POST /pscheduler/tasks/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    large = head % 100_000 + b"x" * 100_000
    with app_with(monkeypatch, MOST_BODIES=400_000) as app:
        with app.connect() as slow:
            slow.sendall(head % 1_000_000 + b"x" * 300_000)
            until(lambda: app.front.application.bodies.in_all == 300_000 - FREE)

            with pytest.raises(Busy):
                app.front.application.bodies.take("127.0.0.1", len(large))
            assert answer_to(app, head % FREE + b"x" * FREE).startswith(b"HTTP/1.1 200 ")

        until(lambda: app.front.application.bodies.in_all == 0)
        assert answer_to(app, large).startswith(b"HTTP/1.1 200 ")


def test_a_request_may_wait_for_longer_than_an_idle_connection_is_kept(app: App) -> None:
    app.front._config.timeout_keep_alive = 0.2  # type: ignore[assignment]
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/pscheduler/tasks/a")
        connection.getresponse().read()
        connection.request("GET", "/pscheduler/wait")
        time.sleep(0.5)
        app.is_there = True

        assert connection.getresponse().read() == b"there"


def test_who_waits_and_hangs_up_is_forgotten(app: App) -> None:
    with app.connect() as link:
        link.sendall(b"GET /pscheduler/wait HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: len(app.looks) >= 1)

    until(lambda: len(app.front.connections) == 0)
    looks = len(app.looks)
    time.sleep(1.2)
    assert len(app.looks) <= looks + 1


# --- no requests at all --------------------------------------------------------------------------------

START = b"POST /pscheduler/tasks/a HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (START + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (START + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", b"400"),
        (START + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", b"400"),
        (START + b"Content-Length: -1\r\n\r\n", b"400"),
        (START + b"Content-Length: 1e3\r\n\r\n", b"400"),
        (START + b"Content-Length : 3\r\n\r\nabc", b"400"),
        (START + b"X-Long: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
        (START + b"".join(b"X-%d: 1\r\n" % n for n in range(150)) + b"\r\n", b"431"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
        (b"GET /pscheduler/ HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /pscheduler/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        *[
            (b"GET /pscheduler/ HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", b"400")
            for host in (b"a b", b"<x>", b"[::1", b"a:x", b"a:999999", b"a/x", b"user@a", b"\xff", b"a, b")
        ],
        *[
            (START + b"Transfer-Encoding: " + codings + b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n", status)
            for codings, status in [
                (b"gzip, chunked", b"501"),
                (b"gzip\r\nTransfer-Encoding: chunked", b"501"),
                (b"Identity,Chunked", b"501"),
                (b"gzip", b"400"),
                (b"chunked, gzip", b"400"),
            ]
        ],
        (START + b"Content-Length: 3\r\nExpect: 200-maybe\r\n\r\n", b"417"),
        (START + b"Content-Length: 3\r\nExpect: 100-Continue, wonders\r\n\r\nabc", b"417"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /pscheduler/\xff HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),  # TLS where there is none
    ],
)
def test_what_cannot_be_a_request_is_refused_and_hung_up_on(app: App, request_: bytes, status: bytes) -> None:
    answer = answer_to(app, request_)

    assert answer.startswith(b"HTTP/1.1 " + status), answer[:200]
    assert answer.count(b"HTTP/1.1") == 1
    assert app.get() == b"here"


@pytest.mark.parametrize("head", [b"HTTP/1.1\r\nHost:", b"HTTP/1.0", b"HTTP/1.0\r\nHost:"])
def test_a_client_that_names_no_host_is_told_of_the_address_it_came_to(app: App, head: bytes) -> None:
    answer = answer_to(app, b"GET /pscheduler/host " + head + b"\r\nConnection: close\r\n\r\n")

    assert answer.endswith(f"127.0.0.1:{app.port}".encode())


@pytest.mark.parametrize(
    "host", [b"a", b"a.example:80", b"[fe80::1%25eth0]:80", b"127.0.0.1", b"xn--bcher-kva.ch."]
)
def test_what_names_a_host_is_served(app: App, host: bytes) -> None:
    head = b"GET /pscheduler/host HTTP/1.1\r\nConnection: close\r\nHost: "

    assert answer_to(app, head + host + b"\r\n\r\n").endswith(host)


@pytest.mark.parametrize(
    "head",
    [
        START + b"Transfer-Encoding: , Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        START + b"Expect: 100-Continue, \r\nContent-Length: 3\r\n\r\nabc",
        b"POST /pscheduler/tasks/a HTTP/1.0\r\nExpect: wonders\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
def test_an_expectation_or_a_coding_that_is_known_is_taken_however_it_is_written(
    app: App, head: bytes
) -> None:
    request_ = head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)

    assert answer_to(app, request_).splitlines()[0] == b"HTTP/1.1 200 OK"


def test_a_client_that_asks_first_is_told_to_go_on(app: App) -> None:
    with app.connect() as link:
        link.sendall(START + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert link.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(b"abc")
        assert link.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_asks_first_about_too_much_is_refused(app: App) -> None:
    with app.connect() as link:
        link.sendall(START + b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
        assert link.recv(1000).startswith(b"HTTP/1.1 413 ")


CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"
WAITING = b"GET /pscheduler/wait HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("begins", "goes_on", "status"),
    [
        (CHUNKED + b"0\r\nX: ", b"a" * 65536, b"431"),  # behind the body
        (CHUNKED + b"1;", b"a" * 65536, b"431"),
        (CHUNKED, b"0" * 65536, b"431"),
        (CHUNKED + b"0\r\n", b"X: 1\r\n" * 1000, b"431"),
        (WAITING + b"GET /pscheduler/ HTTP/1.1\r\nHost: x\r\nX: ", b"a" * 65536, b"431"),
        (WAITING, WAITING * 1000, b"4"),  # whether the second comes with the first or after it
        (WAITING * 1000, b"", b"429"),
    ],
    ids=["trailer", "extension", "size", "trailers", "head ahead", "requests ahead", "requests at once"],
)
def test_what_never_ends_is_hung_up_on_before_much_of_it_is_held(
    app: App, begins: bytes, goes_on: bytes, status: bytes
) -> None:
    answer = b""
    with app.connect() as link:
        link.settimeout(10)  # less than any deadline would take
        with contextlib.suppress(ConnectionError):  # a reset, or a broken pipe
            link.sendall(begins)
            for _ in range(100 if goes_on else 0):
                link.sendall(goes_on)
        with contextlib.suppress(ConnectionError):
            while piece := link.recv(65536):
                answer += piece

    assert not answer or answer.startswith(b"HTTP/1.1 " + status)
    assert app.get() == b"here"


def test_a_body_in_the_smallest_chunks_is_taken(app: App) -> None:
    whole = CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"1\r\na\r\n" * 50_000

    assert answer_to(app, whole + b"0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_a_request_that_comes_while_another_waits_is_answered_after_it(app: App) -> None:
    late = START + b"Content-Length: 3\r\nConnection: close\r\n\r\na"
    with app.connect() as link:
        link.sendall(WAITING)
        until(lambda: len(app.looks) == 1)
        link.sendall(late)
        time.sleep(0.1)
        link.sendall(b"bc")
        app.is_there = True
        changes.announce("task")
        answer = b""
        while piece := link.recv(65536):
            answer += piece

    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.endswith(b"here")


def test_who_sent_more_ahead_and_hangs_up_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    with app_with(monkeypatch, MOST_STREAMS=1) as app:
        app.is_there = True
        stream = b"GET /pscheduler/stream HTTP/1.1\r\nHost: x\r\n\r\n"
        with app.connect() as first:
            first.sendall(stream * 3)
            assert first.recv(4096).startswith(b"HTTP/1.1 200 ")

        def is_free() -> bool:
            app.is_there = True
            with app.connect() as second, contextlib.suppress(TimeoutError):
                second.settimeout(1)  # what was there may have gone to one of the first's
                second.sendall(stream)
                return second.recv(4096).startswith(b"HTTP/1.1 200 ")
            return False

        until(is_free, 15)  # sooner than what is waited for would end by itself


def test_requests_in_a_row_are_answered_in_a_row(app: App) -> None:
    one = b"GET /pscheduler/tasks/a HTTP/1.1\r\nHost: x\r\n"

    answer = answer_to(app, (one + b"\r\n") * 5 + one + b"Connection: close\r\n\r\n")

    assert answer.count(b"HTTP/1.1 200 OK") == 6


@pytest.mark.parametrize("wish", [b"websocket", b"h2c"])
@pytest.mark.parametrize("pieces", [1, 200])
def test_a_wish_for_another_protocol_changes_nothing(app: App, wish: bytes, pieces: int) -> None:
    wishes = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\nUpgrade: " + wish + b"\r\n"
    start = b"POST /pscheduler/host HTTP/1.1\r\nHost: x\r\n"
    sent = start + wishes + b"Content-Length: 3\r\n\r\nabc"
    sent += start + wishes + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"
    sent += HEAD + wishes + b"\r\n" + HEAD + b"Connection: close\r\n\r\n"
    with app.connect() as link:
        size = -(-len(sent) // pieces)
        for at in range(0, len(sent), size):
            link.sendall(sent[at : at + size])
            time.sleep(0.001 if pieces > 1 else 0)
        answer = b""
        while piece := link.recv(65536):
            answer += piece

    sizes = [line for line in answer.split(b"\r\n") if line.lower().startswith(b"size")]
    assert [line[-1:] for line in sizes] == [b"3", b"5"]
    assert answer.count(b"HTTP/1.1 200 OK") == 4


def test_a_tunnel_that_is_asked_for_is_refused_once_and_what_follows_is_read(app: App) -> None:
    connect = b"CONNECT /pscheduler/ HTTP/1.1\r\nHost: x\r\n\r\n"

    answer = answer_to(app, connect * 2 + HEAD + b"Connection: close\r\n\r\n")

    assert re.findall(rb"HTTP/1.1 (\d+)", answer)[-1] == b"200"
    assert len(re.findall(rb"HTTP/1.1 (\d+)", answer)) == 3


def test_wishes_for_another_protocol_are_requests_like_others(app: App) -> None:
    wish = HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

    assert b"HTTP/1.1 429 " in answer_to(app, wish * 20)
    assert answer_to(app, wish.replace(b"Host: x", b"Host: a/x")).startswith(b"HTTP/1.1 400 ")


def test_an_old_client_is_given_no_chunks(app: App) -> None:
    head, _, body = answer_to(app, b"GET /pscheduler/endless HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")

    assert b"chunked" not in head
    assert len(body) == PIECES * 65536


def test_a_client_that_never_agrees_on_tls_is_given_up(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.http_server.HANDSHAKE", 0.3)
    certificate = certificates.certificate(tmp_path, "127.0.0.1")
    secure = App(certificate=certificate)
    try:
        admit, admitted = secure.front.connections.admit, []
        monkeypatch.setattr(
            secure.front.connections, "admit", lambda each: (admitted.append(each), admit(each))[1]
        )
        silent = [secure.connect() for _ in range(60)]
        until(lambda: len(admitted) == 60)
        assert len(secure.front.connections) <= 40
        monkeypatch.setattr("local.http_server.HANDSHAKE", 60.0)  # for one who does, however slowly

        trust = ssl.create_default_context(cafile=tmp_path / "authority.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", secure.port, timeout=60, context=trust)
        connection.request("GET", "/pscheduler/tasks/a")
        assert connection.getresponse().read() == b"here"
        connection.close()
        until(lambda: len(secure.front.connections) == 0)
        for link in silent:
            link.close()
    finally:
        secure.close()


# --- lanes -----------------------------------------------------------------------------------------------


def test_a_client_has_no_lane_for_itself_and_those_who_wait_take_turns() -> None:
    order: list[str] = []
    go = threading.Event()

    async def scene() -> None:
        lane = Lane("test", workers=2, share=1)
        first = [asyncio.create_task(lane.run("greedy", lambda: go.wait(10))) for _ in range(4)]
        await asyncio.sleep(0.05)
        await lane.run("other", lambda: order.append("other"))
        assert not any(task.done() for task in first)
        go.set()
        await asyncio.gather(*first)
        lane.close()

    asyncio.run(scene())
    assert order == ["other"]


def test_a_lane_that_has_too_much_to_do_says_so() -> None:
    go = threading.Event()

    async def scene() -> None:
        lane = Lane("test", workers=1, share=1, waiting=2, patience=0.1)
        held = asyncio.create_task(lane.run("a", lambda: go.wait(10)))
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(lane.run("a", lambda: None)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await lane.run("a", lambda: None)
        for each in waiting:
            with pytest.raises(Busy):
                await each
        go.set()
        await held
        assert await lane.run("a", lambda: 7) == 7
        lane.close()

    asyncio.run(scene())


def test_addresses_of_one_user_count_together() -> None:
    assert limits.counted_as("2001:db8::1") == limits.counted_as("2001:db8::ffff:1")
    assert limits.counted_as("2001:db8::1") != limits.counted_as("2001:db8:0:1::1")
    assert limits.counted_as("::ffff:192.0.2.1") == limits.counted_as("192.0.2.1")
    assert limits.counted_as("x") == "x"


class Late:
    """A connection that is overdue, whatever the time."""

    state, since, owner = limits.IDLE, 0.0, "somebody"

    def __init__(self) -> None:
        self.is_closed = False

    def close_now(self) -> None:
        self.is_closed = True

    time_out = close_now

    def is_overdue(self, now: float) -> bool:
        return True


def test_what_the_node_itself_was_too_slow_to_read_is_not_held_against_clients() -> None:
    now = [0.0]
    connections, late = limits.Connections(10, clock=lambda: now[0]), Late()
    connections.admit(late)

    now[0] = limits.HELD_UP + 5
    connections.sweep()
    was_closed_at_once = late.is_closed
    now[0] += 1
    connections.sweep()

    assert (was_closed_at_once, late.is_closed) == (False, True)
    assert len(connections) == 0


def test_the_longest_idle_connection_of_whoever_has_most_makes_way() -> None:
    connections = limits.Connections(4, most_of_one=4)
    many, few = [Late() for _ in range(3)], Late()
    few.owner = "somebody else"
    for each in (*many, few):
        connections.admit(each)
    connections.entered(many[0], limits.IDLE)
    many[1].state = limits.WORK

    newcomer = Late()
    newcomer.owner = "a third"

    assert connections.admit(newcomer)
    assert [each.is_closed for each in (*many, few)] == [False, False, True, False]

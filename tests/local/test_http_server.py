"""The front, over real sockets, with an app that says what it was asked."""

import base64
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import chalice
import pytest

from chalicelib.api.http.answer import DIRECT, Sent
from local import certificates, gateway
from local.http_server import LARGEST_REQUEST, HttpServer
from local.routes import Routes

TEXT = {"Content-Type": "text/plain"}


def make_app() -> chalice.Chalice:
    app = chalice.Chalice(app_name="echo", configure_logs=False)
    every = {"methods": ["GET", "POST", "PUT", "HEAD"], "content_types": ["*/*"]}
    both_waiting = threading.Barrier(2, timeout=30)

    def echo(**parameters: str) -> chalice.Response:
        request = app.current_request
        said = {
            "context": request.context,
            "headers": dict(request.headers),
            "parameters": parameters,
            "query": {k: request.query_params.getlist(k) for k in request.query_params or {}},
            "length": len(request.raw_body),
            "start": request.raw_body[:20].decode("latin-1"),
        }
        return chalice.Response(json.dumps(said), headers={"Content-Type": "application/json"})

    def meet() -> chalice.Response:
        mine = app.current_request.query_params["me"]
        both_waiting.wait()
        return chalice.Response(str(mine == app.current_request.query_params["me"]), headers=TEXT)

    def nothing() -> chalice.Response:
        return chalice.Response("", status_code=204)

    def large() -> chalice.Response:
        return chalice.Response("x" * int(app.current_request.query_params["bytes"]), headers=TEXT)

    def streamed() -> Sent:
        count = int(app.current_request.query_params["pieces"])
        answer = Sent((b"%d," % number for number in range(count)), headers=TEXT)
        answer.direct = app.current_request.context[DIRECT]
        return answer

    def moved() -> chalice.Response:
        headers = {"Location": "/x", "Content-Length": "999", **TEXT}
        return chalice.Response("moved", status_code=303, headers=headers)

    for route, view in (
        ("/", echo),
        ("/echo/{word}", echo),
        ("/echo/fixed", nothing),
        ("/meet", meet),
        ("/large", large),
        ("/streamed", streamed),
        ("/moved", moved),
    ):
        app.route(route, name=route.strip("/") or "root", **every)(view)
    return app


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    front = HttpServer(make_app(), "127.0.0.1", 0)
    yield front.start()
    front.stop()


@pytest.fixture
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    opened = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    yield opened
    opened.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, **more: Any) -> tuple[int, bytes]:
    connection.request(method, path, **more)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_connection_is_kept_and_quick(connection: http.client.HTTPConnection) -> None:
    ask(connection, "GET", "/pscheduler/")
    first_socket = connection.sock

    took = []
    for _ in range(100):
        began = time.monotonic()
        assert ask(connection, "GET", "/pscheduler/")[0] == 200
        took.append(time.monotonic() - began)

    assert connection.sock is first_socket
    # Delayed acknowledgements would make each 0.04; a busy machine may hold up some.
    assert sorted(took)[25] < 0.02


@pytest.mark.parametrize("path", ["/pscheduler", "/pscheduler/", "/pscheduler?a=1"])
def test_the_stage_is_stripped(connection: http.client.HTTPConnection, path: str) -> None:
    status, body = ask(connection, "GET", path)

    context = json.loads(body)["context"]
    assert status == 200
    assert (context["resourcePath"], context["stage"]) == ("/", "pscheduler")
    assert context["path"] == path.partition("?")[0]


@pytest.mark.parametrize("path", ["/pscheduler//echo/a%2Fb", "/pscheduler//echo///a%2Fb/"])
def test_slashes_in_a_row_count_as_one(connection: http.client.HTTPConnection, path: str) -> None:
    # A lead of the reference server asks /pscheduler//api and /pscheduler//tools before it posts a task.
    status, body = ask(connection, "GET", path)

    assert status == 200
    assert json.loads(body)["context"]["resourcePath"] == "/echo/{word}"


def test_a_route_that_begins_with_a_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with a parameter"):
        Routes(["/tasks", "/{anything}"])


@pytest.mark.parametrize("path", ["/", "/tests", "/tests?a=/pscheduler/", "/pschedulerx"])
def test_outside_of_its_root_it_is_said_where_the_node_is(
    connection: http.client.HTTPConnection, path: str
) -> None:
    assert ask(connection, "GET", path) == (404, b"Not found. The node is at /pscheduler/\n")


@pytest.mark.parametrize("path", ["/pscheduler/unknown", "/pscheduler/echo//"])
def test_what_is_no_route_is_a_404_of_one_line(connection: http.client.HTTPConnection, path: str) -> None:
    assert ask(connection, "GET", path) == (404, b"Not found.\n")


def test_head_has_the_length_and_no_body(connection: http.client.HTTPConnection) -> None:
    connection.request("HEAD", "/pscheduler/large?bytes=1234")
    answer = connection.getresponse()

    assert (answer.status, answer.getheader("Content-Length"), answer.read()) == (200, "1234", b"")
    assert ask(connection, "GET", "/pscheduler/large?bytes=3") == (200, b"xxx")  # nothing was left over


def test_no_content_has_neither_body_nor_length(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/pscheduler/echo/fixed")
    answer = connection.getresponse()

    assert (answer.status, answer.getheader("Content-Length"), answer.read()) == (204, None, b"")


def test_the_addresses_of_both_ends_are_real(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5, source_address=("127.0.0.77", 0))
    context = json.loads(ask(connection, "GET", "/pscheduler/")[1])["context"]
    connection.close()

    assert context["identity"]["sourceIp"] == "127.0.0.77"
    assert context["serverAddress"] == "127.0.0.1"


@pytest.mark.parametrize("name", ["X-Forwarded-Proto", "x-forwarded-proto", "X_Forwarded_Proto"])
def test_what_a_client_says_it_was_forwarded_as_is_dropped(
    connection: http.client.HTTPConnection, name: str
) -> None:
    _, body = ask(connection, "GET", "/pscheduler/", headers={name: "https", "X-Forwarded-For": "10.0.0.1"})

    headers = json.loads(body)["headers"]
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert "https" not in headers.values()


def test_a_path_stays_encoded_and_a_query_is_decoded(connection: http.client.HTTPConnection) -> None:
    _, body = ask(connection, "GET", "/pscheduler/echo/a%2Fb%20%C3%A9?x=1%2F2&x=3&empty")

    said = json.loads(body)
    assert said["parameters"] == {"word": "a%2Fb%20%C3%A9"}
    assert said["query"] == {"x": ["1/2", "3"], "empty": [""]}
    assert said["context"]["path"] == "/pscheduler/echo/a%2Fb%20%C3%A9"


def test_a_chunked_body_arrives(connection: http.client.HTTPConnection) -> None:
    chunks = [b"one ", b"two ", b"three"]
    _, body = ask(connection, "POST", "/pscheduler/", body=iter(chunks), encode_chunked=True)

    assert json.loads(body)["start"] == "one two three"
    assert ask(connection, "GET", "/pscheduler/large?bytes=1") == (200, b"x")


def test_a_body_that_is_no_text_arrives(connection: http.client.HTTPConnection) -> None:
    _, body = ask(connection, "POST", "/pscheduler/", body=b"\xff\xfe\x00")

    assert json.loads(body)["start"] == "\xff\xfe\x00"


def test_a_request_of_nine_megabytes_arrives(connection: http.client.HTTPConnection) -> None:
    status, body = ask(connection, "PUT", "/pscheduler/", body=b"x" * 9_000_000)

    assert (status, json.loads(body)["length"]) == (200, 9_000_000)


def test_a_request_above_the_limit_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as opened:
        head = f"PUT /pscheduler/ HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGEST_REQUEST + 1}\r\n\r\n"
        opened.sendall(head.encode())
        assert opened.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_request_above_the_limit_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as opened:
        opened.sendall(b"PUT /pscheduler/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        opened.sendall(b"%x\r\n" % (LARGEST_REQUEST + 1) + b"x" * (LARGEST_REQUEST + 1))
        assert opened.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_chunks_that_make_no_sense_are_a_400(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as opened:
        opened.sendall(b"PUT /pscheduler/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert opened.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_an_answer_larger_than_a_lambda_may_give_is_given(connection: http.client.HTTPConnection) -> None:
    size = 7 * 1024 * 1024

    assert len(ask(connection, "GET", f"/pscheduler/large?bytes={size}")[1]) == size


def test_what_is_read_while_it_is_sent_arrives_whole(connection: http.client.HTTPConnection) -> None:
    for count in (0, 1, 5000):
        expected = b"".join(b"%d," % number for number in range(count))

        assert ask(connection, "GET", f"/pscheduler/streamed?pieces={count}") == (200, expected)


def test_the_length_of_an_answer_is_the_fronts_to_say(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/pscheduler/moved")
    answer = connection.getresponse()

    assert (answer.status, answer.getheader("Location"), answer.read()) == (303, "/x", b"moved")
    assert answer.headers.get_all("Content-Length") == ["5"]


def test_requests_in_parallel_keep_apart(port: int) -> None:
    answers: list[tuple[int, bytes]] = []

    def meet(me: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        answers.append(ask(connection, "GET", f"/pscheduler/meet?me={me}"))
        connection.close()

    threads = [threading.Thread(target=meet, args=(me,)) for me in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [(200, b"True")] * 2


def test_tls_is_served_with_a_certificate_clients_can_check(tmp_path: Any) -> None:
    front = HttpServer(make_app(), "127.0.0.1", 0, certificates.certificate(tmp_path, "127.0.0.1"))
    port = front.start()
    try:
        trust = ssl.create_default_context(cafile=tmp_path / "authority.pem")
        for name in ("127.0.0.1", "localhost"):
            connection = http.client.HTTPSConnection(name, port, timeout=10, context=trust)
            status, body = ask(connection, "GET", "/pscheduler/")
            connection.close()
            assert status == 200
            assert json.loads(body)["headers"]["x-forwarded-proto"] == "https"
    finally:
        front.stop()


def test_a_certificate_is_kept_until_the_address_changes(tmp_path: Any) -> None:
    first = certificates.certificate(tmp_path, "127.0.0.1").read_bytes()

    assert certificates.certificate(tmp_path, "127.0.0.1").read_bytes() == first
    assert certificates.certificate(tmp_path, "127.0.0.9").read_bytes() != first


def test_an_encoded_answer_is_decoded() -> None:
    image = bytes(range(256))
    answer = {"statusCode": 200, "body": base64.b64encode(image).decode(), "isBase64Encoded": True}

    assert gateway.response(answer).body == image

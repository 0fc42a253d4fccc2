"""The archiver http, on a web server of this machine."""

import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from typing import Any

import pytest
import trustme

from chalicelib.domain.times import parse_duration
from plugins.archivers import http
from plugins.sdk.jobs import Outcome, Parcel
from plugins.support import web_posts
from tests.plugins.web import STALL, serving

RETRY = {"retry-policy": [{"attempts": 1, "wait": "PT1M"}]}
LIBRARY = ("HTTPConnection", "(host=", "urllib3", "object at", "Error(", "Exception", "Guarded")


def deliver(url: str, result: Any = None, **data: Any) -> Outcome:
    return http.deliver(Parcel({"schema": 4, "_url": url, **data}, result))


def test_sends_the_result_with_the_headers_it_is_given() -> None:
    with serving({"/a": (201, {}, b"")}) as server:
        outcome = deliver(f"{server.url}/a", {"id": 1}, op="put", _headers={"X-A": "Zürich", "X-B": ""})

    method, path, headers, body = server.asked[0]
    assert outcome == Outcome(True)
    assert (method, path, json.loads(body)) == ("PUT", "/a", {"id": 1})
    assert (headers["Content-Type"], headers["X-A"]) == ("application/json", "Zürich")
    assert "X-B" not in headers


def test_connections_are_used_again() -> None:
    with serving({"/a": (200, {}, b"ok")}) as server:
        outcomes = [deliver(f"{server.url}/a") for _ in range(3)]

    assert outcomes == [Outcome(True)] * 3
    assert len(server.peers) == 1


def test_a_refusal_is_told_with_the_status_that_was_sent() -> None:
    with serving({"/a": (503, {}, b"full")}) as server:
        outcome = deliver(f"{server.url}/a", **RETRY)

    assert outcome == Outcome(False, "POST failed with status 503: full", parse_duration("PT1M"))


@pytest.mark.parametrize("attempts", [0, 1])
def test_nobody_there_has_no_status_and_is_told_in_plain_words(attempts: int, closed_port: int) -> None:
    parcel = Parcel({"_url": f"http://127.0.0.1:{closed_port}/a", **RETRY}, {}, attempts)

    outcome = http.deliver(parcel)

    assert outcome.error == "POST failed: Connection refused"
    assert (outcome.retry is None) == bool(attempts)


def test_a_name_that_nobody_has_is_told_in_plain_words() -> None:
    outcome = deliver("http://no.such.invalid/a", **RETRY)

    assert (outcome.error or "").startswith("POST failed: no.such.invalid has no such address: ")
    assert not any(word in (outcome.error or "") for word in LIBRARY)
    assert outcome.retry is not None


def test_one_that_hangs_up_or_says_nonsense_is_told_in_plain_words() -> None:
    for answer in (b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"):
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve(server: socket.socket = server, answer: bytes = answer) -> None:
                end, _ = server.accept()
                with end:
                    end.recv(65536)
                    end.sendall(answer)

            serving_ = threading.Thread(target=serve)
            serving_.start()
            outcome = deliver(f"http://127.0.0.1:{server.getsockname()[1]}/")
            serving_.join(5)

        assert not outcome.succeeded
        assert (outcome.error or "").startswith("POST failed: ")
        assert "status" not in (outcome.error or "")
        assert not any(word in (outcome.error or "") for word in LIBRARY), outcome.error


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_a_certificate_that_is_not_trusted_is_told_in_plain_words() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with serving({"/a": (200, {}, b"")}, context) as server:
        url = f"https://{server.host}/a"

        loose, strict = deliver(url), deliver(url, **{"verify-ssl": True})

    assert loose == Outcome(True)
    assert not strict.succeeded
    assert "certificate" in (strict.error or "")
    assert not any(word in (strict.error or "") for word in LIBRARY), strict.error


def test_a_server_that_never_answers_is_waited_for_as_long_as_asked() -> None:
    with serving({}) as server:
        server.stalls = {"/a"}
        begun = time.monotonic()

        outcome = deliver(f"{server.url}/a", timeout="PT0.3S")

    assert outcome.error == "POST failed: no answer in time"
    assert time.monotonic() - begun < STALL / 2


@pytest.mark.parametrize(
    ("given", "seconds"), [("PT24H", 60), ("P30D", 60), ("PT5S", 5), ("PT0S", 0.001), (None, 30)]
)
def test_a_time_out_has_a_longest(given: str | None, seconds: float) -> None:
    assert web_posts.patience({} if given is None else {"timeout": given}) == seconds


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({"x-site": "Zürich"}, None),
        ({"x-site": ""}, None),
        ({"x-site": "Zürich € West"}, "/_headers/x-site: must be text of ISO 8859-1"),
        ({"x-site": "a\r\nX-Other: b"}, "/_headers/x-site: must be text of ISO 8859-1"),
        ({"x-site": "a\0"}, "/_headers/x-site: must be text"),
        ({"a b": "c"}, '/_headers: "a b" is not the name of a header'),
        ({"a\r\nb": "c"}, "/_headers: "),
        ({"": "c"}, '/_headers: "" is not the name of a header'),
    ],
)
def test_headers_are_checked_when_posted(headers: dict[str, str], problem: str | None) -> None:
    found = http.ARCHIVER.problem({"schema": 2, "_url": "http://127.0.0.1/", "_headers": headers})

    assert (found is None) == (problem is None)
    assert (found or "").startswith(problem or "")
    assert "Zürich" not in (found or "")


@pytest.mark.parametrize(
    ("url", "valid"),
    [
        ("https://127.0.0.1/x", True),
        ("http://user:canary@[::1]:8080/x?token=canary", True),
        ("gopher://canary.example/", False),
        ("canary", False),
        ("http://", False),
        ("http://host:canary/", False),
        ("http://host/canary x", False),
        ("http://host/\r\nX: canary", False),
    ],
)
def test_a_url_is_checked_when_posted_and_never_shown(url: str, valid: bool) -> None:
    problem = http.ARCHIVER.problem({"_url": url})

    assert (problem is None) is valid, problem
    assert valid or (problem or "").startswith("/_url: must ")
    assert "canary" not in (problem or "")


@pytest.mark.parametrize(
    ("user", "sent"),
    [
        ("perf:so%40nar", "cGVyZjpzb0BuYXI="),  # perf:so@nar
        ("token", "dG9rZW46"),  # no password
    ],
)
def test_user_and_password_of_the_url_become_basic_authorization(user: str, sent: str) -> None:
    with serving({"/a": (200, {}, b"")}) as server:
        deliver(f"http://{user}@{server.host}/a")
        deliver(f"http://{user}@{server.host}/a", _headers={"authorization": "Bearer x"})

    first, second = (headers for _, _, headers, _ in server.asked)
    assert first["Authorization"] == f"Basic {sent}"
    assert [value for name, value in second.items() if name.lower() == "authorization"] == ["Bearer x"]


def test_a_result_is_signed_with_the_key_that_is_given() -> None:
    with serving({"/a": (200, {}, b"")}) as server:
        http.deliver(
            Parcel({"schema": 5, "_url": f"{server.url}/a", "_signing-key": "0123456789abcdef"}, {"id": 1})
        )

    _, _, headers, body = server.asked[0]
    digest = hmac.new(b"0123456789abcdef", body, hashlib.sha256).hexdigest()
    assert headers["X-Signature-256"] == f"sha256={digest}"

"""A method that no page has is refused as one that only this path lacks, over real sockets."""

import contextlib
import http.client
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from chalicelib.api.http.request_event import METHODS, REFUSED
from chalicelib.api.openapi import operations

STRANGE = ("TRACE", "CONNECT", "PROPFIND", "MKCOL", "M-SEARCH", "PURGE", "LINK", "QUERY", "SOURCE")
UUID = "00000000-0000-4000-8000-000000000000"


class Refusal(NamedTuple):
    status: int
    kind: str | None
    allow: str | None
    text: str


@pytest.fixture
def front(empty_aws: None) -> Iterator[http.client.HTTPConnection]:
    from app import app
    from local.http_server import HttpServer

    served = HttpServer(app, "127.0.0.1", 0, reads_at_once=True)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.start(), timeout=30)) as client:
        yield client
    served.stop()


def refusal(front: http.client.HTTPConnection, method: str, path: str, **headers: str) -> Refusal:
    front.request(method, f"/pscheduler{path}", headers=headers)
    answer = front.getresponse()
    text = answer.read().decode()
    return Refusal(answer.status, answer.getheader("Content-Type"), answer.getheader("Allow"), text)


def test_no_page_has_the_method_that_strange_ones_are_handed_over_as(
    front: http.client.HTTPConnection,
) -> None:
    assert REFUSED in METHODS
    assert all(REFUSED not in pages for pages in operations.PAGES.values())


@pytest.mark.parametrize("method", STRANGE)
def test_a_strange_method_is_refused_with_those_that_the_path_has(
    front: http.client.HTTPConnection, method: str
) -> None:
    for path, pages in operations.PAGES.items():
        told = refusal(front, method, re.sub(r"{\w+}", UUID, path))

        allow = ", ".join([*pages, *(["HEAD"] if "GET" in pages else []), "OPTIONS"])
        sentence = f"{method} is not allowed here; allowed are {allow}\n"
        assert told == Refusal(405, "text/plain; charset=utf-8", allow, sentence), path


@pytest.mark.parametrize("path", ["/tasks", f"/tasks/{UUID}/cli", "/tasks/NOPE", "/nothing", "/tasks/a/b/c"])
@pytest.mark.parametrize("accept", ["*/*", "application/problem+json"])
def test_a_strange_method_is_answered_as_one_that_a_path_happens_to_lack(
    front: http.client.HTTPConnection, path: str, accept: str
) -> None:
    usual = refusal(front, "PUT", path, Accept=accept)

    strange = refusal(front, "PROPFIND", path, Accept=accept)

    assert strange == usual._replace(text=usual.text.replace("PUT is", "PROPFIND is"))
    assert strange.status == (404 if path in ("/tasks/NOPE", "/nothing", "/tasks/a/b/c") else 405)

"""What API Gateway does between a request and the app, without any socket: HTTP to event and back.

The path is matched to a route (``routes.py``), and what the client claims about proxies in between is
dropped.
"""

import base64
import dataclasses
import time
import urllib.parse
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from chalicelib.api.http.answer import DIRECT, READS_NOTHING
from chalicelib.api.http.request_event import ASKED_BY, AT_ONCE, METHODS, REFUSED
from chalicelib.domain import proxy_headers
from local.routes import FROM_MEMORY, FROM_ONE_ITEM, STAGE, Routes, without_stage

NO_BODY = (204, 304)


@dataclasses.dataclass(frozen=True)
class Request:
    """A request as it came; ``target`` is path and query, still percent-encoded."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    client: str
    server: str
    port: int
    scheme: str
    proxies: Sequence[proxy_headers.Network] = ()
    """Whose word on the client counts."""
    came: float | None = None
    """When it came in, as a Unix time."""


@dataclasses.dataclass(frozen=True)
class Response:
    """What goes back to the client; a body that is an iterator is sent while it is read."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | Iterator[bytes]
    wait: "Wait | None" = None
    """Instead of an answer: what to wait for before asking again."""
    follows: str | None = None
    """Of an answer that goes on: the cursor behind which its next piece begins."""
    takes_time: bool = False
    """Instead of an answer: that a worker is to give it."""


@dataclasses.dataclass(frozen=True)
class Wait:
    """That something happens to a task or its runs, or that it is ``until`` (a Unix time)."""

    task: str
    until: float


class Context:
    """The context of a Lambda invocation, as far as anything reads it."""

    def __init__(self, function_name: str, timeout: float):
        self.function_name = function_name
        self.function_version = "$LATEST"
        self.invoked_function_arn = f"arn:aws:lambda:local:000000000000:function:{function_name}"
        self.memory_limit_in_mb = 1024
        self.aws_request_id = str(uuid.uuid4())
        self._deadline = time.monotonic() + timeout

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def event(request: Request, routes: Routes) -> dict[str, Any] | None:
    """The event API Gateway would send the app; None where it would answer 404 itself."""
    full_path, _, query = request.target.partition("?")
    path = without_stage(full_path)
    found = None if path is None else routes.find(path)
    if path is None or found is None:
        return None
    route, captured = found
    asking = proxy_headers.client(request.client, list(request.headers.items()), request.proxies)
    headers = _headers(request, asking)
    arguments = urllib.parse.parse_qs(query, keep_blank_values=True)
    body, encoded = _body(request.body)
    return {
        "resource": route,
        "path": path,
        "httpMethod": request.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in arguments.items()} or None,
        "multiValueQueryStringParameters": arguments or None,
        "pathParameters": captured or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": route,
            "httpMethod": request.method if request.method in METHODS else REFUSED,
            ASKED_BY: request.method,
            "path": full_path,
            "stage": STAGE,
            "protocol": "HTTP/1.1",
            "requestId": str(uuid.uuid4()),
            "identity": {"sourceIp": asking.address, "userAgent": headers.get("User-Agent")},
            "serverAddress": request.server,
            READS_NOTHING: request.method in ("GET", "HEAD") and route in FROM_MEMORY,
            "requestTimeEpoch": int((request.came or time.time()) * 1000),
            DIRECT: True,
            "isForwarded": asking.is_forwarded,
            "isCallerKnown": asking.is_known,
        },
        "body": body,
        "isBase64Encoded": encoded,
    }


def _headers(request: Request, asking: proxy_headers.Client) -> dict[str, str]:
    return proxy_headers.rewritten(request.headers, asking) | {
        "X-Forwarded-For": asking.address,
        "X-Forwarded-Port": str(request.port),
        "X-Forwarded-Proto": asking.scheme or request.scheme,
    }


def _body(body: bytes) -> tuple[str | None, bool]:
    if not body:
        return None, False
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def response(answer: dict[str, Any]) -> Response:
    """What goes back to the client. API Gateway's limit of 6 MB is not a machine's."""
    wait = Wait(*answer["wait"]) if answer.get("wait") else None
    several = answer.get("multiValueHeaders") or {}
    headers = [(name, str(value)) for name, values in several.items() for value in values]
    headers += [(name, str(value)) for name, value in (answer.get("headers") or {}).items()]
    framing = ("content-length", "connection", "transfer-encoding")
    kept = [header for header in headers if header[0].lower() not in framing]
    takes_time = bool(answer.get("takesTime"))
    return Response(int(answer["statusCode"]), kept, _content(answer), wait, _cursor(kept), takes_time)


STREAM_TYPE = "text/event-stream"


def _cursor(headers: Iterable[tuple[str, str]]) -> str | None:
    """Where an answer goes on that does not end."""
    known = {name.lower(): text for name, text in headers}
    return known.get("cursor") if known.get("content-type", "").startswith(STREAM_TYPE) else None


def at_once(event: dict[str, Any]) -> dict[str, Any] | None:
    """The event that asks for an answer in the front's own thread; None where that might take long."""
    reads = event["httpMethod"] in ("GET", "HEAD") and event["resource"] in FROM_ONE_ITEM
    if not reads or event["queryStringParameters"]:
        return None
    return {**event, "requestContext": {**event["requestContext"], AT_ONCE: True}}


def following(event: dict[str, Any], cursor: str) -> dict[str, Any]:
    """The event that asks for the next piece of an answer that goes on."""
    query = {**(event["queryStringParameters"] or {}), "since": cursor}
    return {
        **event,
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [text] for name, text in query.items()},
        "requestContext": {**event["requestContext"], "requestTimeEpoch": int(time.time() * 1000)},
    }


def _content(answer: dict[str, Any]) -> bytes | Iterator[bytes]:
    body: str | bytes | Iterator[bytes] = answer.get("body") or b""
    if isinstance(body, str):
        return base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    return body


def busy() -> Response:
    """What is answered while there is too much to do."""
    sentence = "This node has too much to do at the moment. Try again in a second."
    return dataclasses.replace(
        plain(503, sentence), headers=[("Content-Type", "text/plain"), ("Retry-After", "1")]
    )


def not_found(request: Request) -> Response:
    """The answer where ``event`` is None; outside of the stage it says where the node is."""
    is_outside = without_stage(request.target.partition("?")[0]) is None
    return plain(404, f"Not found. The node is at /{STAGE}/" if is_outside else "Not found.")


def plain(status: int, line: str) -> Response:
    """An answer of the front's own: one line."""
    return Response(status, [("Content-Type", "text/plain")], f"{line}\n".encode())

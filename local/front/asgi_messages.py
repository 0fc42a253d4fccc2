"""ASGI's messages: a request of a scope and its body, and a response as it is sent."""

import asyncio
import contextlib
import functools
import ipaddress
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from chalicelib.domain import numerals, proxy_headers
from local import gateway

LINGER = 3.0
"""Seconds in which what a client goes on sending is thrown away, so that it reads why it was refused."""

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


def length(scope: Any) -> int:
    """Bytes that a body is said to have."""
    said = next((text for name, text in scope["headers"] if name == b"content-length"), b"")
    return numerals.whole(said.decode("latin-1")) or 0


def request_of(scope: Any, body: bytes, proxies: tuple[proxy_headers.Network, ...]) -> gateway.Request:
    """A request whose head is a scope's."""
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    headers: dict[str, str] = {}
    for name, text in scope["headers"]:
        known, value = name.decode("latin-1").title(), text.decode("latin-1")
        headers[known] = f"{headers[known]}, {value}" if known in headers else value
    server, port = _address(scope["server"][0]), int(scope["server"][1])
    if not headers.get("Host"):  # hrefs need one
        headers["Host"] = f"[{server}]:{port}" if ":" in server else f"{server}:{port}"
    return gateway.Request(
        method=scope["method"],
        target=target.decode("latin-1"),
        headers=headers,
        body=body,
        client=_address(scope["client"][0]),
        server=server,
        port=port,
        scheme=scope["scheme"],
        proxies=proxies,
        came=time.time(),
    )


@functools.lru_cache(maxsize=4096)
def _address(text: str) -> str:
    """An address without its scope; IPv4 as such when it came over an IPv6 socket."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)


async def send_response(
    scope: Any,
    send: Send,
    response: gateway.Response,
    pull: Callable[[Iterator[bytes]], Awaitable[bytes | None]] | None = None,
) -> None:
    """Answer; ``pull`` gives the next piece of a body that comes in pieces."""
    body, has_body = response.body, response.status not in gateway.NO_BODY
    if not isinstance(body, bytes) and scope["http_version"] == "1.0":
        body = b"".join([piece async for piece in _pieces(body, pull)])  # it knows no chunks
    headers = [(name.encode("latin-1"), text.encode("latin-1", "replace")) for name, text in response.headers]
    if has_body and isinstance(body, bytes):
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if has_body and not isinstance(body, bytes) and scope["method"] != "HEAD":
        async for piece in _pieces(body, pull):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    last = body if has_body and isinstance(body, bytes) else b""
    await send({"type": "http.response.body", "body": last})


async def _pieces(body: Iterator[bytes], pull: Any) -> Any:
    while (piece := await pull(body)) is not None:
        if piece:
            yield piece


async def refuse(receive: Receive, send: Send) -> None:
    """Say that a body is too large, and hear the client out for a while."""
    text = b"A request may hold 10 MB.\n"
    headers = [
        (b"content-type", b"text/plain"),
        (b"content-length", str(len(text)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": True})
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_heard_out(receive), LINGER)
    await send({"type": "http.response.body", "body": b""})


async def _heard_out(receive: Receive) -> None:
    while (message := await receive())["type"] != "http.disconnect" and message.get("more_body"):
        pass

"""A request as it arrives: from the event of API Gateway, or of our own front, to what the pages see."""

import datetime as dt
from typing import Any

from chalicelib.api.http import content_codings, origins
from chalicelib.api.http.request import LARGEST_BODY, Request
from chalicelib.domain import proxy_headers
from chalicelib.domain.errors import Invalid, NotFound, TooLarge
from chalicelib.domain.times import UTC
from chalicelib.service.node.node_directory import addressed_by

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""What Chalice hands to every path, which refuses those that it has no page for."""
REFUSED = "PATCH"
"""The one of them that no path has a page for: our own front hands over any further method as this one."""
ASKED_BY = "methodAsked"
"""A member of an event's requestContext: the method that the request came with, whatever it is handed over
as."""
AT_ONCE = "answersAtOnce"
"""A member of an event's requestContext: the page is asked in the front's own thread, which is quicker than
in a worker, and keeps everybody else waiting meanwhile."""


def read(raw: Any) -> Request:
    """Chalice's request as ours.

    Raises Invalid for a body that is no text, UnknownCoding for one that cannot be decompressed, TooLarge for
    too much of it, NotFound for a path that ends in a slash.
    """
    headers, now = raw.headers, dt.datetime.now(UTC)
    _require_no_slash(raw)
    return Request(
        method=raw.method,
        path=raw.context.get("path", raw.context["resourcePath"]),
        base=_base(raw),
        args=dict(raw.query_params or {}),
        body=_text(content_codings.decoded(raw.raw_body, headers, LARGEST_BODY)),
        headers=headers,
        caller=raw.context.get("identity", {}).get("sourceIp", "").split("%")[0],
        server=raw.context.get("serverAddress") or raw.context.get("domainName", ""),
        node=addressed_by(headers.get("host", "")),
        now=now,
        came=_came(raw) or now,
        principal=raw.context.get("identity", {}).get("userArn") or "",
        is_forwarded=_is_forwarded(raw) or origins.is_foreign(headers),
        at_once=raw.context.get(AT_ONCE, False),
        is_caller_known=raw.context.get("isCallerKnown", not _is_forwarded(raw) or _is_deployed(raw)),
    )


def _is_forwarded(raw: Any) -> bool:
    """Whether a proxy is in front. Our own front says so, having taken their headers away."""
    told: bool | None = raw.context.get("isForwarded")
    return any(map(proxy_headers.is_header, raw.headers)) if told is None else told


def _is_deployed(raw: Any) -> bool:
    """Whether it is API Gateway that is in front: it says itself who asks."""
    return "accountId" in raw.context


def _came(raw: Any) -> dt.datetime | None:
    """When the front got the request, where it says so."""
    milliseconds = raw.context.get("requestTimeEpoch")
    return None if milliseconds is None else dt.datetime.fromtimestamp(milliseconds / 1000, UTC)


def _require_no_slash(raw: Any) -> None:
    """API Gateway overlooks a slash at the end; in pScheduler's eyes it makes another path.

    The page people look at alone has one, so that its files are beside it.
    """
    if raw.context["resourcePath"] not in ("/", "/ui") and raw.context.get("path", "").endswith("/"):
        raise NotFound("There is nothing at this path: it must not end in a slash")


def _text(body: bytes | str) -> str:
    if len(body) > LARGEST_BODY:
        raise TooLarge(f"The body has {len(body)} bytes; at most {LARGEST_BODY} are allowed")
    try:
        return body.decode() if isinstance(body, bytes) else body
    except UnicodeDecodeError as error:
        raise Invalid("The body is not UTF-8 text") from error


def _base(raw: Any) -> str:
    """The API root in the client's own terms; behind API Gateway the path begins with the stage."""
    depth = len([part for part in raw.context["resourcePath"].split("/") if part])
    parts = raw.context.get("path", raw.context["resourcePath"]).rstrip("/").split("/")
    prefix = "/".join(parts[: len(parts) - depth])
    scheme = raw.headers.get("x-forwarded-proto", "http")
    return f"{scheme}://{raw.headers.get('host', 'localhost')}{prefix}"

"""What client and node agree on besides the content: versions (ETag), compression, size, origins."""

import gzip
import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from chalicelib.api.http.answer import Answer, Sent
from chalicelib.settings import settings

LARGEST_ANSWER = 6 * 1024 * 1024 - 64 * 1024
"""Bytes of JSON a Lambda may answer, in which the body is a string, less what surrounds it."""
COMPRESS_FROM = 8 * 1024
"""Bytes from which compression is worth its time."""
_NO_ENCODING = re.compile(r"q=0(\.0*)?")
_COMPRESSIBLE = ("application/json", "application/problem+json", "text/", "image/svg+xml")


def tagged(answer: Answer, headers: Mapping[str, str]) -> Answer:
    """An answer with the ETag of its content; 304 and no body where the client has that already."""
    if answer.status != 200:
        return answer
    # Weak: the same content may go out compressed or not.
    tag = f'W/"{hashlib.sha256(answer.content()).hexdigest()[:32]}"'
    known = {one.strip().removeprefix("W/") for one in headers.get("if-none-match", "").split(",")}
    if tag.removeprefix("W/") in known or "*" in known:
        return Answer(b"", answer.kind, 304, {**answer.headers, "ETag": tag})
    return answer.with_headers(ETag=tag)


def sent(answer: Answer, headers: Mapping[str, str], with_body: bool) -> Sent:
    """An answer in the form that leaves the node, compressed where that is wanted and pays."""
    content = answer.content() if answer.status != 304 else b""
    body: str | bytes = answer.body if isinstance(answer.body, bytes) else content.decode()
    shown = {"Content-Type": answer.content_type, **answer.headers, **_origin(headers)}
    if len(content) >= COMPRESS_FROM and answer.kind.startswith(_COMPRESSIBLE):
        shown["Vary"] = ", ".join(filter(None, [shown.get("Vary"), "Accept-Encoding"]))
        if _takes_gzip(headers):
            body = gzip.compress(content, compresslevel=5, mtime=0)
            shown["Content-Encoding"] = "gzip"
    return Sent(body if with_body else "", headers=dict(shown), status_code=answer.status)


def is_too_large(response: Sent) -> bool:
    """Whether Lambda would refuse an answer: 6 MB as the JSON string it travels in."""
    body = response.body
    if isinstance(body, bytes):
        return len(body) * 4 / 3 > LARGEST_ANSWER
    return len(body) > LARGEST_ANSWER // 6 and len(json.dumps(body)) > LARGEST_ANSWER


def _takes_gzip(headers: Mapping[str, str]) -> bool:
    for one in headers.get("accept-encoding", "").lower().split(","):
        coding, *parameters = (part.strip() for part in one.split(";"))
        if coding in ("gzip", "x-gzip"):
            return not any(_NO_ENCODING.fullmatch(parameter) for parameter in parameters)
    return False


def _origin(headers: Mapping[str, str]) -> dict[str, str]:
    """What lets a page of another origin read the answer, where that origin is configured."""
    allowed, origin = settings().origins, headers.get("origin")
    if not allowed:
        return {}
    if origin is None or not ({origin, "*"} & set(allowed)):
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "ETag, Link, Location, Allow",
        "Vary": "Origin",
    }


def preflight(methods: Sequence[str], headers: Mapping[str, str]) -> Answer:
    """The answer to OPTIONS: what the resource can do, and for a browser what it may send."""
    answer = Answer("OK", headers={"Allow": ", ".join(methods)})
    if not _origin(headers).get("Access-Control-Allow-Origin"):
        return answer
    return answer.with_headers(
        Access_Control_Allow_Methods=", ".join(methods),
        Access_Control_Allow_Headers=headers.get("access-control-request-headers", "Content-Type"),
        Access_Control_Max_Age="600",
    )

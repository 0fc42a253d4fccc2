"""What client and node agree on besides the content: versions (ETag), compression, size, origins."""

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence

from chalicelib.api.http.answer import Answer, Sent
from chalicelib.domain import numerals
from chalicelib.settings import settings

LARGEST_ANSWER = 6 * 1024 * 1024 - 64 * 1024
"""Bytes of JSON a Lambda may answer, in which the body is a string, less what surrounds it."""
COMPRESS_FROM = 8 * 1024
"""Bytes from which compression is worth its time."""
_NO_ENCODING = re.compile(r"q=0(\.0*)?")
_NEVER_WHOLE = "text/event-stream"
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
    from_elsewhere = _origin(headers)
    varying = [each["Vary"] for each in (answer.headers, from_elsewhere) if "Vary" in each]
    shown = {"Content-Type": answer.content_type, **answer.headers, **from_elsewhere}
    body, size = _body(answer)
    is_compressible = answer.kind.startswith(_COMPRESSIBLE) and answer.kind != _NEVER_WHOLE
    if (size is None or size >= COMPRESS_FROM) and is_compressible:
        varying.append("Accept-Encoding")
        if _takes_gzip(headers):
            body = _compressed(body)
            shown["Content-Encoding"] = "gzip"
    if varying:
        shown["Vary"] = ", ".join(varying)
    return Sent(body if with_body else "", headers=dict(shown), status_code=answer.status)


def _body(answer: Answer) -> tuple[str | bytes | Iterator[bytes], int | None]:
    """What is to be sent, and how many bytes that is where it is known."""
    if answer.status == 304:
        return "", 0
    if not isinstance(answer.body, str | bytes):
        return answer.body, None
    content = answer.content()
    return content if isinstance(answer.body, bytes) else content.decode(), len(content)


def _compressed(body: str | bytes | Iterator[bytes]) -> bytes | Iterator[bytes]:
    if isinstance(body, str | bytes):
        return gzip.compress(body.encode() if isinstance(body, str) else body, compresslevel=5, mtime=0)
    return _compressed_while_read(body)


def _compressed_while_read(pieces: Iterator[bytes]) -> Iterator[bytes]:
    # Level 1: a list is as long as it takes to read it, and its lines are alike.
    compressor = zlib.compressobj(1, wbits=31)
    for piece in pieces:
        if ready := compressor.compress(piece):
            yield ready
    yield compressor.flush()


def joined(response: Sent) -> Sent | None:
    """An answer as Lambda takes it, in one piece; None where it would refuse that: 6 MB as a JSON string.

    Of an iterator no more is read than fits.
    """
    if not isinstance(response.body, str | bytes):
        body = bytearray()
        for piece in response.body:
            body += piece
            if len(body) > LARGEST_ANSWER:
                return None
        is_text = "Content-Encoding" not in response.headers
        response.body = body.decode() if is_text else bytes(body)
    return None if _is_too_large(response.body) else response


def _is_too_large(body: str | bytes) -> bool:
    if isinstance(body, bytes):
        return len(body) * 4 / 3 > LARGEST_ANSWER
    return len(body) > LARGEST_ANSWER // 6 and len(json.dumps(body)) > LARGEST_ANSWER


def preferred(headers: Mapping[str, str], kinds: Sequence[str]) -> str:
    """The media type that Accept prefers by its weights (RFC 9110 section 12.5.1).

    The first of the kinds where it says nothing, or likes another no better; a wildcard asks for no other.
    """
    weights = dict(_weighted(headers.get("accept", "")))
    anything = max((weights.get(wildcard, 0.0) for wildcard in ("*/*", "application/*")), default=0.0)
    first = weights.get(kinds[0], anything)
    best = max(kinds[1:], key=lambda kind: weights.get(kind, 0.0))
    return best if weights.get(best, 0.0) > first else kinds[0]


def _weighted(accept: str) -> Iterator[tuple[str, float]]:
    for one in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in one.split(";"))
        given = [parameter[2:] for parameter in parameters if parameter.startswith("q=")]
        yield kind, (numerals.decimal(given[0]) or 0.0) if given else 1.0


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

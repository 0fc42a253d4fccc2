"""Errors on their way to a client: the one place that gives them a status.

Text for the clients there are; ``application/problem+json`` (RFC 9457) for those that ask for it,
with a ``type`` that stays the same whatever the sentence says.
"""

import json
import re
from collections.abc import Mapping

from chalicelib.api.http import content_codings
from chalicelib.api.http.answer import Answer
from chalicelib.domain import echoes, errors
from chalicelib.domain.errors import PSchedulerError
from chalicelib.domain.schemas import JSON

PROBLEM_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:pscheduler:problem:"

STATUSES: tuple[tuple[type[PSchedulerError], int, str], ...] = (
    (errors.Gone, 410, "gone"),
    (errors.NotFound, 404, "not-found"),
    (errors.TooLarge, 413, "too-large"),
    (errors.UnknownCoding, 415, "unknown-coding"),
    (errors.Unprocessable, 422, "unprocessable"),
    (errors.Invalid, 400, "invalid"),
    (errors.Unauthenticated, 401, "unauthenticated"),
    (errors.Forbidden, 403, "forbidden"),
    (errors.Misdirected, 421, "misdirected"),
    (errors.Unsupported, 501, "unsupported"),
    (errors.TooOld, 426, "too-old"),
    (errors.TooMany, 429, "too-many"),
    (errors.Blocked, 409, "blocked"),
    (errors.Conflict, 409, "conflict"),
    (errors.StorageFull, 507, "storage-full"),
    (errors.Unavailable, 503, "unavailable"),
    (errors.PeerError, 424, "participant"),
)
"""The status of an error, and the name of its type, are those of the first here that it is one of."""

MISTAKE, METHOD = "mistake", "method"
"""What is no error of the product's own: the node's mistake, and a method a resource lacks."""

_TITLES = {
    "not-found": "Not found",
    "gone": "No longer of use",
    "too-large": "Too large",
    "unknown-coding": "Compressed in a way that is not known here",
    "unprocessable": "Valid, but cannot be carried out",
    "invalid": "Invalid request",
    "unauthenticated": "Not known here",
    "forbidden": "Forbidden",
    "misdirected": "Misdirected request",
    "unsupported": "An API level above this node's",
    "too-old": "A protocol that is not spoken here",
    "too-many": "Too many requests",
    "blocked": "A run is in the way",
    "storage-full": "Storage is full",
    "conflict": "Conflict with another request",
    "unavailable": "Temporarily unavailable",
    "participant": "Another participant failed",
    MISTAKE: "Internal error",
    METHOD: "Method not allowed",
}

_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 415: {"Accept-Encoding": content_codings.TAKEN}}

NAMES = tuple(f"{TYPE_PREFIX}{name}" for name in _TITLES)
"""Every ``type`` a problem can have."""


def of_error(error: PSchedulerError, headers: Mapping[str, str]) -> Answer:
    """The answer to a request that failed with an error of the product's own."""
    found = ((status, name) for kind, status, name in STATUSES if isinstance(error, kind))
    status, name = next(found, (500, MISTAKE))
    answer = problem(name, status, echoes.visible(error.message), headers, **_more(error))
    return answer.with_headers(**_HEADERS.get(status, {}))


def _more(error: PSchedulerError) -> dict[str, JSON]:
    match error:
        case errors.Blocked():
            return {"blocking-run": error.run}
        case errors.PeerError():
            return {"participant": error.host}
        case errors.Invalid() if error.pointer is not None:
            return {"pointer": error.pointer or "/"}
        case _:
            return {}


def problem(name: str, status: int, sentence: str, headers: Mapping[str, str], **more: JSON) -> Answer:
    """An error as text, or as a problem document where ``headers`` ask for that."""
    if not _wants_problem(headers):
        return Answer(sentence, status=status)
    document = {
        "type": f"{TYPE_PREFIX}{name}",
        "title": _TITLES[name],
        "status": status,
        "detail": sentence.rstrip("\n"),
        **more,
    }
    return Answer(json.dumps(document, separators=(",", ":")), PROBLEM_TYPE, status)


def _wants_problem(headers: Mapping[str, str]) -> bool:
    for one in headers.get("accept", "").lower().split(","):
        kind, *parameters = (part.strip() for part in one.split(";"))
        if kind == PROBLEM_TYPE:
            return not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    return False

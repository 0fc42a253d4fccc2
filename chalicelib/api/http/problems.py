"""Errors on their way to a client: the one place that gives them a status.

Text for the clients there are; ``application/problem+json`` (RFC 9457) for those that ask for it,
with a ``type`` that stays the same whatever the sentence says.
"""

import json
import re
from collections.abc import Mapping

from chalicelib.api.http.answer import Answer
from chalicelib.domain import errors
from chalicelib.domain.errors import PSchedulerError
from chalicelib.domain.schemas import JSON

PROBLEM_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:pscheduler:problem:"

STATUSES: tuple[tuple[type[PSchedulerError], int, str], ...] = (
    (errors.NotFound, 404, "not-found"),
    (errors.TooLarge, 413, "too-large"),
    (errors.Unprocessable, 422, "unprocessable"),
    (errors.Invalid, 400, "invalid"),
    (errors.Forbidden, 403, "forbidden"),
    (errors.Unsupported, 501, "unsupported"),
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
    "not-found": "It does not exist, or must not be seen",
    "too-large": "More than the node stores or may answer",
    "unprocessable": "Well-formed, but cannot be acted on",
    "invalid": "The request is at fault",
    "forbidden": "The caller may not do this",
    "unsupported": "An API level above this node's",
    "blocked": "A run is in the way",
    "conflict": "Somebody else was faster, or holds what is asked for",
    "storage-full": "There is no room left to store anything",
    "unavailable": "Something the node needs did not answer",
    "participant": "Another participant did not do its part",
    MISTAKE: "The node made a mistake",
    METHOD: "The resource lacks this method",
}

NAMES = tuple(f"{TYPE_PREFIX}{name}" for name in _TITLES)
"""Every ``type`` a problem can have."""

_POINTER = re.compile(r"^(/[^\s:]*): ")


def of_error(error: PSchedulerError, headers: Mapping[str, str]) -> Answer:
    """The answer to a request that failed with an error of the product's own."""
    found = ((status, name) for kind, status, name in STATUSES if isinstance(error, kind))
    status, name = next(found, (500, MISTAKE))
    return problem(name, status, error.message, headers, **_more(error))


def _more(error: PSchedulerError) -> dict[str, JSON]:
    match error:
        case errors.Blocked():
            return {"blocking-run": error.run}
        case errors.PeerError():
            return {"participant": error.host}
        case _:
            return {}


def problem(name: str, status: int, sentence: str, headers: Mapping[str, str], **more: JSON) -> Answer:
    """An error as text, or as a problem document where ``headers`` ask for that."""
    if not _wants_problem(headers):
        return Answer(sentence, status=status)
    at = _POINTER.match(sentence)
    document = {
        "type": f"{TYPE_PREFIX}{name}",
        "title": _TITLES[name],
        "status": status,
        "detail": sentence.rstrip("\n"),
        **({"pointer": at.group(1)} if at else {}),
        **more,
    }
    return Answer(json.dumps(document, separators=(",", ":")), PROBLEM_TYPE, status)


def _wants_problem(headers: Mapping[str, str]) -> bool:
    for one in headers.get("accept", "").lower().split(","):
        kind, *parameters = (part.strip() for part in one.split(";"))
        if kind == PROBLEM_TYPE:
            return not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    return False

"""Where the policy comes from, as PSCHEDULER_LIMITS says: a file, an S3 object, or a page of the web."""

import pathlib

from chalicelib.domain.documents import load
from chalicelib.domain.errors import Invalid, TooLarge, Unavailable
from chalicelib.domain.limits.policy_document import LARGEST_POLICY
from chalicelib.domain.schemas import JSON
from chalicelib.infrastructure import blobs, web
from chalicelib.infrastructure.web import Want

OPEN, CLOSED = "open", "closed"
TIMEOUT = 5.0
"""Seconds for a policy from the web; somebody may be waiting."""
_WEB = ("https://", "http://")


def read(where: str) -> str:
    """The text of a policy. One that consists of a URL stands for what is there, as in the reference.

    Raises Unavailable when it cannot be read, TooLarge for one that is too large.
    """
    text = _page(where) if where.startswith(_WEB) else _stored(where)
    if len(text) > LARGEST_POLICY * 4:  # comments count here, and do not later
        raise TooLarge(f"The policy has {len(text)} characters; it must have at most {LARGEST_POLICY}")
    bare = text.strip()
    if not where.startswith(_WEB) and bare.startswith(_WEB) and len(bare.split()) == 1:
        return _page(bare)
    return text


def _stored(where: str) -> str:
    if not where.startswith("s3://"):
        return _file(where)
    bucket, _, key = where.removeprefix("s3://").partition("/")
    return blobs.get_text(bucket, key, LARGEST_POLICY * 4)


def _file(where: str) -> str:
    try:
        with pathlib.Path(where.removeprefix("file://")).open(encoding="utf-8") as opened:
            return opened.read(LARGEST_POLICY * 4 + 1)
    except OSError as error:
        raise Unavailable(f"{where} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Unavailable(f"{where} cannot be read: it is not UTF-8 text") from error


def _page(url: str) -> str:
    status, text = web.get(Want(url, TIMEOUT, LARGEST_POLICY * 4))
    if status != 200:
        raise Unavailable(f"The policy's URL answered with status {status}")
    return text


def document(text: str) -> JSON:
    """The policy a text is. Raises Invalid for what is no JSON; members that begin with # are dropped."""
    found = load(text, "The policy")
    if not isinstance(found, dict):
        raise Invalid("The policy: must be a JSON object")
    return found

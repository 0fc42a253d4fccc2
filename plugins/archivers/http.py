"""http: sends results to a web server (docs/contract/archivers.md section 6)."""

import hashlib
import hmac
import json
from collections.abc import Mapping

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel, retry_after
from plugins.support import urls, web_posts

SHOWN = 1000
"""Characters of an answer's body that an error shows."""
SIGNATURE = "X-Signature-256"
"""The header of a signature: ``sha256=`` and the HMAC of the body in hexadecimal digits."""

V1 = {
    "schema": TYPES["Cardinal"],
    "_url": TYPES["URL"],
    "op": {"enum": ["put", "post"]},
    "bind": TYPES["Host"],
    "retry-policy": TYPES["RetryPolicy"],
}
V2 = {**V1, "_headers": urls.HEADERS}
V3 = {**V2, "verify-ssl": TYPES["Boolean"]}
V4 = {**V3, "timeout": TYPES["Duration"]}
V5 = {**V4, "_signing-key": {"type": "string", "minLength": 16, "maxLength": 1024}}
"""An addition to the contract."""
DELIVERY = "Idempotency-Key"
"""The header that is the same at each attempt of a delivery (draft-ietf-httpapi-idempotency-key-header)."""


def deliver(parcel: Parcel) -> Outcome:
    """Send the result as JSON; any answer of the 200s keeps it, all else is a failure that may be retried.

    A URL that is not for the web, or leads where tasks must not reach, fails for good.
    """
    data = parcel.data
    try:
        urls.check(data)  # what was stored by an older version was not
    except Invalid as error:
        return Outcome(False, error.message)
    again = retry_after(data.get("retry-policy", ()), parcel.attempts)
    post = _post(data, json.dumps(parcel.result).encode(), parcel.delivery)
    try:
        reply = web_posts.send(post)
    except web_posts.NoAnswer as error:
        return Outcome(False, f"{post.method} failed: {error}", again)
    if reply.is_success:
        return Outcome(True)
    return Outcome(False, f"{post.method} failed with status {reply.status}: {reply.body[:SHOWN]}", again)


def _post(data: Mapping[str, JSON], content: bytes, delivery: str) -> web_posts.Post:
    url, credentials = urls.without_user(data["_url"])
    own = {"Content-Type": "application/json", **credentials, **_signature(data, content)}
    if delivery:
        own[DELIVERY] = f'"{delivery}"'
    return web_posts.Post(
        url,
        content,
        urls.headers(data.get("_headers", {}), own),
        method=data.get("op", "post").upper(),
        seconds=web_posts.patience(data),
        verify=data.get("verify-ssl", False),
        bind=data.get("bind"),
    )


def _signature(data: Mapping[str, JSON], content: bytes) -> dict[str, str]:
    if "_signing-key" not in data:
        return {}
    digest = hmac.new(data["_signing-key"].encode(), content, hashlib.sha256).hexdigest()
    return {SIGNATURE: f"sha256={digest}"}


ARCHIVER = Archiver(
    name="http",
    label="HTTP",
    description="Send results to a web server",
    data={
        1: closed(V1, required=("_url",)),
        **{
            version: closed(members, required=("schema", "_url"))
            for version, members in ((2, V2), (3, V3), (4, V4), (5, V5))
        },
    },
    deliver=deliver,
    check=urls.check,
)

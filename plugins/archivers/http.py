"""http: sends results to a web server (contract/archivers.md section 6)."""

import functools
import json
import threading
from collections.abc import Mapping

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.times import parse_duration
from chalicelib.domain.types import TYPES
from plugins.sdk.base import Archiver, Outcome, Parcel, retry_after
from plugins.support import egress, sayings, urls

TIMEOUT = "PT30S"
LONGEST = 60.0
"""Seconds that a time-out may be; one that is longer counts as this."""
LONGEST_BODY = 65536
"""Bytes read of an answer; the connection of a longer one is not used again."""
SHOWN = 1000
"""Characters of an answer's body that an error shows."""

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

_MAKING = threading.Lock()


def deliver(parcel: Parcel) -> Outcome:
    """Send the result as JSON; any answer of the 200s keeps it, all else is a failure that may be retried.

    A URL that is not for the web, or leads where tasks must not reach, fails for good.
    """
    data = parcel.data
    try:
        check(data)  # what was stored by an older version was not
    except Invalid as trouble:
        return Outcome(False, trouble.message)
    again = retry_after(data.get("retry-policy", ()), parcel.attempts)
    try:
        status, body = send(data, json.dumps(parcel.result).encode())
    except NoAnswer as nothing:
        return Outcome(False, f"{_operation(data)} failed: {nothing}", again)
    if 200 <= status < 300:
        return Outcome(True)
    return Outcome(False, f"{_operation(data)} failed with status {status}: {body[:SHOWN]}", again)


def _operation(data: Mapping[str, JSON]) -> str:
    operation: str = data.get("op", "post")
    return operation.upper()


class NoAnswer(Exception):
    """Nobody answered; says why."""


def send(data: Mapping[str, JSON], content: bytes) -> tuple[int, str]:
    """Make the request that the settings describe: status and body of the answer.

    Raises NoAnswer where none came, or none in time, and egress.Refused.
    """
    import urllib3

    seconds = patience(data)
    try:
        with egress.ending(seconds):
            response = pools(data.get("verify-ssl", False), data.get("bind")).request(
                _operation(data),
                data["_url"],
                body=content,
                headers=headers(data),
                timeout=urllib3.Timeout(total=seconds),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            body = response.read(LONGEST_BODY)
            response.release_conn() if len(body) < LONGEST_BODY else response.close()
    except egress.Unresolvable as error:
        raise NoAnswer(error.message) from error
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise NoAnswer(sayings.said(error)) from error
    return response.status, body.decode(errors="replace")


def patience(data: Mapping[str, JSON]) -> float:
    """Seconds that the whole exchange may take: a worker waits meanwhile, so there is a longest."""
    return min(LONGEST, max(0.001, parse_duration(data.get("timeout", TIMEOUT)).total_seconds()))


def headers(data: Mapping[str, JSON]) -> dict[str, str]:
    """The request's headers: those given over our own; one given empty is not sent."""
    given = data.get("_headers", {})
    own = {} if "content-type" in map(str.lower, given) else {"Content-Type": "application/json"}
    return {**own, **{name: value for name, value in given.items() if value}}


def pools(verify: bool, bind: str | None) -> JSON:
    """The connections of this process for such settings, which are kept for the next result, by host."""
    with _MAKING:
        return _pools(verify, bind)


@functools.lru_cache(maxsize=8)
def _pools(verify: bool, bind: str | None) -> JSON:
    import urllib3

    if not verify:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    source: dict[str, JSON] = {"source_address": (bind, 0)} if bind else {}
    manager = urllib3.PoolManager(
        num_pools=20, maxsize=4, cert_reqs="CERT_REQUIRED" if verify else "CERT_NONE", **source
    )
    manager.pool_classes_by_scheme = egress.pool_classes()
    return manager


def check(data: Mapping[str, JSON]) -> None:
    """Raise Invalid for a URL that nothing can be sent to, never showing it."""
    trouble = urls.problem(data["_url"])
    if trouble:
        raise Invalid(f"/_url: {trouble}")


ARCHIVER = Archiver(
    name="http",
    description="Send results to a web server",
    data={
        1: closed(V1, required=("_url",)),
        **{
            version: closed(members, required=("schema", "_url"))
            for version, members in ((2, V2), (3, V3), (4, V4))
        },
    },
    deliver=deliver,
    check=check,
)

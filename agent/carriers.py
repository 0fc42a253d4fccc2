"""How an agent is woken: by the coordinator's bell, or by a message in a queue of its own.

Whatever wakes it only means: make contact.
"""

import datetime as dt
import urllib.parse
from typing import Protocol

from agent.coordinator_client import Client
from agent.failures import Later
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, parse_timestamp

BELL_WAIT = 25
QUEUE_WAIT = 20
"""Seconds that the other side may hold a request back: proxies let go of what is silent for half a minute."""
RENEWED_BEFORE = 30 * SECOND
"""What is left of a signed URL when a new one is asked for."""


class Carrier(Protocol):
    """One way of being woken."""

    def rings(self, now: dt.datetime) -> bool:
        """Wait for a ring, half a minute at most. Raises what a request may raise."""
        ...


class Bell:
    """The coordinator's bell, which is counted: a ring that nobody heard is heard at the next request."""

    def __init__(self, client: Client, heard: int):
        self._client, self._heard = client, heard

    def rings(self, now: dt.datetime) -> bool:
        count = self._client.bell(self._heard, BELL_WAIT)
        rang, self._heard = count != self._heard, count
        return rang


class Queue:
    """A queue at AWS, read through a URL that is signed for receiving from it alone."""

    def __init__(self, client: Client, url: str, expires: dt.datetime):
        self._client, self._url, self._expires = client, url, expires

    def rings(self, now: dt.datetime) -> bool:
        if now >= self._expires - RENEWED_BEFORE:
            raise Later("The URL of the queue has expired: the next contact brings another")
        status, body = self._client.outside(self._url, QUEUE_WAIT)
        if status in (400, 403):
            raise Later("The queue no longer accepts its URL")
        if status != 200:
            raise Later(f"The queue answered {status}")
        return b"<Message>" in body or b'"MessageId"' in body


def carrier(told: JSON, client: Client, heard: int) -> Carrier:
    """The carrier that an answer to a contact names. Raises Invalid for one that is not known here."""
    kind = told.get("kind") if isinstance(told, dict) else None
    if kind == "https":
        return Bell(client, heard)
    if kind == "queue" and isinstance(told.get("url"), str):
        if urllib.parse.urlsplit(told["url"]).scheme not in ("https", "http"):
            raise Invalid("must be the URL of a queue", "/carrier/url")
        return Queue(client, told["url"], parse_timestamp(told.get("expires", "")))
    raise Invalid(
        f"must be https or queue, the carriers that this agent knows, not {kind!r}", "/carrier/kind"
    )

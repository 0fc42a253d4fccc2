"""sqs: sends results to a queue of SQS (an addition to the contract)."""

import json
import urllib.parse
from collections.abc import Mapping

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel
from plugins.support import aws_client

LARGEST = 2**20
"""Bytes that SQS lets a message have."""
FIFO = ".fifo"


def deliver(parcel: Parcel) -> Outcome:
    """Send the result as JSON. A FIFO queue drops one that is sent twice within five minutes."""
    body = json.dumps(parcel.result)
    if len(body.encode()) > LARGEST:
        return Outcome(False, f"The result is larger than the {LARGEST} bytes that a message can have")
    url = parcel.data["queue-url"]
    arguments = {"QueueUrl": url, "MessageBody": body}
    if url.endswith(FIFO):
        arguments["MessageGroupId"] = parcel.data.get("group", "pscheduler")
        arguments["MessageDeduplicationId"] = parcel.delivery
    settings = {**parcel.data, "endpoint": parcel.data.get("endpoint") or _endpoint(url)}
    return aws_client.deliver(parcel.with_data(settings), "sqs", "send_message", arguments)


def _endpoint(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def check(data: Mapping[str, JSON]) -> None:
    """Raise Invalid for a queue that has no address."""
    try:
        parts = urllib.parse.urlsplit(data["queue-url"])
        readable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        readable = False
    if not readable or "@" in data["queue-url"]:
        raise Invalid("must be a URL such as https://sqs.eu-west-1.amazonaws.com/1234/results", "/queue-url")


ARCHIVER = Archiver(
    name="sqs",
    label="SQS",
    description="Send results to a queue of SQS",
    data={
        1: closed(
            {
                **aws_client.SETTINGS,
                "queue-url": TYPES["URL"],
                "group": {"type": "string", "pattern": r"^[A-Za-z0-9!-/:-@\[-`{-~]{1,128}\Z"},
            },
            required=(*aws_client.REQUIRED, "queue-url"),
        )
    },
    deliver=deliver,
    check=check,
)

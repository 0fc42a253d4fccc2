"""Queues: made, found, described, changed, removed."""

import dataclasses
import functools
import json
import re
import sqlite3
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from local.engine.engine_errors import ServiceError, unknown
from local.engine.sqs.attribute_limits import RANGES, require_valid

if TYPE_CHECKING:
    from local.engine.engine import Engine

ADDRESS = "https://sqs.us-east-1.amazonaws.com/000000000000/"
ARN = "arn:aws:sqs:us-east-1:000000000000:"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")

TRUSTED = 1.0
"""Seconds for which a queue is not read again: what another process makes of one is seen by then."""
_PURGE_APART = 60.0
"""Seconds between two purges of a queue."""


@dataclasses.dataclass(frozen=True)
class Queue:
    """A queue as it is stored; ``attributes`` are those it was given."""

    id: int
    name: str
    attributes: Mapping[str, str]
    created: float
    modified: float

    def number(self, name: str) -> int:
        return int(self.attributes.get(name, RANGES[name][2]))

    @functools.cached_property
    def redrive(self) -> tuple[str, int] | None:
        """The name of the queue that messages go to which were received too often, and how often that is."""
        if not self.attributes.get("RedrivePolicy"):
            return None
        policy = json.loads(self.attributes["RedrivePolicy"])
        return policy["deadLetterTargetArn"].rsplit(":", 1)[-1], int(policy["maxReceiveCount"])


def missing() -> ServiceError:
    return ServiceError("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")


def bad_value(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValue", message)


def find(link: sqlite3.Connection, name: str) -> Queue | None:
    row = link.execute(
        "SELECT id, name, attributes, created, modified FROM sqs_queues WHERE name=?", (name,)
    ).fetchone()
    return None if row is None else Queue(row[0], row[1], json.loads(row[2]), row[3], row[4])


def lookup(link: sqlite3.Connection, params: Mapping[str, Any]) -> Queue:
    """The queue of a request's QueueUrl. Raises ServiceError."""
    found = find(link, name_of(params))
    if found is None:
        raise missing()
    return found


def known(engine: "Engine", link: sqlite3.Connection, params: Mapping[str, Any]) -> Queue:
    """The same, as it is or was a moment ago, for whoever sends and receives. Raises ServiceError."""
    name = name_of(params)
    queue, until = engine.known_queues.get(name, (None, 0.0))
    if queue is None or until <= time.monotonic():
        queue = lookup(link, params)
        engine.known_queues[name] = (queue, time.monotonic() + TRUSTED)
    return queue


def look_again(engine: "Engine") -> None:
    """Read what queues are like anew: one was changed."""
    engine.known_queues.clear()


def name_of(params: Mapping[str, Any]) -> str:
    return str(params["QueueUrl"]).rstrip("/").rsplit("/", 1)[-1]


def create(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    name, attributes = params["QueueName"], dict(params.get("Attributes") or {})
    if name.endswith(".fifo") or attributes.get("FifoQueue") == "true":
        raise unknown("SQS", "FIFO queues")
    if not _NAME.match(name):
        raise bad_value(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    require_valid(attributes)
    now = engine.clock()
    with engine.database.writing() as link:
        known = find(link, name)
        if known is None:
            link.execute(
                "INSERT INTO sqs_queues(name, attributes, tags, created, modified) VALUES(?, ?, ?, ?, ?)",
                (name, json.dumps(attributes), json.dumps(params.get("tags") or {}), now, now),
            )
        else:
            _require_same(known, attributes)
    return {"QueueUrl": ADDRESS + name}


def _require_same(known: Queue, attributes: Mapping[str, str]) -> None:
    for name, value in attributes.items():
        default = str(RANGES[name][2]) if name in RANGES else None
        if known.attributes.get(name, default) != value:
            raise ServiceError(
                "QueueAlreadyExists",
                f"A queue already exists with the same name and a different value for attribute {name}",
            )


def url(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.reading() as link:
        if find(link, params["QueueName"]) is None:
            raise missing()
    return {"QueueUrl": ADDRESS + params["QueueName"]}


def listed(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    prefix, most = params.get("QueueNamePrefix", ""), params.get("MaxResults", 1000)
    if not 1 <= most <= 1000:
        raise bad_value("MaxResults must be an integer between 1 and 1000")
    with engine.database.reading() as link:
        found = link.execute(
            "SELECT name FROM sqs_queues WHERE substr(name, 1, ?)=? AND name>? ORDER BY name LIMIT ?",
            (len(prefix), prefix, params.get("NextToken", ""), most + 1),
        ).fetchall()
    names = [name for (name,) in found[:most]]
    answer: dict[str, Any] = {"QueueUrls": [ADDRESS + name for name in names]} if names else {}
    # Without MaxResults there is no NextToken, as with AWS.
    return {**answer, **({"NextToken": names[-1]} if len(found) > most and "MaxResults" in params else {})}


def delete(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.writing() as link:
        queue = lookup(link, params)
        link.execute("DELETE FROM sqs_messages WHERE queue=?", (queue.id,))
        link.execute("DELETE FROM sqs_queues WHERE id=?", (queue.id,))
    look_again(engine)
    engine.bell.ring(queue.name)
    return {}


def purge(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    now = engine.clock()
    with engine.database.writing() as link:
        queue = lookup(link, params)
        (last,) = link.execute("SELECT purged FROM sqs_queues WHERE id=?", (queue.id,)).fetchone()
        if last is not None and now - last < _PURGE_APART:
            raise ServiceError(
                "AWS.SimpleQueueService.PurgeQueueInProgress",
                f"Only one PurgeQueue operation on {queue.name} is allowed every 60 seconds.",
                403,
            )
        link.execute("DELETE FROM sqs_messages WHERE queue=?", (queue.id,))
        link.execute("UPDATE sqs_queues SET purged=? WHERE id=?", (now, queue.id))
    return {}

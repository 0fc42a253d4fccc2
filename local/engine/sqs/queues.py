"""Queues: made, found, described, changed, removed."""

import dataclasses
import json
import re
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from local.engine.errors import ServiceError, unknown

if TYPE_CHECKING:
    from local.engine.engine import Engine

ADDRESS = "https://sqs.us-east-1.amazonaws.com/000000000000/"
ARN = "arn:aws:sqs:us-east-1:000000000000:"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")
LARGEST = 1 << 20
"""Bytes a message, or a batch of them, may have."""

RANGES = {
    "DelaySeconds": (0, 900, 0),
    "MaximumMessageSize": (1024, LARGEST, LARGEST),
    "MessageRetentionPeriod": (60, 1_209_600, 345_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20, 0),
    "VisibilityTimeout": (0, 43_200, 30),
}
"""Attributes that are numbers: least, greatest, and that of a queue that does not say."""
_ACCEPTED = {"Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"}
"""Kept and told, of no effect in one process."""
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
)
_DATES = ("CreatedTimestamp", "LastModifiedTimestamp")
_PURGE_APART = 60.0


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

    @property
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


def lookup(engine: "Engine", link: sqlite3.Connection, params: Mapping[str, Any]) -> Queue:
    """The queue of a request's QueueUrl. Raises ServiceError."""
    found = find(link, name_of(params))
    if found is None:
        raise missing()
    return found


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
    _require_valid(attributes)
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


def _require_valid(attributes: Mapping[str, str]) -> None:
    for name, value in attributes.items():
        if name in RANGES:
            _require_number(name, value)
        elif name in {"RedrivePolicy", "RedriveAllowPolicy"}:
            _require_policy(name, value)
        elif name not in _ACCEPTED and name != "FifoQueue":
            raise ServiceError("InvalidAttributeName", f"Unknown Attribute {name}.")


def _require_number(name: str, value: str) -> None:
    least, greatest, _ = RANGES[name]
    if not (value.isascii() and value.isdigit() and least <= int(value) <= greatest):
        raise ServiceError("InvalidAttributeValue", f"Invalid value for the parameter {name}.")


def _require_policy(name: str, value: str) -> None:
    wrong = ServiceError("InvalidAttributeValue", f"Value {value} for parameter {name} is invalid.")
    if not value:
        return
    try:
        policy = json.loads(value)
        if name == "RedrivePolicy" and not (
            policy["deadLetterTargetArn"].startswith("arn:") and 1 <= int(policy["maxReceiveCount"]) <= 1000
        ):
            raise wrong
    except (ValueError, KeyError, TypeError, AttributeError) as trouble:
        raise wrong from trouble


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
        queue = lookup(engine, link, params)
        link.execute("DELETE FROM sqs_messages WHERE queue=?", (queue.id,))
        link.execute("DELETE FROM sqs_queues WHERE id=?", (queue.id,))
    engine.bell.ring(queue.name)
    return {}


def purge(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.writing() as link:
        queue = lookup(engine, link, params)
        link.execute("DELETE FROM sqs_messages WHERE queue=?", (queue.id,))
    return {}


def attributes(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    wanted = set(params.get("AttributeNames") or ())
    with engine.database.snapshot() as link:
        queue = lookup(engine, link, params)
        known = {
            **{name: str(queue.number(name)) for name in RANGES},
            "QueueArn": ARN + queue.name,
            "CreatedTimestamp": str(int(queue.created)),
            "LastModifiedTimestamp": str(int(queue.modified)),
            "SqsManagedSseEnabled": "true",
            **{name: value for name, value in queue.attributes.items() if value},
        }
        unknown_names = (
            wanted - known.keys() - {"All", *_COUNTS, *_ACCEPTED, "RedrivePolicy", "RedriveAllowPolicy"}
        )
        if unknown_names:
            raise ServiceError("InvalidAttributeName", f"Unknown Attribute {sorted(unknown_names)[0]}.")
        if wanted & {"All", *_COUNTS}:
            known |= _counts(link, queue, engine.clock())
    found = {name: value for name, value in known.items() if "All" in wanted or name in wanted}
    return {"Attributes": found} if found else {}


def _counts(link: sqlite3.Connection, queue: Queue, now: float) -> dict[str, str]:
    """Messages to be taken, never seen yet, and taken by somebody."""
    count = "SELECT count(*) FROM sqs_messages WHERE queue=? AND visible"
    numbers = (
        link.execute(f"{count}<=?", (queue.id, now)).fetchone()[0],
        link.execute(f"{count}>? AND received=0", (queue.id, now)).fetchone()[0],
        link.execute(f"{count}>? AND received>0", (queue.id, now)).fetchone()[0],
    )
    return {name: str(number) for name, number in zip(_COUNTS, numbers, strict=True)}


def set_attributes(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    changed = dict(params["Attributes"])
    _require_valid(changed)
    with engine.database.writing() as link:
        queue = lookup(engine, link, params)
        link.execute(
            "UPDATE sqs_queues SET attributes=?, modified=? WHERE id=?",
            (json.dumps({**queue.attributes, **changed}), engine.clock(), queue.id),
        )
    return {}


def sources(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    """The queues whose set-aside messages come here."""
    with engine.database.reading() as link:
        target = lookup(engine, link, params)
        names = [name for (name,) in link.execute("SELECT name FROM sqs_queues ORDER BY name")]
        found = [queue for name in names if (queue := find(link, name)) is not None]
    return {
        "queueUrls": [
            ADDRESS + queue.name for queue in found if queue.redrive and queue.redrive[0] == target.name
        ]
    }


def tag(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return _retag(engine, params, lambda tags: {**tags, **params["Tags"]})


def untag(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    gone = set(params["TagKeys"])
    return _retag(engine, params, lambda tags: {k: v for k, v in tags.items() if k not in gone})


def _retag(engine: "Engine", params: dict[str, Any], change: Any) -> dict[str, Any]:
    with engine.database.writing() as link:
        queue = lookup(engine, link, params)
        tags = json.loads(link.execute("SELECT tags FROM sqs_queues WHERE id=?", (queue.id,)).fetchone()[0])
        link.execute("UPDATE sqs_queues SET tags=? WHERE id=?", (json.dumps(change(tags)), queue.id))
    return {}


def tags(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.reading() as link:
        queue = lookup(engine, link, params)
        found = json.loads(link.execute("SELECT tags FROM sqs_queues WHERE id=?", (queue.id,)).fetchone()[0])
    return {"Tags": found} if found else {}

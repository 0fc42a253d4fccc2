"""Attributes of queues, and their tags: told, changed, checked."""

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from local.engine.engine_errors import ServiceError
from local.engine.sqs import queue_operations
from local.engine.sqs.attribute_limits import ACCEPTED, RANGES, require_valid
from local.engine.sqs.queue_operations import Queue

if TYPE_CHECKING:
    from local.engine.engine import Engine

_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
)


def get(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    wanted = set(params.get("AttributeNames") or ())
    with engine.database.snapshot() as link:
        queue = queue_operations.lookup(link, params)
        known = {
            **{name: str(queue.number(name)) for name in RANGES},
            "QueueArn": queue_operations.ARN + queue.name,
            "CreatedTimestamp": str(int(queue.created)),
            "LastModifiedTimestamp": str(int(queue.modified)),
            "SqsManagedSseEnabled": "true",
            **{name: value for name, value in queue.attributes.items() if value},
        }
        unknown_names = (
            wanted - known.keys() - {"All", *_COUNTS, *ACCEPTED, "RedrivePolicy", "RedriveAllowPolicy"}
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


def put(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    changed = dict(params["Attributes"])
    require_valid(changed)
    with engine.database.writing() as link:
        queue = queue_operations.lookup(link, params)
        link.execute(
            "UPDATE sqs_queues SET attributes=?, modified=? WHERE id=?",
            (json.dumps({**queue.attributes, **changed}), engine.clock(), queue.id),
        )
    queue_operations.look_again(engine)
    return {}


def sources(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    """The queues whose set-aside messages come here."""
    with engine.database.reading() as link:
        target = queue_operations.lookup(link, params)
        names = [name for (name,) in link.execute("SELECT name FROM sqs_queues ORDER BY name")]
        found = [queue for name in names if (queue := queue_operations.find(link, name)) is not None]
    return {
        "queueUrls": [
            queue_operations.ADDRESS + queue.name
            for queue in found
            if queue.redrive and queue.redrive[0] == target.name
        ]
    }


def tag(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return _retag(engine, params, lambda tags: {**tags, **params["Tags"]})


def untag(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    gone = set(params["TagKeys"])
    return _retag(engine, params, lambda tags: {k: v for k, v in tags.items() if k not in gone})


def _retag(engine: "Engine", params: dict[str, Any], change: Any) -> dict[str, Any]:
    with engine.database.writing() as link:
        queue = queue_operations.lookup(link, params)
        tags = json.loads(link.execute("SELECT tags FROM sqs_queues WHERE id=?", (queue.id,)).fetchone()[0])
        link.execute("UPDATE sqs_queues SET tags=? WHERE id=?", (json.dumps(change(tags)), queue.id))
    return {}


def tags(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.reading() as link:
        queue = queue_operations.lookup(link, params)
        found = json.loads(link.execute("SELECT tags FROM sqs_queues WHERE id=?", (queue.id,)).fetchone()[0])
    return {"Tags": found} if found else {}

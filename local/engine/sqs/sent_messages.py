"""Messages put on queues."""

import base64
import json
import re
import sqlite3
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from local.engine.engine_errors import ServiceError
from local.engine.sqs import digests, message_batches, queue_operations
from local.engine.sqs.attribute_limits import LARGEST, RANGES
from local.engine.sqs.queue_operations import Queue

if TYPE_CHECKING:
    from local.engine.engine import Engine

_NOT_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_GROUP = re.compile(r"[A-Za-z0-9!-/:-@\[-`{-~]{1,128}\Z")


def send(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.writing() as link:
        queue = queue_operations.known(engine, link, params)
        answer = _put(link, queue, params, engine.clock())
    engine.bell.ring(queue.name)
    return answer


def send_batch(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    batch = message_batches.entries(params)
    size = sum(_size(entry) for entry in batch)
    if size > LARGEST:
        raise ServiceError(
            "AWS.SimpleQueueService.BatchRequestTooLong",
            f"Batch requests cannot be longer than {LARGEST} bytes. You have sent {size} bytes.",
        )
    with engine.database.writing() as link:
        queue = queue_operations.known(engine, link, params)
        answer = message_batches.each(batch, lambda entry: _put(link, queue, entry, engine.clock()))
    engine.bell.ring(queue.name)
    return answer


def _size(entry: Mapping[str, Any]) -> int:
    size = len(entry["MessageBody"].encode())
    for name, one in (entry.get("MessageAttributes") or {}).items():
        size += len(name.encode()) + len(one["DataType"].encode())
        size += len(one.get("StringValue", "").encode()) + len(one.get("BinaryValue", b""))
    return size


def _put(link: sqlite3.Connection, queue: Queue, entry: Mapping[str, Any], now: float) -> dict[str, Any]:
    body, attributes = entry["MessageBody"], entry.get("MessageAttributes") or {}
    _require_valid(queue, entry)
    delay = entry.get("DelaySeconds")
    if delay is None:
        delay = queue.number("DelaySeconds")
    least, greatest, _ = RANGES["DelaySeconds"]
    if not least <= delay <= greatest:
        raise queue_operations.bad_value(
            f"Value {delay} for parameter DelaySeconds is invalid. Reason: Must be >= 0 and <= 900."
        )
    extras = {"attributes": attributes, "group": entry.get("MessageGroupId")}
    name = str(uuid.uuid4())
    link.execute(
        "INSERT INTO sqs_messages(queue, visible, uuid, sent, received, extras, body)"
        " VALUES(?, ?, ?, ?, 0, ?, ?)",
        (queue.id, now + delay, name, now, json.dumps(extras, default=_spelled), body),
    )
    answer = {"MessageId": name, "MD5OfMessageBody": digests.of_text(body)}
    if attributes:
        answer["MD5OfMessageAttributes"] = digests.of_attributes(attributes)
    return answer


def _spelled(binary: Any) -> str:
    return base64.b64encode(bytes(binary)).decode()


def _require_valid(queue: Queue, entry: Mapping[str, Any]) -> None:
    body = entry["MessageBody"]
    if not body:
        raise ServiceError("MissingParameter", "The request must contain the parameter MessageBody.")
    if _NOT_TEXT.search(body):
        raise ServiceError(
            "InvalidMessageContents", "The message contains characters outside the allowed set."
        )
    most = queue.number("MaximumMessageSize")
    if _size(entry) > most:
        raise queue_operations.bad_value(
            f"One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
        )
    group = entry.get("MessageGroupId")
    if group is not None and not _GROUP.match(group):
        raise queue_operations.bad_value(
            "MessageGroupId can only include alphanumeric and punctuation characters."
        )
    _require_attributes(entry.get("MessageAttributes") or {})


def _require_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> None:
    if len(attributes) > 10:
        raise queue_operations.bad_value(
            "Number of message attributes [more than 10] exceeds the allowed maximum [10]."
        )
    for name, one in attributes.items():
        kind = one["DataType"].partition(".")[0]
        member = {"String": "StringValue", "Number": "StringValue", "Binary": "BinaryValue"}.get(kind)
        if member is None:
            raise queue_operations.bad_value(f"The type of message (user) attribute '{name}' is invalid.")
        if not one.get(member):
            raise queue_operations.bad_value(
                f"The message (user) attribute '{name}' must contain a non-empty value of type {kind}."
            )

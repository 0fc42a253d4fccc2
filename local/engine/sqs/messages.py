"""Messages put on queues, and taken from them.

A message that is taken is hidden until its visibility time-out and carries a receipt of that taking; only
the last receipt removes or hides it. Taking and hiding are not waited for until they would survive a power
cut: after one, the message is there again sooner, which it may always be. What was received too often goes
to the queue of its queue's redrive policy, when it would be received once more.
"""

import base64
import json
import re
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from local.engine.errors import ServiceError
from local.engine.sqs import digests, queues
from local.engine.sqs.queues import RANGES, Queue

if TYPE_CHECKING:
    from local.engine.engine import Engine

_NOT_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SENDER = "AIDAENGINE"
_LONGEST_HIDDEN = 43_200
_GROUP = re.compile(r"[A-Za-z0-9!-/:-@\[-`{-~]{1,128}\Z")


def send(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.writing() as link:
        queue = queues.lookup(engine, link, params)
        answer = _put(link, queue, params, engine.clock())
    engine.bell.ring(queue.name)
    return answer


def send_batch(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    batch = entries(params)
    size = sum(_size(entry) for entry in batch)
    if size > queues.LARGEST:
        raise ServiceError(
            "AWS.SimpleQueueService.BatchRequestTooLong",
            f"Batch requests cannot be longer than {queues.LARGEST} bytes. You have sent {size} bytes.",
        )
    with engine.database.writing() as link:
        queue = queues.lookup(engine, link, params)
        answer = each(batch, lambda entry: _put(link, queue, entry, engine.clock()))
    engine.bell.ring(queue.name)
    return answer


def entries(params: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """The entries of a batch. Raises ServiceError where it is none."""
    given: Sequence[dict[str, Any]] = params["Entries"]
    prefix = "AWS.SimpleQueueService."
    if not given:
        raise ServiceError(prefix + "EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(given) > 10:
        raise ServiceError(
            prefix + "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are 10. You have sent {len(given)}.",
        )
    names = [entry["Id"] for entry in given]
    for name in names:
        if not re.match(r"[A-Za-z0-9_-]{1,80}\Z", name):
            raise ServiceError(
                prefix + "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can"
                " be at most 80 letters long.",
            )
        if names.count(name) > 1:
            raise ServiceError(prefix + "BatchEntryIdsNotDistinct", f"Id {name} repeated.")
    return given


def each(batch: Sequence[dict[str, Any]], work: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Do the entries of a batch, each for itself."""
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in batch:
        try:
            done.append({"Id": entry["Id"], **work(entry)})
        except ServiceError as trouble:
            failed.append(
                {"Id": entry["Id"], "SenderFault": True, "Code": trouble.code, "Message": trouble.message}
            )
    return {"Successful": done, **({"Failed": failed} if failed else {})}


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
        raise queues.bad_value(
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
        raise queues.bad_value(
            f"One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
        )
    group = entry.get("MessageGroupId")
    if group is not None and not _GROUP.match(group):
        raise queues.bad_value("MessageGroupId can only include alphanumeric and punctuation characters.")
    _require_attributes(entry.get("MessageAttributes") or {})


def _require_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> None:
    if len(attributes) > 10:
        raise queues.bad_value(
            "Number of message attributes [more than 10] exceeds the allowed maximum [10]."
        )
    for name, one in attributes.items():
        kind = one["DataType"].partition(".")[0]
        member = {"String": "StringValue", "Number": "StringValue", "Binary": "BinaryValue"}.get(kind)
        if member is None:
            raise queues.bad_value(f"The type of message (user) attribute '{name}' is invalid.")
        if not one.get(member):
            raise queues.bad_value(
                f"The message (user) attribute '{name}' must contain a non-empty value of type {kind}."
            )


def receive(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    most = params.get("MaxNumberOfMessages", 1)
    if not 1 <= most <= 10:
        raise queues.bad_value(
            f"Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if"
            " provided."
        )
    name = queues.name_of(params)
    until: float | None = None
    while True:
        before = engine.bell.rings(name)
        with engine.database.reading() as link:
            queue = queues.lookup(engine, link, params)
            now = engine.clock()
            soonest = _soonest(link, queue)
        if until is None:
            until = now + _patience(queue, params)
        if soonest is not None and soonest <= now:
            found = _take(engine, queue, most, params)
            if found:
                return {"Messages": found}
            continue
        if now >= until:
            return {}
        wakes = until if soonest is None else min(until, soonest)
        engine.bell.wait(name, before, wakes - now)


def _patience(queue: Queue, params: Mapping[str, Any]) -> int:
    seconds = params.get("WaitTimeSeconds")
    if seconds is None:
        return queue.number("ReceiveMessageWaitTimeSeconds")
    if not 0 <= seconds <= 20:
        raise queues.bad_value(
            f"Value {seconds} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if"
            " provided."
        )
    return int(seconds)


def _soonest(link: sqlite3.Connection, queue: Queue) -> float | None:
    """When the first message can be taken."""
    found: float | None = link.execute(
        "SELECT min(visible) FROM sqs_messages WHERE queue=?", (queue.id,)
    ).fetchone()[0]
    return found


def _take(engine: "Engine", queue: Queue, most: int, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    hidden = hiding(params.get("VisibilityTimeout", queue.number("VisibilityTimeout")))
    set_aside = False
    with engine.database.writing(lasting=False) as link:
        now = engine.clock()
        _forget(link, queue, now)
        found: list[dict[str, Any]] = []
        rows = link.execute(
            "SELECT id, uuid, sent, received, first, extras, body FROM sqs_messages"
            " WHERE queue=? AND visible<=? ORDER BY visible, id LIMIT ?",
            (queue.id, now, most),
        ).fetchall()
        for row in rows:
            if _set_aside(link, queue, row, now):
                set_aside = True
            else:
                found.append(_shown(_taken(link, row, now, hidden), params))
    if set_aside and queue.redrive:
        engine.bell.ring(queue.redrive[0])
    return found


def hiding(seconds: int) -> int:
    """A visibility time-out, checked."""
    if not 0 <= seconds <= _LONGEST_HIDDEN:
        raise queues.bad_value(
            f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200."
        )
    return seconds


def _forget(link: sqlite3.Connection, queue: Queue, now: float) -> None:
    """Remove what has been there longer than the queue keeps messages."""
    kept = queue.number("MessageRetentionPeriod")
    link.execute("DELETE FROM sqs_messages WHERE queue=? AND sent<?", (queue.id, now - kept))


def _set_aside(link: sqlite3.Connection, queue: Queue, row: tuple[Any, ...], now: float) -> bool:
    """Move a message that was received too often. False where it was not, or there is nowhere to move it."""
    if queue.redrive is None or row[3] < queue.redrive[1]:
        return False
    target = queues.find(link, queue.redrive[0])
    if target is None:
        return False
    extras = {**json.loads(row[5]), "source": queues.ARN + queue.name}
    link.execute(
        "UPDATE sqs_messages SET queue=?, visible=?, received=0, first=NULL, receipt=NULL, extras=?"
        " WHERE id=?",
        (target.id, now, json.dumps(extras), row[0]),
    )
    return True


def _taken(link: sqlite3.Connection, row: tuple[Any, ...], now: float, hidden: int) -> dict[str, Any]:
    """Hide a message; all there is to say of it."""
    number, name, sent, received, first, extras, body = row
    receipt = str(uuid.uuid4())
    link.execute(
        "UPDATE sqs_messages SET visible=?, received=received+1, first=coalesce(first, ?), receipt=?"
        " WHERE id=?",
        (now + hidden, now, receipt, number),
    )
    kept = json.loads(extras)
    return {
        "MessageId": name,
        "ReceiptHandle": f"{number}-{receipt}",
        "MD5OfBody": digests.of_text(body),
        "Body": body,
        "Attributes": {
            "SenderId": _SENDER,
            "SentTimestamp": str(int(sent * 1000)),
            "ApproximateReceiveCount": str(received + 1),
            "ApproximateFirstReceiveTimestamp": str(int((first or now) * 1000)),
            **({"MessageGroupId": kept["group"]} if kept.get("group") else {}),
            **({"DeadLetterQueueSourceArn": kept["source"]} if kept.get("source") else {}),
        },
        "MessageAttributes": kept["attributes"],
    }


def _shown(message: dict[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """A message with those attributes that were asked for."""
    wanted = {*(params.get("AttributeNames") or ()), *(params.get("MessageSystemAttributeNames") or ())}
    known, own = message.pop("Attributes"), message.pop("MessageAttributes")
    shown = {name: value for name, value in known.items() if "All" in wanted or name in wanted}
    if shown:
        message["Attributes"] = shown
    attributes = _shown_attributes(own, params.get("MessageAttributeNames") or ())
    if attributes:
        message["MessageAttributes"] = attributes
        message["MD5OfMessageAttributes"] = digests.of_attributes(attributes)
    return message


def _shown_attributes(kept: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
    def is_wanted(name: str) -> bool:
        return any(
            one in {"All", ".*", name} or (one.endswith(".*") and name.startswith(one[:-2])) for one in wanted
        )

    return {name: _with_bytes(one) for name, one in kept.items() if is_wanted(name)}


def _with_bytes(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "BinaryValue": base64.b64decode(one["BinaryValue"])} if "BinaryValue" in one else one

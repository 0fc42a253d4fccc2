"""Messages taken from queues.

A message that is taken is hidden until its visibility time-out and carries a receipt of that taking; only
the last receipt removes or hides it. Taking and hiding are not waited for until they would survive a power
cut: after one, the message is there again sooner, which it may always be. What was received too often goes
to the queue of its queue's redrive policy, when it would be received once more.
"""

import base64
import json
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from local.engine.sqs import digests, queue_operations
from local.engine.sqs.queue_operations import Queue

if TYPE_CHECKING:
    from local.engine.engine import Engine

_SENDER = "AIDAENGINE"
_LONGEST_HIDDEN = 43_200


def receive(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    most = params.get("MaxNumberOfMessages", 1)
    if not 1 <= most <= 10:
        raise queue_operations.bad_value(
            f"Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if"
            " provided."
        )
    if "VisibilityTimeout" in params:
        hiding(params["VisibilityTimeout"])
    name = queue_operations.name_of(params)
    until: float | None = None
    while True:
        before = engine.bell.rings(name)
        with engine.database.reading() as link:
            queue = queue_operations.known(engine, link, params)
            now = engine.clock()
            soonest, oldest = _outlook(link, queue)
        if until is None:
            until = now + _patience(queue, params)
        if soonest is not None and soonest <= now:
            found = _take(engine, queue, most, params, oldest)
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
        raise queue_operations.bad_value(
            f"Value {seconds} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if"
            " provided."
        )
    return int(seconds)


def _outlook(link: sqlite3.Connection, queue: Queue) -> tuple[float | None, float | None]:
    """When the first message can be taken, and when that was sent which is here the longest."""
    found: tuple[float | None, float | None] = link.execute(
        "SELECT (SELECT min(visible) FROM sqs_messages WHERE queue=?1),"
        " (SELECT min(sent) FROM sqs_messages WHERE queue=?1)",
        (queue.id,),
    ).fetchone()
    return found


def _take(
    engine: "Engine", queue: Queue, most: int, params: Mapping[str, Any], oldest: float | None
) -> list[dict[str, Any]]:
    """Take messages; ``oldest`` is when the first of those that are there was sent."""
    hidden = hiding(params.get("VisibilityTimeout", queue.number("VisibilityTimeout")))
    set_aside = False
    with engine.database.writing(lasting=False) as link:
        now = engine.clock()
        kept = queue.number("MessageRetentionPeriod")
        if oldest is not None and oldest < now - kept:
            link.execute("DELETE FROM sqs_messages WHERE queue=? AND sent<?", (queue.id, now - kept))
        taken = []
        for row in engine.turns.take(link, queue.id, now, most):
            if _set_aside(link, queue, row, now):
                set_aside = True
            else:
                taken.append(row)
        receipt = _hide(link, [row[0] for row in taken], now, hidden) if taken else ""
    found = [_shown(_told(row, now, receipt), params) for row in taken]
    if set_aside and queue.redrive:
        engine.bell.ring(queue.redrive[0])
    return found


def hiding(seconds: int) -> int:
    """A visibility time-out, checked."""
    if not 0 <= seconds <= _LONGEST_HIDDEN:
        raise queue_operations.bad_value(
            f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200."
        )
    return seconds


def _set_aside(link: sqlite3.Connection, queue: Queue, row: tuple[Any, ...], now: float) -> bool:
    """Move a message that was received too often. False where it was not, or there is nowhere to move it."""
    if queue.redrive is None or row[3] < queue.redrive[1]:
        return False
    target = queue_operations.find(link, queue.redrive[0])
    if target is None:
        return False
    extras = {**json.loads(row[5]), "source": queue_operations.ARN + queue.name}
    link.execute(
        "UPDATE sqs_messages SET queue=?, visible=?, received=0, first=NULL, receipt=NULL, extras=?"
        " WHERE id=?",
        (target.id, now, json.dumps(extras), row[0]),
    )
    return True


def _hide(link: sqlite3.Connection, numbers: Sequence[int], now: float, hidden: int) -> str:
    """Hide messages that are taken together; the receipt of that taking."""
    receipt = str(uuid.uuid4())
    link.execute(
        "UPDATE sqs_messages SET visible=?, received=received+1, first=coalesce(first, ?), receipt=?"
        f" WHERE id IN ({', '.join('?' * len(numbers))})",
        (now + hidden, now, receipt, *numbers),
    )
    return receipt


def show_again(link: sqlite3.Connection, now: float) -> None:
    """Have those messages be taken that are hidden for longer than any can be, by a clock that was ahead."""
    link.execute(
        "UPDATE sqs_messages SET visible=?1 WHERE queue IN (SELECT id FROM sqs_queues) AND visible>?2",
        (now, now + _LONGEST_HIDDEN),
    )


def _told(row: tuple[Any, ...], now: float, receipt: str) -> dict[str, Any]:
    """All there is to say of a message that was taken."""
    number, name, sent, received, first, extras, body = row
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

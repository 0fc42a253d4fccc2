"""What is done with a message that was taken, by the receipt of its taking: removed, or hidden for longer."""

import re
import sqlite3
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from local.engine.engine_errors import ServiceError
from local.engine.sqs import message_batches, queue_operations, received_messages
from local.engine.sqs.queue_operations import Queue

if TYPE_CHECKING:
    from local.engine.engine import Engine

_RECEIPT = re.compile(r"([0-9]{1,18})-([0-9a-f-]{36})\Z")
Work = Callable[[sqlite3.Connection, Queue, Mapping[str, Any]], dict[str, Any]]


def delete(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return _one(engine, params, _delete)


def delete_batch(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return _batch(engine, params, _delete)


def change_visibility(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return _one(engine, params, _changing(engine), lasting=False)


def change_visibility_batch(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    return _batch(engine, params, _changing(engine), lasting=False)


def _one(engine: "Engine", params: dict[str, Any], work: Work, lasting: bool = True) -> dict[str, Any]:
    with engine.database.writing(lasting) as link:
        queue = queue_operations.known(engine, link, params)
        answer = work(link, queue, params)
    engine.bell.ring(queue.name)
    return answer


def _batch(engine: "Engine", params: dict[str, Any], work: Work, lasting: bool = True) -> dict[str, Any]:
    entries = message_batches.entries(params)
    with engine.database.writing(lasting) as link:
        queue = queue_operations.known(engine, link, params)
        answer = message_batches.each(entries, lambda entry: work(link, queue, entry))
    engine.bell.ring(queue.name)
    return answer


def _parts(request: Mapping[str, Any]) -> tuple[int, str]:
    found = _RECEIPT.match(request["ReceiptHandle"])
    if found is None:
        raise ServiceError(
            "ReceiptHandleIsInvalid",
            f'The input receipt handle "{request["ReceiptHandle"]}" is not a valid receipt handle.',
        )
    return int(found[1]), found[2]


def _delete(link: sqlite3.Connection, queue: Queue, request: Mapping[str, Any]) -> dict[str, Any]:
    """A message that is gone, or was taken again since, is left as it is, and that is no error."""
    link.execute(
        "DELETE FROM sqs_messages WHERE id=? AND receipt=? AND queue=?", (*_parts(request), queue.id)
    )
    return {}


def _changing(engine: "Engine") -> Work:
    def change(link: sqlite3.Connection, queue: Queue, request: Mapping[str, Any]) -> dict[str, Any]:
        number, receipt = _parts(request)
        hidden = received_messages.hiding(request["VisibilityTimeout"])
        now = engine.clock()
        found = link.execute(
            "UPDATE sqs_messages SET visible=? WHERE id=? AND receipt=? AND queue=? AND visible>?",
            (now + hidden, number, receipt, queue.id, now),
        )
        if not found.rowcount:
            raise ServiceError(
                "AWS.SimpleQueueService.MessageNotInflight",
                "The message referred to is not in flight: it is gone, or can be taken again.",
            )
        return {}

    return change

"""Requests made again under an ``Idempotency-Key``: the answer is that of the first time.

Only what was done is remembered, for 24 hours. A request that was refused left nothing behind, and
is judged anew.
"""

import dataclasses
import datetime as dt
import hashlib
import json
import re

from chalicelib.domain.errors import Invalid, Repeated, Unprocessable
from chalicelib.domain.names import NodeName, TaskId
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.store import idempotency_records, task_table
from chalicelib.store.idempotency_records import KEEP_KEYS, IdempotencyRecord

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclasses.dataclass(frozen=True)
class IdempotencyKey:
    """A client's wish that this body be acted on once: digests of the key and of the body."""

    name: str
    fingerprint: str

    def for_task(self, task: Task, now: dt.datetime) -> IdempotencyRecord:
        """What is stored with the task."""
        return IdempotencyRecord(task.node, self.name, self.fingerprint, task.uuid, now + KEEP_KEYS)


def request_key(key: str, body: JSON) -> IdempotencyKey:
    """The wish a key expresses. Raises Invalid for one that is none."""
    if not _KEY.fullmatch(key):
        raise Invalid("Idempotency-Key: must be 1 to 255 visible ASCII characters")
    return IdempotencyKey(_digest(key), _digest(json.dumps(body, sort_keys=True)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def earlier(node: NodeName, wanted: IdempotencyKey, now: dt.datetime) -> Task | None:
    """The task stored for the wish before; None for a new wish.

    Raises Unprocessable when the key came with another body then.
    """
    found = idempotency_records.find(node, wanted.name, now)
    return None if found is None else _same(node, wanted, found.task, found.fingerprint)


def resolved(node: NodeName, wanted: IdempotencyKey, error: Repeated) -> Task:
    """The task that somebody else stored for the wish while we were at it. Raises Unprocessable as above."""
    return _same(node, wanted, error.task, error.fingerprint)


def _same(node: NodeName, wanted: IdempotencyKey, task: TaskId, fingerprint: str) -> Task:
    if fingerprint != wanted.fingerprint:
        raise Unprocessable("Idempotency-Key: was used with another body in the last 24 hours")
    return task_table.get(node, task)

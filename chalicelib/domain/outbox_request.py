"""Outbox requests: requests to other nodes that are made again until they have been heard.

The reference calls its own the HTTP queue (docs/contract/scheduler.md section 9).
"""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Mapping

from chalicelib.domain.names import NodeName, RunId
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN, Task
from chalicelib.domain.times import ZERO

RETRY = dt.timedelta(minutes=5)
STRAGGLING = dt.timedelta(minutes=12)
"""How long a peer may take to act on a request that it was given up on: only after that is what it does
not know gone, rather than still to come."""
GONE = (404, 410)


@dataclasses.dataclass(frozen=True)
class OutboxRequest:
    """One request; ``host`` as participants are named, ``path`` below /pscheduler."""

    node: NodeName
    uuid: str
    method: str
    host: str
    path: str
    args: Mapping[str, str]
    added: dt.datetime
    next_attempt: dt.datetime
    bind: str | None = None
    attempts: int = 0
    error: str | None = None

    def begun(self, now: dt.datetime) -> "OutboxRequest":
        """An attempt is under way; should it never report, there is another."""
        return dataclasses.replace(self, attempts=self.attempts + 1, next_attempt=now + RETRY)

    def is_done(self, status: int, now: dt.datetime) -> bool:
        """Whether an answer with a status ends it."""
        return status < 400 or (status in GONE and now >= self.added + STRAGGLING)

    def is_hopeless(self, now: dt.datetime) -> bool:
        """Whether all it is about has been forgotten everywhere by now."""
        return now >= self.added + KEEP_AFTER_LAST_RUN


def withdrawal(
    task: Task, host: str, now: dt.datetime, run: RunId | None = None, wait: dt.timedelta = ZERO
) -> OutboxRequest:
    """The outbox request that deletes a task, or one run of it, at another node, after a wait."""
    key = task.participant_key
    return OutboxRequest(
        node=task.node,
        uuid=str(uuid.uuid4()),
        method="DELETE",
        host=host,
        path=f"/tasks/{task.uuid}" + (f"/runs/{run}" if run else ""),
        args={"key": key} if key else {},
        added=now,
        next_attempt=now + wait,
        bind=task.lead_bind,
    )

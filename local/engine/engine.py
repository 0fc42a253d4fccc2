"""The engine: one file that answers for DynamoDB, SQS and S3."""

import os
import pathlib
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from local.engine import expiry_sweep, hook, online_copy
from local.engine.database import BUSY_SECONDS, Database
from local.engine.engine_errors import unknown
from local.engine.expiry_sweep import SETTLING
from local.engine.long_poll import Bell
from local.engine.service_operation import Operation
from local.engine.sqs.fairness import Turns
from local.engine.sqs.queue_operations import Queue


class Engine:
    """Answers what botocore's clients ask, from one SQLite file.

    ``synchronous`` is SQLite's: with FULL an answer is given once it would survive a power cut, with NORMAL
    once it would survive the end of the process. What has had its time is dropped once the clock has gone on
    as evenly as the ``steady`` one for ``settling`` seconds. Raises EngineError when the file cannot be used.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        synchronous: str = "FULL",
        busy_seconds: float = BUSY_SECONDS,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        settling: float = SETTLING,
    ):
        self.database = Database(pathlib.Path(path).absolute(), synchronous, busy_seconds)
        self.clock = clock
        self.bell = Bell(self.database)
        self.known: dict[str, Any] = {}
        """The definitions of DynamoDB tables by name, as last read: see dynamodb/table_operations.py."""
        self.known_queues: dict[str, tuple[Queue, float]] = {}
        """The same of queues, and until when they are believed: see sqs/queue_operations.py."""
        self.turns = Turns()
        self._services = _services()
        self.swept = clock()
        """When what has had its time was last looked for: see expiry_sweep.py."""
        self.steady, self.settling = steady, settling
        self.settling_since = clock(), steady()
        """Since when, by either, the clock has gone on evenly."""

    def call(self, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer to an operation, in botocore's terms. Raises ServiceError."""
        known = self._services.get(service)
        found = known.get(operation) if known is not None else None
        if found is None:
            raise unknown(service, operation)
        if not found.parameters.issuperset(params):
            raise unknown(service, f"{operation} with {', '.join(sorted(params.keys() - found.parameters))}")
        return found.answer(self, params)

    def sweep(self) -> None:
        """Drop what has had its time, where that was not done just now; for those who have written."""
        expiry_sweep.sweep(self)

    def install(self) -> "Engine":
        """Answer for all clients made since this package was imported."""
        hook.install(self)
        return self

    def uninstall(self) -> None:
        hook.uninstall(self)

    def __enter__(self) -> "Engine":
        return self.install()

    def __exit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.uninstall()
        self.close()

    def copy(self, target: pathlib.Path) -> int:
        """Make a consistent copy: see online_copy.py."""
        return online_copy.copy(self.database.path, target)

    def close(self) -> None:
        """Close the file; it is opened again when used again."""
        self.bell.ring_all()
        self.database.close()


def _services() -> Mapping[str, Mapping[str, Operation]]:
    from local.engine import dynamodb, s3, sqs

    return {"dynamodb": dynamodb.OPERATIONS, "sqs": sqs.OPERATIONS, "s3": s3.OPERATIONS}

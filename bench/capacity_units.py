"""What one request costs in DynamoDB: calls and capacity units, with few and with many things stored."""

import contextlib
import dataclasses
import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import botocore.client

from chalicelib.domain.names import RunId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import UTC

_MANY = ("Query", "BatchGetItem", "BatchWriteItem", "TransactWriteItems", "TransactGetItems")
_READING = ("Query", "BatchGetItem", "TransactGetItems", "GetItem")
_ONE = ("GetItem", "PutItem", "UpdateItem", "DeleteItem")


@dataclasses.dataclass
class Cost:
    """What was counted: calls, read and write units together, and each by itself."""

    calls: int = 0
    units: float = 0.0
    reads: float = 0.0
    writes: float = 0.0


@contextlib.contextmanager
def counted() -> Iterator[Cost]:
    """Count what this process asks of DynamoDB meanwhile; PynamoDB's calls pass here too."""
    cost = Cost()
    original = botocore.client.BaseClient._make_api_call

    def counting(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name != "dynamodb":
            return original(client, operation, arguments)
        if operation in _MANY + _ONE:
            arguments = {**arguments, "ReturnConsumedCapacity": "TOTAL"}
        answer = original(client, operation, arguments)
        cost.calls += 1
        units = sum(each["CapacityUnits"] for each in _consumed(answer))
        cost.units += units
        if operation in _READING:
            cost.reads += units
        else:
            cost.writes += units
        return answer

    botocore.client.BaseClient._make_api_call = counting
    try:
        yield cost
    finally:
        botocore.client.BaseClient._make_api_call = original


def _consumed(answer: dict[str, Any]) -> list[dict[str, Any]]:
    found = answer.get("ConsumedCapacity", [])
    return found if isinstance(found, list) else [found]


def costs(client: Any, calls: dict[str, tuple[str, str, Any]]) -> dict[str, Cost]:
    """The cost of each named (method, path, body), asked through a chalice test client."""
    found = {}
    for name, (method, path, body) in calls.items():
        with counted() as cost:
            content = b"" if body is None else json.dumps(body).encode()
            answer = client.http.request(
                method, path, headers={"Content-Type": "application/json"}, body=content
            )
        if answer.status_code != 200:
            raise SystemExit(f"{method} {path} answered {answer.status_code}: {answer.body!r}")
        found[name] = cost
    return found


def fill(model: Task, count: int, progress: Callable[[str], None]) -> None:
    """Store so many tasks more, each with a run that is over, like a model."""
    from chalicelib.store import run_items, task_items
    from chalicelib.store.models.run_models import RunItem
    from chalicelib.store.models.task_models import TaskItem

    progress(f"Storing {count} tasks and runs ...")
    now = dt.datetime.now(UTC)
    some = [model.evolve(uuid=str(uuid.uuid4()), added=now, plan_at=None) for _ in range(count)]
    with TaskItem.batch_write() as batch:
        for task in some:
            batch.save(task_items.to_item(task, now))
    with RunItem.batch_write() as batch:
        for task in some:
            batch.save(run_items.to_item(_run(task, now)))


def _run(task: Task, now: dt.datetime) -> Run:
    start = now.replace(microsecond=0) - dt.timedelta(hours=1)
    return Run(
        task.node, task.uuid, RunId(str(uuid.uuid4())), start, start + task.duration, State.FINISHED, now
    )

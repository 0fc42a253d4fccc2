"""Calls of botocore in IAM's terms: the actions they need, each with the resource it is about."""

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.infrastructure.agent_queues import NAMED as AGENTS
from chalicelib.settings import settings

Action = tuple[str, str]
"""An action and a resource, as the grants have them: ``("Query", "index runs/due")``; without the prefix."""

_LARGE = {
    "GetItem": "GetObject",
    "BatchGetItem": "GetObject",
    "PutItem": "PutObject",
    "DeleteItem": "DeleteObject",
}
"""What a run's documents need where they are in the bucket."""
_WRITES = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


def needed(service: str, operation: str, told: Mapping[str, Any]) -> Iterator[Action]:
    """What a call needs to be allowed, and what it would where documents are too large for their table."""
    match service:
        case "dynamodb":
            for action, where in _of_tables(operation, told):
                yield action, where
                if where == "table runs" and action in _LARGE:
                    yield _LARGE[action], "bucket results"
        case "dynamodbstreams":
            where = told.get("StreamArn") or told["ShardIterator"]
            yield operation, f"stream {_bare(where.split('/')[1])}"
        case "sqs":
            name = told.get("QueueName") or str(told["QueueUrl"]).rsplit("/", 1)[-1]
            where = f"queue {_of_agents(_bare(name))}"
            yield operation.removesuffix("Batch"), where
            yield "GetQueueUrl", where  # once a process, whoever comes first
        case "s3":
            mine = told["Bucket"] == settings().bucket
            yield operation, f"bucket {'results' if mine else told['Bucket']}"
        case _:
            yield f"{service}:{operation}", "anything"


def _of_tables(operation: str, told: Mapping[str, Any]) -> Iterator[Action]:
    if operation in ("TransactWriteItems", "TransactGetItems"):
        for item in told["TransactItems"]:
            ((kind, one),) = item.items()
            yield _WRITES.get(kind, "GetItem"), f"table {_bare(one['TableName'])}"
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        for table in told["RequestItems"]:
            yield operation, f"table {_bare(table)}"
    elif told.get("IndexName"):
        yield operation, f"index {_bare(told['TableName'])}/{told['IndexName']}"
    else:
        yield operation, f"table {_bare(told['TableName'])}"


def _of_agents(name: str) -> str:
    """The queues of agents are one resource: they come and go."""
    return AGENTS if name.startswith(f"{AGENTS}-") else name


def _bare(name: str) -> str:
    return name.removeprefix(f"{settings().prefix}-")

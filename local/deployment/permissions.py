"""What each function may do, and to which resources: what it does, and nothing else."""

from typing import Any

from chalicelib.infrastructure.queues import QUEUES
from chalicelib.store.models import TABLES
from local.deployment.naming import FUNCTIONS, arn, function_of, queue_id, table_arn

_ITEMS = (
    *("GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem"),
    *("BatchWriteItem", "ConditionCheckItem", "Query"),
)


def resources() -> dict[str, Any]:
    """The roles that Chalice makes, with our policies."""
    return {_role(name): {"Properties": {"Policies": [_policy(name)]}} for name in FUNCTIONS}


def _role(function: str) -> str:
    return "ApiHandlerRole" if function == "APIHandler" else f"{function}Role"


def _policy(function: str) -> dict[str, Any]:
    return {
        "PolicyName": f"{function}Policy",
        "PolicyDocument": {"Version": "2012-10-17", "Statement": statements(function)},
    }


def statements(function: str) -> list[dict[str, Any]]:
    names = [table.short_name for table in TABLES]
    return [
        _allow("dynamodb", _ITEMS, [table_arn(name) for name in names]),
        _allow("dynamodb", ("Query",), [table_arn(name, "/index/*") for name in names]),
        _allow(
            "sqs",
            ("SendMessage", "GetQueueUrl", "GetQueueAttributes"),
            [arn(queue_id(queue.name)) for queue in QUEUES],
        ),
        *(_taking(queue_id(queue.name)) for queue in QUEUES if function_of(queue.handler) == function),
        _allow("s3", ("GetObject", "PutObject", "DeleteObject"), [{"Fn::Sub": "${ResultsBucket.Arn}/*"}]),
        _allow("logs", ("CreateLogStream", "PutLogEvents"), [{"Fn::Sub": "${Log.Arn}"}]),
    ]


def _taking(queue: str) -> dict[str, Any]:
    """What Lambda does for a function whose queue it reads."""
    return _allow("sqs", ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"), [arn(queue)])


def _allow(service: str, actions: tuple[str, ...], where: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": [f"{service}:{action}" for action in actions],
        "Resource": where,
    }

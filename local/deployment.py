"""What the deployment needs besides functions, written from the definitions the product itself uses.

    python -m local.deployment          write .chalice/resources.json and the policies
    chalice package --stage pscheduler --merge-template .chalice/resources.json out/

The files are committed; a test holds them against the definitions.
"""

import json
import sys
from pathlib import Path
from typing import Any

from chalicelib.infrastructure.queues import ATTEMPTS, DEAD_LETTERS, QUEUES, Queue
from chalicelib.store.models import TABLES, TIME_TO_LIVE

HERE = Path(__file__).resolve().parent.parent / ".chalice"
RESOURCES, POLICY = HERE / "resources.json", HERE / "policy.json"

FUNCTIONS = ("APIHandler", "Plan", "Dispatch", "Reap", "Archive", "PlanTask", "AskPeers", "Run", "Deliver")
"""The functions as Chalice names them: the pages are one, each clock and queue is another."""

_NOTHING_PUBLIC = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def resources() -> dict[str, Any]:
    """The template that is merged into Chalice's own."""
    own = {
        **{_table_name(definition): _table(definition) for definition in _definitions()},
        **{_queue_name(queue): _queue(queue) for queue in QUEUES},
        "DeadLetterQueue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": f"{_prefix()}-{DEAD_LETTERS}", "MessageRetentionPeriod": 1209600},
        },
        "ResultsBucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "PublicAccessBlockConfiguration": dict.fromkeys(_NOTHING_PUBLIC, True),
                "LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationInDays": 14}]},
            },
        },
        "UnknownPath": {
            # Without it, API Gateway answers 403 to a path that does not exist.
            "Type": "AWS::ApiGateway::GatewayResponse",
            "Properties": {
                "RestApiId": {"Ref": "RestAPI"},
                "ResponseType": "MISSING_AUTHENTICATION_TOKEN",
                "StatusCode": "404",
                "ResponseTemplates": {"text/plain": "There is nothing at this path\n"},
            },
        },
    }
    # Compressed answers leave in base64, whatever their type; text goes through as it is.
    own["RestAPI"] = {"Properties": {"DefinitionBody": {"x-amazon-apigateway-binary-media-types": ["*/*"]}}}
    functions = {name: {"Properties": _function()} for name in FUNCTIONS}
    for queue in QUEUES:
        handler = "".join(word.title() for word in queue.handler.split("_"))
        arn = {"Fn::Sub": f"${{{_queue_name(queue)}.Arn}}"}
        events = {f"{handler}SqsEventSource": {"Properties": {"Queue": arn}}}
        functions[handler]["Properties"]["Events"] = events
    return {"Resources": {**own, **functions}}


def _function() -> dict[str, Any]:
    return {"Environment": {"Variables": {"PSCHEDULER_BUCKET": {"Ref": "ResultsBucket"}}}}


def _definitions() -> list[dict[str, Any]]:
    return [table.definition() for table in TABLES]


def _prefix() -> str:
    return QUEUES[0].full_name.removesuffix(f"-{QUEUES[0].name}")


def _table_name(definition: dict[str, Any]) -> str:
    name = str(definition["TableName"])
    return name.removeprefix(_prefix()).strip("-").title() + "Table"


def _table(definition: dict[str, Any]) -> dict[str, Any]:
    properties = {
        **definition,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "TimeToLiveSpecification": {"AttributeName": TIME_TO_LIVE, "Enabled": True},
    }
    return {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "Properties": properties}


def _queue_name(queue: Queue) -> str:
    return f"{queue.name.title()}Queue"


def _queue(queue: Queue) -> dict[str, Any]:
    return {
        "Type": "AWS::SQS::Queue",
        "Properties": {
            "QueueName": queue.full_name,
            "VisibilityTimeout": queue.visibility,
            "RedrivePolicy": {
                "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
                "maxReceiveCount": ATTEMPTS,
            },
        },
    }


def policy() -> dict[str, Any]:
    """What the functions may do, and to which resources: no more than the product does."""
    tables = [f"table/{definition['TableName']}" for definition in _definitions()]
    item_actions = (
        "GetItem",
        "BatchGetItem",
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "BatchWriteItem",
        "ConditionCheckItem",
    )
    queue_actions = ("SendMessage", "GetQueueUrl", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("dynamodb", (*item_actions, "Query"), tables),
            _allow("dynamodb", ("Query",), [f"{table}/index/*" for table in tables]),
            _allow("sqs", queue_actions, [queue.full_name for queue in QUEUES]),
            {
                "Effect": "Allow",
                "Action": [f"s3:{action}" for action in ("GetObject", "PutObject", "DeleteObject")],
                "Resource": [{"Fn::Sub": "${ResultsBucket.Arn}/*"}],
            },
            _allow(
                "logs", ("CreateLogGroup", "CreateLogStream", "PutLogEvents"), ["log-group:/aws/lambda/*"]
            ),
        ],
    }


def _allow(service: str, actions: tuple[str, ...], names: list[str]) -> dict[str, Any]:
    where = f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}"
    return {
        "Effect": "Allow",
        "Action": [f"{service}:{action}" for action in actions],
        "Resource": [{"Fn::Sub": f"{where}:{name}"} for name in names],
    }


def rendered(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"


def main() -> int:
    RESOURCES.write_text(rendered(resources()))
    POLICY.write_text(rendered(policy()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

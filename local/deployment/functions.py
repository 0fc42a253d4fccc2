"""What each function is told, how many of it there may be at a time, and where its log goes."""

from typing import Any

from chalicelib.infrastructure import process_counters
from chalicelib.infrastructure.queues import QUEUES
from local.deployment.resource_names import CLOCKS, FUNCTIONS, function_of, prefix, queue_id

RESERVE = "Reserve"
"""The condition that functions have their part of the account's concurrency to themselves."""

AT_A_TIME = {"PlanTask": 100, "AskPeers": 50, "Run": 200, "Deliver": 50}
"""Messages of a queue that are handled at a time. What is more waits in the queue, and costs nothing."""
REQUESTS_AT_A_TIME = 100
TICKS_AT_A_TIME = 2
"""One that works, and the next where it takes longer than a minute: each leaves to the other what it has."""


_STACK = {"Ref": "AWS::StackName"}


def resources() -> dict[str, Any]:
    functions = {name: {"Properties": _function(name)} for name in FUNCTIONS}
    for queue in QUEUES:
        name = function_of(queue.handler)
        functions[name]["Properties"]["Events"] = {
            f"{name}SqsEventSource": {"Properties": _source(queue.name)}
        }
    return {**functions, "Log": _log("")}


def _source(queue: str) -> dict[str, Any]:
    return {
        "Queue": {"Fn::Sub": f"${{{queue_id(queue)}.Arn}}"},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": AT_A_TIME[_function_name(queue)]},
    }


def _function_name(queue: str) -> str:
    return next(function_of(each.handler) for each in QUEUES if each.name == queue)


def _function(name: str) -> dict[str, Any]:
    variables = {
        "PSCHEDULER_BUCKET": {"Ref": "ResultsBucket"},
        "PSCHEDULER_PREFIX": prefix(),
        process_counters.STACK: _STACK,
    }
    properties: dict[str, Any] = {
        "Environment": {"Variables": variables},
        "LoggingConfig": {"LogGroup": {"Ref": "Log"}, "LogFormat": "Text"},
        "ReservedConcurrentExecutions": {"Fn::If": [RESERVE, _at_a_time(name), {"Ref": "AWS::NoValue"}]},
    }
    if name in CLOCKS:
        # The next one comes in a minute: a tick that failed is not made up for.
        properties["EventInvokeConfig"] = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    return properties


def _at_a_time(name: str) -> int:
    return TICKS_AT_A_TIME if name in CLOCKS else AT_A_TIME.get(name, REQUESTS_AT_A_TIME)


def _log(name: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Logs::LogGroup",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "LogGroupName": {"Fn::Sub": f"/pscheduler/${{AWS::StackName}}{name}"},
            "RetentionInDays": {"Ref": "LogDays"},
        },
    }


def access_log() -> dict[str, Any]:
    return _log("/access")

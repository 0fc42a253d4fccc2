"""What somebody should hear of, all to one topic: docs/deploy.md says what to do about each."""

from typing import Any

from chalicelib.infrastructure.queues import QUEUES
from local.deployment.resource_names import CLOCKS, FUNCTIONS, queue_id

MAILED = "Mailed"
_MINUTE = 60
_LONGEST_WAIT = 1800
"""Seconds: twice what a message may be sent with as its delay, which counts for its age."""
_OVERDUE = 120
"""Seconds that a run may be due and nobody has taken it."""


def resources() -> dict[str, Any]:
    return {
        "AlarmTopic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {"TopicName": {"Fn::Sub": "${AWS::StackName}-alarms"}},
        },
        "AlarmMail": {
            "Type": "AWS::SNS::Subscription",
            "Condition": MAILED,
            "Properties": {
                "TopicArn": {"Ref": "AlarmTopic"},
                "Protocol": "email",
                "Endpoint": {"Ref": "AlarmEmail"},
            },
        },
        "DeadLettersAlarm": _alarm(
            "Messages failed five times and are in the dead-letter queue",
            **_of_queue("ApproximateNumberOfMessagesVisible", "DeadLetterQueue"),
        ),
        **{f"{name}ErrorsAlarm": _errors(name) for name in FUNCTIONS},
        **{f"{name}SilentAlarm": _silent(name) for name in CLOCKS},
        **{f"{queue_id(queue.name)}AgeAlarm": _old(queue_id(queue.name)) for queue in QUEUES},
        "ThrottledAlarm": _throttled(),
        "OverdueAlarm": _overdue(),
        "GatewayErrorsAlarm": _gateway_errors(),
    }


def _alarm(description: str, **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": description,
            "AlarmActions": [{"Ref": "AlarmTopic"}],
            "OKActions": [{"Ref": "AlarmTopic"}],
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0,
            "EvaluationPeriods": 1,
            "TreatMissingData": "notBreaching",
            **properties,
        },
    }


def _metric(namespace: str, name: str, statistic: str, dimensions: dict[str, Any]) -> dict[str, Any]:
    return {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        "Statistic": statistic,
        "Period": _MINUTE,
    }


def _of_queue(name: str, queue: str) -> dict[str, Any]:
    return _metric("AWS/SQS", name, "Maximum", {"QueueName": {"Fn::GetAtt": [queue, "QueueName"]}})


def _errors(function: str) -> dict[str, Any]:
    """Errors in three of five minutes: a message is tried again, and one that passed needs nobody."""
    return _alarm(
        f"{function} fails again and again",
        **_metric("AWS/Lambda", "Errors", "Sum", {"FunctionName": {"Ref": function}}),
        EvaluationPeriods=5,
        DatapointsToAlarm=3,
    )


def _silent(function: str) -> dict[str, Any]:
    return _alarm(
        f"{function} has not ticked for three minutes",
        **_metric("AWS/Lambda", "Invocations", "Sum", {"FunctionName": {"Ref": function}}),
        ComparisonOperator="LessThanThreshold",
        Threshold=1,
        EvaluationPeriods=3,
        TreatMissingData="breaching",
    )


def _old(queue: str) -> dict[str, Any]:
    return _alarm(
        f"Nobody takes what waits in {queue}",
        **_of_queue("ApproximateAgeOfOldestMessage", queue),
        Threshold=_LONGEST_WAIT,
        EvaluationPeriods=3,
    )


def _throttled() -> dict[str, Any]:
    """Of all functions of the account, whose concurrency they share: a metric without dimensions."""
    return _alarm(
        "Functions of this account are not started, its concurrency being used up",
        **_metric("AWS/Lambda", "Throttles", "Sum", {}),
        EvaluationPeriods=5,
        DatapointsToAlarm=3,
    )


def _overdue() -> dict[str, Any]:
    dimensions = {"stack": {"Ref": "AWS::StackName"}}
    return _alarm(
        "Runs are due and nobody takes them",
        **_metric("pScheduler", "pscheduler_oldest_due_run_seconds", "Maximum", dimensions),
        Threshold=_OVERDUE,
        EvaluationPeriods=2,
    )


def _gateway_errors() -> dict[str, Any]:
    dimensions = {"ApiName": {"Ref": "AWS::StackName"}, "Stage": "pscheduler"}
    return _alarm(
        "The API answers 5xx again and again",
        **_metric("AWS/ApiGateway", "5XXError", "Sum", dimensions),
        EvaluationPeriods=5,
        DatapointsToAlarm=3,
    )

"""The committed resources are what the definitions say, and what a deployment must have."""

import json
from typing import Any

import pytest

from chalicelib.infrastructure.queues import ATTEMPTS, QUEUES
from chalicelib.store.models.all_tables import TABLES
from chalicelib.store.models.base import TIME_TO_LIVE
from local import deployment
from local.deployment.resource_names import CLOCKS, FUNCTIONS, function_of, queue_id, table_id

RESOURCES: dict[str, Any] = deployment.resources()["Resources"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in RESOURCES.items() if one.get("Type") == kind}


def test_the_committed_template_is_made_from_the_definitions() -> None:
    assert deployment.RESOURCES.read_text() == deployment.rendered(deployment.resources())


def test_the_committed_policy_lets_nobody_do_anything() -> None:
    assert deployment.POLICY.read_text() == deployment.rendered(deployment.policy())
    assert [one["Effect"] for one in deployment.policy()["Statement"]] == ["Deny"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.short_name)
def test_a_table_can_be_recovered_and_outlives_its_stack(table: Any) -> None:
    made = RESOURCES[table_id(table.short_name)]

    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = made["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["DeletionProtectionEnabled"] is True
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["TimeToLiveSpecification"] == {"AttributeName": TIME_TO_LIVE, "Enabled": True}
    assert {"Ref": "AWS::StackId"} in _leaves(properties["TableName"])  # a stack made anew has others


def _leaves(document: Any) -> list[Any]:
    if isinstance(document, dict):
        return [document, *(leaf for each in document.values() for leaf in _leaves(each))]
    return [leaf for each in document for leaf in _leaves(each)] if isinstance(document, list) else []


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)
def test_what_keeps_failing_is_put_aside_and_named_message_by_message(queue: Any) -> None:
    made = RESOURCES[queue_id(queue.name)]["Properties"]
    source = RESOURCES[function_of(queue.handler)]["Properties"]["Events"]

    assert made["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
        "maxReceiveCount": ATTEMPTS,
    }
    assert made["SqsManagedSseEnabled"] is True
    (properties,) = (one["Properties"] for one in source.values())
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties["ScalingConfig"]["MaximumConcurrency"] >= 2  # SQS takes no less


def test_what_is_reserved_for_a_function_is_no_less_than_its_queue_hands_out() -> None:
    for queue in QUEUES:
        properties = RESOURCES[function_of(queue.handler)]["Properties"]
        (source,) = properties["Events"].values()
        reserved = properties["ReservedConcurrentExecutions"]["Fn::If"][1]

        assert reserved >= source["Properties"]["ScalingConfig"]["MaximumConcurrency"]


def test_a_tick_that_failed_is_not_made_up_for() -> None:
    for name in CLOCKS:
        assert RESOURCES[name]["Properties"]["EventInvokeConfig"]["MaximumRetryAttempts"] == 0


def test_results_are_encrypted_and_nobody_elses() -> None:
    bucket = RESOURCES["ResultsBucket"]["Properties"]
    (policy,) = RESOURCES["ResultsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 5
    assert (policy["Effect"], policy["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_every_function_logs_where_logs_end() -> None:
    for name in FUNCTIONS:
        assert RESOURCES[name]["Properties"]["LoggingConfig"]["LogGroup"] == {"Ref": "Log"}
    for group in of_type("AWS::Logs::LogGroup").values():
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogDays"}


def test_every_alarm_goes_to_the_one_topic() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")

    assert {f"{name}ErrorsAlarm" for name in FUNCTIONS} <= alarms.keys()
    assert {f"{name}SilentAlarm" for name in CLOCKS} <= alarms.keys()
    assert {f"{queue_id(queue.name)}AgeAlarm" for queue in QUEUES} <= alarms.keys()
    assert {"DeadLettersAlarm", "OverdueAlarm", "ThrottledAlarm", "GatewayErrorsAlarm"} <= alarms.keys()
    for alarm in alarms.values():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": "AlarmTopic"}]


def test_the_api_is_regional_limited_and_written_down() -> None:
    api = RESOURCES["RestAPI"]["Properties"]
    (settings,) = api["MethodSettings"]

    assert api["EndpointConfiguration"] == {"Type": "REGIONAL"}
    assert settings["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
    assert "$context.requestId" in json.loads(api["AccessLogSetting"]["Format"]).values()
    assert RESOURCES["UsagePlan"]["Properties"]["Quota"]["Period"] == "DAY"


def test_the_gateway_answers_404_where_there_is_nothing() -> None:
    said = RESOURCES["SaysMissingAuthenticationToken"]["Properties"]

    assert (said["ResponseType"], said["StatusCode"]) == ("MISSING_AUTHENTICATION_TOKEN", "404")

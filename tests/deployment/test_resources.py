"""The committed resources are what the definitions say."""

import json

from chalicelib.infrastructure.queues import QUEUES
from chalicelib.store.models import TABLES, TIME_TO_LIVE
from local import deployment


def test_the_committed_template_is_made_from_the_definitions() -> None:
    assert deployment.RESOURCES.read_text() == deployment.rendered(deployment.resources())


def test_the_committed_policy_is_made_from_the_definitions() -> None:
    assert deployment.POLICY.read_text() == deployment.rendered(deployment.policy())


def test_every_table_pays_by_request_and_can_be_recovered() -> None:
    tables = [
        one["Properties"]
        for one in deployment.resources()["Resources"].values()
        if one.get("Type") == "AWS::DynamoDB::Table"
    ]

    assert len(tables) == len(TABLES)
    for table in tables:
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["TimeToLiveSpecification"] == {"AttributeName": TIME_TO_LIVE, "Enabled": True}


def test_messages_that_keep_failing_are_put_aside() -> None:
    resources = deployment.resources()["Resources"]

    for queue in QUEUES:
        redrive = resources[f"{queue.name.title()}Queue"]["Properties"]["RedrivePolicy"]
        assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}


def test_the_policy_names_every_resource_and_no_wildcard_of_all() -> None:
    policy = json.dumps(deployment.policy())

    assert '"Resource": "*"' not in policy
    assert all(table.definition()["TableName"] in policy for table in TABLES)

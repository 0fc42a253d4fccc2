"""The clients of AWS: what they share."""

from chalicelib.infrastructure import aws
from chalicelib.store.models.connection import connection


def test_descriptions_of_services_are_read_once_for_all_clients() -> None:
    ours, tables = aws.session(), connection().session

    assert ours is not tables
    assert ours.get_component("data_loader") is tables.get_component("data_loader")


def test_none_of_them_makes_up_a_name_for_each_request() -> None:
    clients = [*map(aws.client, ("sqs", "s3", "dynamodbstreams")), connection().client]

    assert [each.meta.config.user_agent for each in clients] == ["pscheduler"] * 4

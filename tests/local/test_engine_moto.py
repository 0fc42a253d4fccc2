"""moto, made atomic: the races it loses without the lock, and transactions that fail."""

import contextlib
import threading
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from local import engine_moto, environment

STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_no_update_is_lost_among_threads() -> None:
    with engine_moto.mocked():
        client: Any = botocore.session.get_session().create_client("dynamodb")
        client.create_table(
            TableName="t",
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        client.put_item(TableName="t", Item={"k": {"S": "one"}, "n": {"N": "0"}})

        threads = [threading.Thread(target=increment, args=(client, 15)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert client.get_item(TableName="t", Key={"k": {"S": "one"}})["Item"]["n"] == {"N": "90"}


def increment(client: Any, times: int) -> None:
    done = 0
    while done < times:
        known = client.get_item(TableName="t", Key={"k": {"S": "one"}})["Item"]["n"]["N"]
        update = {
            "TableName": "t",
            "Key": {"k": {"S": "one"}},
            "UpdateExpression": "SET n = :new",
            "ConditionExpression": "n = :known",
            "ExpressionAttributeValues": {":new": {"N": str(int(known) + 1)}, ":known": {"N": known}},
        }
        with contextlib.suppress(ClientError):  # overtaken
            client.transact_write_items(TransactItems=[{"Update": update}])
            done += 1


def _make_table(client: Any, name: str, *keys: str) -> None:
    """Make a table with a stream."""
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[
            {"AttributeName": key, "KeyType": kind}
            for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification=STREAM,
    )


def _told(name: str) -> list[str]:
    """What the stream of a table tells of, from its beginning."""
    table = dynamodb_backends[DEFAULT_ACCOUNT_ID][environment.REGION].tables[name]
    return [each.record["eventName"] for each in table.stream_shard.items]


@pytest.mark.parametrize("keys", [("k",), ("k", "r")], ids=["hash", "hash and range"])
def test_a_transaction_that_fails_leaves_items_and_stream_as_they_were(keys: tuple[str, ...]) -> None:
    def item(name: str, **more: Any) -> Any:
        return {**{key: {"S": name} for key in keys}, **more}

    with engine_moto.mocked():
        client: Any = botocore.session.get_session().create_client("dynamodb")
        _make_table(client, "t", *keys)
        for name in ("changed", "deleted"):
            client.put_item(TableName="t", Item=item(name, n={"L": [{"N": "0"}]}))
        before = client.scan(TableName="t")["Items"]

        update = {
            "UpdateExpression": "SET n[0] = :new, m = :new",
            "ExpressionAttributeValues": {":new": {"N": "1"}},
        }
        parts = [
            {"Put": {"TableName": "t", "Item": item("new")}},
            {"Put": {"TableName": "t", "Item": item("changed-too")}},
            {"Update": {"TableName": "t", "Key": item("changed"), **update}},
            {"Update": {"TableName": "t", "Key": item("made"), **update, "UpdateExpression": "SET m = :new"}},
            {"Delete": {"TableName": "t", "Key": item("deleted")}},
            {
                "ConditionCheck": {
                    "TableName": "t",
                    "Key": item("nowhere"),
                    "ConditionExpression": "attribute_exists(k)",
                }
            },
        ]
        with pytest.raises(ClientError) as raised:
            client.transact_write_items(TransactItems=parts)

        reasons = [one["Code"] for one in raised.value.response["CancellationReasons"]]
        assert reasons[-1] == "ConditionalCheckFailed"
        assert client.scan(TableName="t")["Items"] == before
        assert _told("t") == ["INSERT", "INSERT"]

        put, first = parts[0], parts[2]
        client.transact_write_items(TransactItems=[put])
        with pytest.raises(ClientError, match="multiple operations on one item"):
            client.transact_write_items(TransactItems=[parts[1], first, first])
        assert sorted(each["k"]["S"] for each in client.scan(TableName="t")["Items"]) == [
            "changed",
            "deleted",
            "new",
        ]

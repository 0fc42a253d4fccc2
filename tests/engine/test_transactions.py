"""Transactions and batches: all or nothing, reasons in order, once per token; tables, and time to live."""

import pathlib
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.engine import Engine, expiry_sweep
from local.engine.dynamodb import rows
from tests.engine.conftest import Clock, client

TABLE: dict[str, Any] = {
    "TableName": "things",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
}


@pytest.fixture
def things(dynamodb: Any) -> Any:
    dynamodb.create_table(**TABLE)
    return dynamodb


def putting(key: str, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": "things", "Item": {"k": {"S": key}, **more.pop("item", {})}, **more}}


def absent(key: str) -> dict[str, Any]:
    return putting(key, ConditionExpression="attribute_not_exists(k)")


def names(things: Any) -> list[str]:
    return sorted(item["k"]["S"] for item in things.scan(TableName="things")["Items"])


def test_all_of_it_is_written(things: Any) -> None:
    things.transact_write_items(TransactItems=[putting("old"), putting("checked")])

    answer = things.transact_write_items(
        TransactItems=[
            putting("new"),
            {"Delete": {"TableName": "things", "Key": {"k": {"S": "old"}}}},
            {
                "Update": {
                    "TableName": "things",
                    "Key": {"k": {"S": "made"}},
                    "UpdateExpression": "ADD n :n",
                    "ExpressionAttributeValues": {":n": {"N": "1"}},
                }
            },
            {
                "ConditionCheck": {
                    "TableName": "things",
                    "Key": {"k": {"S": "checked"}},
                    "ConditionExpression": "attribute_exists(k)",
                }
            },
        ],
        ReturnConsumedCapacity="TOTAL",
    )

    assert names(things) == ["checked", "made", "new"]
    assert answer["ConsumedCapacity"] == [
        {"TableName": "things", "CapacityUnits": 8.0, "WriteCapacityUnits": 8.0}
    ]


def test_a_condition_that_fails_stops_all_and_every_action_has_its_reason(things: Any) -> None:
    things.transact_write_items(TransactItems=[putting("there", item={"n": {"N": "1"}})])
    shown = absent("there")
    shown["Put"]["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    update = {
        "Update": {
            "TableName": "things",
            "Key": {"k": {"S": "other"}},
            "UpdateExpression": "SET a = b",
        }
    }

    with pytest.raises(ClientError) as refused:
        things.transact_write_items(TransactItems=[absent("new"), shown, update, putting("last")])

    response: Any = refused.value.response
    assert response["Error"]["Code"] == "TransactionCanceledException"
    assert "[None, ConditionalCheckFailed, ValidationError, None]" in response["Error"]["Message"]
    assert response["CancellationReasons"] == [
        {"Code": "None"},
        {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
            "Item": {"k": {"S": "there"}, "n": {"N": "1"}},
        },
        {
            "Code": "ValidationError",
            "Message": "The provided expression refers to an attribute that does not exist in the item",
        },
        {"Code": "None"},
    ]
    assert names(things) == ["there"]


@pytest.mark.parametrize(
    ("actions", "complaint"),
    [
        ([putting("a"), putting("a")], "multiple operations on one item"),
        ([putting(str(number)) for number in range(101)], "less than or equal to 100"),
        ([putting(str(number), item={"b": {"S": "x" * 390_000}}) for number in range(11)], "4 MB"),
        (
            [{**putting("a"), "Delete": {"TableName": "things", "Key": {"k": {"S": "b"}}}}],
            "one of Check, Put",
        ),
        ([putting("a", ConditionExpression="a = ")], "Syntax error"),
    ],
)
def test_a_transaction_that_cannot_be_is_refused_whole(
    things: Any, actions: list[dict[str, Any]], complaint: str
) -> None:
    with pytest.raises(ClientError, match="ValidationException") as refused:
        things.transact_write_items(TransactItems=actions)

    assert complaint in str(refused.value)
    assert names(things) == []


def test_a_hundred_items_are_written_together(things: Any) -> None:
    things.transact_write_items(TransactItems=[absent(f"{number:03}") for number in range(100)])

    assert len(names(things)) == 100


def _adding() -> list[dict[str, Any]]:
    update = {
        "TableName": "things",
        "Key": {"k": {"S": "counter"}},
        "UpdateExpression": "ADD n :n",
        "ExpressionAttributeValues": {":n": {"N": "1"}},
    }
    return [{"Update": update}]


def _count(things: Any) -> str:
    found: str = things.get_item(TableName="things", Key={"k": {"S": "counter"}})["Item"]["n"]["N"]
    return found


def test_a_token_stands_for_what_was_done_for_ten_minutes(things: Any, clock: Clock) -> None:
    for _ in range(3):
        answer = things.transact_write_items(
            TransactItems=_adding(), ClientRequestToken="once", ReturnConsumedCapacity="TOTAL"
        )
    assert _count(things) == "1"
    assert answer["ConsumedCapacity"][0]["ReadCapacityUnits"] == 2.0

    with pytest.raises(ClientError, match="IdempotentParameterMismatchException"):
        things.transact_write_items(TransactItems=[putting("other")], ClientRequestToken="once")

    clock.now += 601
    things.transact_write_items(TransactItems=_adding(), ClientRequestToken="once")
    assert _count(things) == "2"


def test_a_token_of_what_was_cancelled_is_free(things: Any) -> None:
    things.transact_write_items(TransactItems=[putting("there")])
    with pytest.raises(ClientError):
        things.transact_write_items(TransactItems=[absent("there")], ClientRequestToken="token")

    things.transact_write_items(TransactItems=[absent("new")], ClientRequestToken="token")

    assert names(things) == ["new", "there"]


def test_a_transaction_reads_in_the_order_asked(things: Any) -> None:
    things.transact_write_items(TransactItems=[putting("a"), putting("b", item={"n": {"N": "1"}})])

    def getting(key: str, **more: Any) -> dict[str, Any]:
        return {"Get": {"TableName": "things", "Key": {"k": {"S": key}}, **more}}

    answer = things.transact_get_items(
        TransactItems=[getting("b", ProjectionExpression="n"), getting("none"), getting("a")],
        ReturnConsumedCapacity="TOTAL",
    )

    assert answer["Responses"] == [{"Item": {"n": {"N": "1"}}}, {}, {"Item": {"k": {"S": "a"}}}]
    assert answer["ConsumedCapacity"][0]["ReadCapacityUnits"] == 6.0


def _batch(*keys: str) -> dict[str, Any]:
    return {"things": [{"PutRequest": {"Item": {"k": {"S": key}}}} for key in keys]}


def test_a_batch_writes_and_reads(things: Any) -> None:
    things.batch_write_item(RequestItems=_batch("a", "b"))
    removing: Any = {"things": [{"DeleteRequest": {"Key": {"k": {"S": "a"}}}}, *_batch("c")["things"]]}

    written = things.batch_write_item(RequestItems=removing, ReturnConsumedCapacity="TOTAL")
    found = things.batch_get_item(RequestItems={"things": {"Keys": [{"k": {"S": key}} for key in "abc"]}})

    assert written["UnprocessedItems"] == {}
    assert written["ConsumedCapacity"] == [{"TableName": "things", "CapacityUnits": 2.0}]
    assert [item["k"]["S"] for item in found["Responses"]["things"]] == ["b", "c"]
    assert found["UnprocessedKeys"] == {}


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ([str(number) for number in range(26)], "Too many items requested for the BatchWriteItem call"),
        (["a", "a"], "contains duplicates"),
        (["a", ""], "empty string value"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_whole(things: Any, keys: list[str], complaint: str) -> None:
    with pytest.raises(ClientError, match=complaint):
        things.batch_write_item(RequestItems=_batch(*keys))

    assert names(things) == []


def test_a_batch_that_reads_too_much_leaves_keys_for_later(things: Any) -> None:
    for number in range(50):
        things.put_item(TableName="things", Item={"k": {"S": f"{number:02}"}, "b": {"S": "x" * 390_000}})
    keys = [{"k": {"S": f"{number:02}"}} for number in range(50)]

    answer = things.batch_get_item(RequestItems={"things": {"Keys": keys, "ConsistentRead": True}})

    found, left = answer["Responses"]["things"], answer["UnprocessedKeys"]["things"]
    assert [{"k": item["k"]} for item in found] + left["Keys"] == keys
    assert left["ConsistentRead"] is True
    assert 40 <= len(found) < 50


@pytest.mark.parametrize(("stored", "counted"), [(9, 9), (10, 10), (25, 25)])
def test_the_items_of_a_table_are_counted_or_estimated(
    things: Any, monkeypatch: pytest.MonkeyPatch, stored: int, counted: int
) -> None:
    monkeypatch.setattr(rows, "MOST_COUNTED", 10)
    for number in range(stored):
        things.put_item(TableName="things", Item={"k": {"S": f"{number:02}"}, "a": {"S": "x" * 90}})

    described = things.describe_table(TableName="things")["Table"]

    assert described["ItemCount"] == counted
    assert described["TableSizeBytes"] == counted * (1 + 2 + 1 + 90)


def test_tables_are_made_described_listed_and_removed(dynamodb: Any) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        dynamodb.describe_table(TableName="things")
    dynamodb.create_table(**TABLE)
    dynamodb.get_waiter("table_exists").wait(TableName="things")
    with pytest.raises(ClientError, match="ResourceInUseException"):
        dynamodb.create_table(**TABLE)

    described = dynamodb.describe_table(TableName="things")["Table"]

    assert described["TableStatus"] == "ACTIVE"
    assert described["KeySchema"] == TABLE["KeySchema"]
    assert dynamodb.list_tables()["TableNames"] == ["things"]
    dynamodb.delete_table(TableName="things")
    assert dynamodb.list_tables()["TableNames"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"TableName": "a"},
        {"AttributeDefinitions": []},
        {
            "AttributeDefinitions": [
                *TABLE["AttributeDefinitions"],
                {"AttributeName": "z", "AttributeType": "S"},
            ]
        },
        {"KeySchema": [{"AttributeName": "k", "KeyType": "RANGE"}]},
        {"BillingMode": "PROVISIONED"},
        {"StreamSpecification": {"StreamEnabled": True}},
    ],
)
def test_a_table_that_cannot_be_is_refused(dynamodb: Any, change: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        dynamodb.create_table(**{**TABLE, **change})

    assert dynamodb.list_tables()["TableNames"] == []


def test_items_past_their_time_to_live_are_dropped_by_and_by(
    engine: Engine, things: Any, clock: Clock
) -> None:
    def put(key: str, expires: Any) -> None:
        things.put_item(TableName="things", Item={"k": {"S": key}, "expires": expires})

    put("before", {"N": str(int(clock.now) - 10)})
    things.update_time_to_live(
        TableName="things", TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True}
    )
    put("soon", {"N": str(int(clock.now) + 30)})
    put("late", {"N": str(int(clock.now) + 3000)})
    put("text", {"S": "1"})
    put("ages ago", {"N": "1000"})  # taken for a mistake, as AWS does
    assert len(names(things)) == 5

    clock.now += 61
    put("any", {"NULL": True})

    assert names(things) == ["ages ago", "any", "late", "text"]
    assert things.describe_time_to_live(TableName="things")["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "expires",
    }


def test_nothing_is_dropped_before_the_clock_has_gone_on_evenly_for_a_while(path: pathlib.Path) -> None:
    clock, steady = Clock(), Clock()
    with Engine(path, synchronous="OFF", clock=clock, steady=steady, settling=600) as engine:
        things = client("dynamodb")
        things.create_table(**TABLE)
        things.update_time_to_live(
            TableName="things", TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True}
        )
        left = []
        for ahead, seconds in ((0, 590), (0, 70), (86400, 300), (-86400, 590), (0, 590), (30, 70)):
            expires = {"N": str(int(clock.now) + 5)}
            things.put_item(TableName="things", Item={"k": {"S": "one"}, "expires": expires})
            clock.now += ahead + seconds
            steady.now += seconds
            engine.sweep()
            left.append(names(things))

    assert left == [["one"], [], ["one"], ["one"], ["one"], []]


def test_many_items_past_their_time_are_dropped_within_seconds_of_each_other(
    engine: Engine, things: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry_sweep, "AT_ONCE", 2)
    things.update_time_to_live(
        TableName="things", TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True}
    )
    for number in range(5):
        expires = {"N": str(int(clock.now) + 1)}
        things.put_item(TableName="things", Item={"k": {"S": f"old-{number}"}, "expires": expires})

    left = []
    for seconds in (61, 1, 1):
        clock.now += seconds
        things.put_item(TableName="things", Item={"k": {"S": "any"}})
        left.append(len(names(things)) - 1)

    assert left == [3, 1, 0]

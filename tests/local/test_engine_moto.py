"""moto, made atomic: the races it loses without the lock."""

import contextlib
import threading
from typing import Any

import botocore.session

from local import engine_moto


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
        with contextlib.suppress(client.exceptions.TransactionCanceledException):
            client.transact_write_items(TransactItems=[{"Update": update}])
            done += 1

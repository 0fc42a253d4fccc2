"""The same request to several engines, and their answers in one form that can be compared."""

import decimal
import functools
from typing import Any

import botocore
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

from tests.engine.requests import KEYS, PAIR, Request

PLAINLY = Config(user_agent="pscheduler")
"""No emulator reads with what a request was sent, which botocore tells it anew each time, at length."""
UNSIGNED = PLAINLY.merge(Config(signature_version=botocore.UNSIGNED))
"""Nor does that of tables, or of queues, who signed it."""
_ORDERLESS = {"SS", "NS", "BS"}


def ask(client: Any, request: Request) -> dict[str, Any]:
    """What came of a request: what matters of the answer, or the code of the error and its reasons."""
    operation, params = request
    try:
        answer = getattr(client, METHODS[operation])(**params)
    except ParamValidationError:
        return {"error": "ParamValidationError"}
    except ClientError as error:
        found = {
            "error": error.response["Error"]["Code"],
            "said": error.response["Error"].get("Message", ""),
        }
        reasons = error.response.get("CancellationReasons")
        if reasons:
            found["reasons"] = [
                (reason.get("Code", "None"), plain(reason["Item"]) if reason.get("Item") else None)
                for reason in reasons
            ]
            found["said"] = " ".join(reason.get("Message") or "" for reason in reasons)
        return found
    except Exception as error:  # moto's own, which would be a 500
        return {"error": f"crash: {type(error).__name__}"}
    return {name: plain(answer[name]) for name in _COMPARED if answer.get(name)}


METHODS = {
    "PutItem": "put_item",
    "UpdateItem": "update_item",
    "DeleteItem": "delete_item",
    "GetItem": "get_item",
    "Query": "query",
    "TransactWriteItems": "transact_write_items",
    "BatchWriteItem": "batch_write_item",
    "BatchGetItem": "batch_get_item",
}
_READS = {"GetItem", "Query", "BatchGetItem"}
_COMPARED = ("Item", "Items", "Attributes", "Count", "ScannedCount", "LastEvaluatedKey", "Responses")


def plain(found: Any) -> Any:
    """A value, an item or a list of items, with numbers as such and sets without order."""
    if isinstance(found, dict) and len(found) == 1:
        ((kind, content),) = found.items()
        if kind == "N" and isinstance(content, str):
            return {"N": decimal.Decimal(content)}
        if kind in _ORDERLESS and isinstance(content, list):
            members = map(decimal.Decimal, content) if kind == "NS" else content
            return {kind: sorted(members)}
    if isinstance(found, dict):
        return {name: plain(inside) for name, inside in found.items()}
    return [plain(inside) for inside in found] if isinstance(found, list) else found


def unordered(answer: dict[str, Any]) -> dict[str, Any]:
    """The same where the order of items says nothing: in batches, and in indexes among equal keys."""
    responses = answer.get("Responses")
    if not isinstance(responses, dict):
        return answer
    return {
        **answer,
        "Responses": {
            table: sorted(items, key=functools.partial(_sorting, table))
            for table, items in responses.items()
            if items
        },
    }


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """What is compared of an answer: the words of an error are not."""
    return {name: content for name, content in unordered(answer).items() if name != "said"}


def outcome(answer: dict[str, Any]) -> str:
    """An answer in a word: done, or the code of its error, a transaction's with its reasons."""
    if "error" not in answer:
        return "done"
    reasons = ",".join(code for code, _ in answer.get("reasons", ()))
    return answer["error"] + (f"[{reasons}]" if reasons else "")


def tables_written(request: Request) -> list[str]:
    """The tables in which a request may change something; what a read does, the next write shows."""
    operation, params = request
    if operation in _READS:
        return []
    return [table for table in KEYS if params.get("TableName", table) == table]


def contents(client: Any, tables: list[str]) -> dict[str, Any]:
    """All items of some tables, by their keys."""
    return {
        table: sorted(
            (plain(item) for item in _scanned(client, table)), key=lambda item: _sorting(table, item)
        )
        for table in tables
    }


def _scanned(client: Any, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    start: dict[str, Any] = {}
    while True:
        answer = client.scan(TableName=table, **start)
        found += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return found
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def make_same(client: Any, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    """Bring the tables of one engine to what those of the other hold."""
    for table, items in wanted.items():
        for item in found[table]:
            if item not in items:
                client.delete_item(TableName=table, Key={name: _wire(item[name]) for name in KEYS[table]})
        for item in items:
            if item not in found[table]:
                client.put_item(TableName=table, Item={name: _wire(value) for name, value in item.items()})


def _wire(value: dict[str, Any]) -> dict[str, Any]:
    """A value as a client takes it, from what ``plain`` made of it."""
    ((kind, content),) = value.items()
    if kind == "N":
        return {"N": format(content, "f")}
    if kind == "NS":
        return {"NS": [format(member, "f") for member in content]}
    if kind == "L":
        return {"L": [_wire(member) for member in content]}
    if kind == "M":
        return {"M": {name: _wire(member) for name, member in content.items()}}
    return value


def _sorting(table: str, item: dict[str, Any]) -> tuple[Any, ...]:
    first = item[KEYS[table][0]]["S"]
    return (first, item["r"]["N"]) if table == PAIR else (first,)

"""Queries and scans: order, stretches, pages, indexes."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from local.engine import Engine
from local.engine.dynamodb import queries
from tests.engine.conftest import client

EVENTS: dict[str, Any] = {
    "TableName": "events",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "h", "AttributeType": "S"},
        {"AttributeName": "r", "AttributeType": "N"},
        {"AttributeName": "g", "AttributeType": "S"},
        {"AttributeName": "w", "AttributeType": "B"},
    ],
    "KeySchema": [{"AttributeName": "h", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "keys",
            "KeySchema": [
                {"AttributeName": "g", "KeyType": "HASH"},
                {"AttributeName": "w", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        },
        {
            "IndexName": "all",
            "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        },
    ],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "local",
            "KeySchema": [
                {"AttributeName": "h", "KeyType": "HASH"},
                {"AttributeName": "w", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["n"]},
        }
    ],
}


@pytest.fixture
def events(dynamodb: Any) -> Any:
    dynamodb.create_table(**EVENTS)
    return dynamodb


def put(number: float | str, **attributes: Any) -> None:
    item = {"h": {"S": "a"}, "r": {"N": str(number)}, **attributes}
    client("dynamodb").put_item(TableName="events", Item=item)


def query(condition: str = "h = :h", hash_key: str = "a", **more: Any) -> dict[str, Any]:
    values = {":h": {"S": hash_key}, **more.pop("values", {})}
    answer: dict[str, Any] = client("dynamodb").query(
        TableName="events", KeyConditionExpression=condition, ExpressionAttributeValues=values, **more
    )
    return answer


def numbers(answer: dict[str, Any]) -> list[str]:
    return [item["r"]["N"] for item in answer["Items"]]


def test_numbers_are_in_their_own_order(events: Any) -> None:
    for number in ("10", "9", "-1", "1E3", "0", "-20", "0.5"):
        put(number)

    assert numbers(query()) == ["-20", "-1", "0", "0.5", "9", "10", "1000"]
    assert numbers(query(ScanIndexForward=False))[0] == "1000"


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("r = :two", ["2"]),
        ("r < :two", ["1"]),
        ("r <= :two", ["1", "2"]),
        ("r > :two", ["3", "4"]),
        ("r >= :two", ["2", "3", "4"]),
        ("r BETWEEN :two AND :three", ["2", "3"]),
        (":two < r", ["3", "4"]),
    ],
)
def test_a_stretch_of_keys(events: Any, condition: str, found: list[str]) -> None:
    for number in range(1, 5):
        put(number)
    values = {name: {"N": text} for name, text in ((":two", "2.0"), (":three", "3")) if name in condition}

    assert numbers(query(f"h = :h AND {condition}", values=values)) == found


def test_a_beginning_of_bytes_ends_where_it_ends(events: Any) -> None:
    for number, content in enumerate([b"\xff", b"\xff\x00", b"\xff\xff", b"\xfe\xff", b"a"]):
        put(number, w={"B": content})

    found = query("h = :h AND begins_with(w, :w)", values={":w": {"B": b"\xff"}}, IndexName="local")

    assert numbers(found) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("condition", "values", "complaint"),
    [
        ("r = :n", {":n": {"N": "1"}}, "missed key schema element: h"),
        ("h > :n", {":n": {"S": "1"}}, "Query key condition not supported"),
        ("h = :n AND n = :n", {":n": {"S": "1"}}, "missed key schema element: r"),
        ("h = :n AND begins_with(r, :r)", {":n": {"S": "1"}, ":r": {"N": "1"}}, "operand type"),
        ("h = :n AND r = :n", {":n": {"S": "1"}}, "does not match schema type"),
        ("h = :n OR r = :r", {":n": {"S": "1"}, ":r": {"N": "1"}}, "Invalid operator"),
        ("h = :n AND h = :n", {":n": {"S": "1"}}, "one condition per key"),
        ("h = :n AND begins_with(r, :r)", {":n": {"S": "1"}, ":r": {"S": ""}}, "does not match schema type"),
        ("h = :n", {":n": {"S": ""}}, "cannot contain an empty string value. Key: h"),
        (
            "h = :n AND r BETWEEN :a AND :b",
            {":n": {"S": "1"}, ":a": {"N": "10"}, ":b": {"N": "9"}},
            "upper bound",
        ),
    ],
)
def test_a_key_condition_that_is_none_is_refused(
    events: Any, condition: str, values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ClientError, match="ValidationException") as refused:
        events.query(TableName="events", KeyConditionExpression=condition, ExpressionAttributeValues=values)

    assert complaint in refused.value.response["Error"]["Message"]


def test_nothing_begins_with_nothing(events: Any) -> None:
    with pytest.raises(ClientError, match=r"cannot contain an empty binary value. Key: w"):
        query("h = :h AND begins_with(w, :w)", values={":w": {"B": b""}}, IndexName="local")


def test_an_index_holds_items_that_have_its_keys_and_forgets_them_with_the_keys(events: Any) -> None:
    put(1, g={"S": "x"}, w={"B": b"1"}, n={"N": "7"})
    put(2, g={"S": "x"})
    put(3, w={"B": b"0"})

    assert query("g = :h", "x", IndexName="keys")["Items"] == [
        {"h": {"S": "a"}, "r": {"N": "1"}, "g": {"S": "x"}, "w": {"B": b"1"}}
    ]
    assert numbers(query("g = :h", "x", IndexName="all")) == ["1", "2"]
    assert numbers(query(IndexName="local")) == ["3", "1"]

    put(1, g={"S": "y"}, w={"B": b"1"})
    events.delete_item(TableName="events", Key={"h": {"S": "a"}, "r": {"N": "2"}})

    assert query("g = :h", "x", IndexName="all")["Items"] == []
    assert numbers(query("g = :h", "y", IndexName="keys")) == ["1"]


def test_a_local_index_gives_what_it_holds_and_fetches_what_is_asked_for(events: Any) -> None:
    put(1, w={"B": b"1"}, n={"N": "7"}, body={"S": "x"})
    key = {"h": {"S": "a"}, "r": {"N": "1"}, "w": {"B": b"1"}}

    assert query(IndexName="local", ConsistentRead=True)["Items"] == [{**key, "n": {"N": "7"}}]
    assert query(IndexName="local", ProjectionExpression="body")["Items"] == [{"body": {"S": "x"}}]
    assert query(IndexName="local", Select="ALL_ATTRIBUTES")["Items"][0]["body"] == {"S": "x"}


@pytest.mark.parametrize(
    ("request_part", "complaint"),
    [
        ({"IndexName": "none"}, "does not have the specified index"),
        ({"IndexName": "all", "ConsistentRead": True}, "Consistent reads are not supported on global"),
        ({"IndexName": "keys", "Select": "ALL_ATTRIBUTES"}, "is not supported for global secondary index"),
        ({"IndexName": "keys", "ProjectionExpression": "body"}, "does not project"),
        ({"Select": "COUNT", "ProjectionExpression": "n"}, "Cannot specify the ProjectionExpression"),
        ({"FilterExpression": "g = :h"}, "Primary key attribute: g"),
        ({"Select": "SPECIFIC_ATTRIBUTES"}, "Must specify the ProjectionExpression"),
        ({"ExclusiveStartKey": {"h": {"S": "a"}}}, "starting key is invalid"),
    ],
)
def test_a_query_that_asks_for_what_there_is_not_is_refused(
    events: Any, request_part: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ClientError) as refused:
        query("g = :h", "x", **{"IndexName": "all", **request_part})

    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert complaint in str(refused.value)


def test_pages_of_a_limit_go_on_behind_an_item_that_is_gone(events: Any) -> None:
    for number in range(6):
        put(number, g={"S": "x"})

    first = query("g = :h", "x", IndexName="all", Limit=2)
    events.delete_item(TableName="events", Key={"h": {"S": "a"}, "r": {"N": "1"}})
    second = query("g = :h", "x", IndexName="all", Limit=2, ExclusiveStartKey=first["LastEvaluatedKey"])

    assert first["LastEvaluatedKey"] == {"h": {"S": "a"}, "r": {"N": "1"}, "g": {"S": "x"}}
    assert numbers(second) == ["2", "3"]


def test_a_page_has_a_megabyte_before_its_filter(events: Any) -> None:
    for number in range(8):
        put(number, body={"S": "x" * 300_000}, n={"N": str(number)})

    sized = query(FilterExpression="n > :n", values={":n": {"N": "1"}}, ReturnConsumedCapacity="TOTAL")
    rest = query(ExclusiveStartKey=sized["LastEvaluatedKey"])

    assert (sized["Count"], sized["ScannedCount"]) == (1, 3)
    assert sized["LastEvaluatedKey"] == {"h": {"S": "a"}, "r": {"N": "2"}}
    assert numbers(rest) == ["3", "4", "5"]
    assert sized["ConsumedCapacity"]["CapacityUnits"] == 110.0  # 900 KB in blocks of 4, half a unit each


def test_an_index_without_the_body_has_more_to_a_page_and_costs_less(events: Any) -> None:
    for number in range(8):
        put(number, g={"S": "x"}, w={"B": b"1"}, body={"S": "x" * 300_000})

    small = query("g = :h", "x", IndexName="keys", ReturnConsumedCapacity="TOTAL")
    counted = query("g = :h", "x", IndexName="keys", Select="COUNT", ReturnConsumedCapacity="INDEXES")

    assert small["Count"] == counted["Count"] == 8
    assert "LastEvaluatedKey" not in small
    assert "Items" not in counted
    assert small["ConsumedCapacity"]["CapacityUnits"] == 0.5
    assert counted["ConsumedCapacity"]["GlobalSecondaryIndexes"] == {"keys": {"CapacityUnits": 0.5}}


def test_a_count_of_more_than_a_page_goes_on(events: Any) -> None:
    for number in range(8):
        put(number, body={"S": "x" * 300_000})

    first = query(Select="COUNT")
    second = query(Select="COUNT", ExclusiveStartKey=first["LastEvaluatedKey"])

    assert (first["Count"], second["Count"]) == (3, 3)


@pytest.mark.parametrize("index", [{}, {"IndexName": "keys"}, {"IndexName": "all"}, {"IndexName": "local"}])
@pytest.mark.parametrize("forward", [True, False])
def test_the_pages_of_a_count_are_those_of_its_items(
    events: Any, monkeypatch: pytest.MonkeyPatch, index: dict[str, str], forward: bool
) -> None:
    monkeypatch.setattr(queries, "PAGE", 60)
    for number in range(12):
        put(number, g={"S": "a"}, w={"B": bytes([number // 3])}, n={"S": "x" * number})
    of = {"condition": "g = :h"} if index.get("IndexName") in ("keys", "all") else {}
    asked: dict[str, Any] = {**of, **index, "ScanIndexForward": forward}

    found, counted = query(**asked), query(**asked, Select="COUNT")
    seen = [counted["Count"]]
    while "LastEvaluatedKey" in found:
        behind = {"ExclusiveStartKey": found["LastEvaluatedKey"]}
        assert counted["LastEvaluatedKey"] == found["LastEvaluatedKey"]
        found, counted = query(**asked, **behind), query(**asked, **behind, Select="COUNT")
        assert counted["Count"] == len(found["Items"])
        seen.append(counted["Count"])

    assert len(seen) > 1
    assert sum(seen) == 12


ODD = ("a", "A", "", "a b", "ä", '"', "\\", "a\x00", "\U0001f600", "7", "*", "?", "[a]", "x" * 1100)
"""Plain names, such as their JSON or a pattern does not spell as they are, and a long one."""


@pytest.mark.parametrize("wanted", ODD, ids=lambda name: ascii(name[:5]))
@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("#f = :f", {}),
        (":f = #f", {}),
        ("#f = :f AND n > :n", {":n": {"N": "-1"}}),  # part of which only Python can tell
        ("#f = :f AND kind = :kind", {":kind": {"S": "even"}}),
        ("NOT #f = :f", {}),
        ("#f = :f OR kind = :kind", {":kind": {"S": "even"}}),
    ],
)
@pytest.mark.parametrize("index", [{}, {"IndexName": "local"}])
def test_a_filter_finds_what_it_says_whoever_tells_it(
    events: Any, wanted: str, text: str, more: dict[str, Any], index: dict[str, str]
) -> None:
    for number, name in enumerate(ODD):
        put(number, w={"B": bytes([number + 1])}, n={"N": "1"}, kind={"S": "even"}, name={"S": name})
    put(100, w={"B": b"\x64"}, n={"N": "1"}, kind={"S": "odd"}, name={"N": "7"})  # a number is no text
    put(101, w={"B": b"\x65"}, n={"N": "1"}, kind={"S": "odd"}, within={"M": {"name": {"S": wanted}}})
    asked: dict[str, Any] = {
        **index,
        "FilterExpression": text,
        "ExpressionAttributeNames": {"#f": "name"},
        "values": {":f": {"S": wanted}, **more},
    }
    whole = {"Select": "ALL_ATTRIBUTES"} if index else {}

    found, counted = query(**asked, **whole), query(**asked, Select="COUNT")

    at = ODD.index(wanted)
    others = {str(number) for number in range(len(ODD))} - {str(at)} | {"100", "101"}
    expected = {"NOT": others, "OR": {str(number) for number in range(len(ODD))}}
    meant = next((those for word, those in expected.items() if word in text), {str(at)})
    assert set(numbers(found)) == meant
    assert found["ScannedCount"] == counted["ScannedCount"] == len(ODD) + 2
    assert counted["Count"] == (len(meant) if not index else counted_in_index(text, meant))


def counted_in_index(text: str, whole: set[str]) -> int:
    """How many a count finds in an index that has ``n`` of an item and neither ``name`` nor ``kind``."""
    return len(ODD) + 2 if "NOT" in text else 0


def test_a_filter_sees_no_more_than_its_index_holds(events: Any) -> None:
    put(1, g={"S": "x"}, w={"B": b"1"}, n={"N": "7"}, body={"S": "here"})

    of_all = query("g = :h", "x", IndexName="all", FilterExpression="body = :b", values={":b": {"S": "here"}})
    of_keys = query(
        "g = :h", "x", IndexName="keys", FilterExpression="body = :b", values={":b": {"S": "here"}}
    )

    assert (of_all["Count"], of_keys["Count"]) == (1, 0)


@pytest.mark.parametrize("index", [{}, {"IndexName": "all"}])
def test_pages_end_where_they_end_without_a_filter(
    events: Any, monkeypatch: pytest.MonkeyPatch, index: dict[str, str]
) -> None:
    for number in range(12):
        put(number, g={"S": "a"}, name={"S": "found" if number % 5 == 4 else "other"})
    of = {"condition": "g = :h"} if index else {}
    filtered = {"FilterExpression": "#f = :f", "ExpressionAttributeNames": {"#f": "name"}}
    asked: dict[str, Any] = {**of, **index}

    for limit, page in ((5, queries.PAGE), (None, 120)):
        monkeypatch.setattr(queries, "PAGE", page)
        behind: dict[str, Any] = {"Limit": limit} if limit else {}
        seen: list[str] = []
        while True:
            plain = query(**asked, **behind)
            found = query(**asked, **behind, **filtered, values={":f": {"S": "found"}})
            assert found.get("LastEvaluatedKey") == plain.get("LastEvaluatedKey")
            assert found["ScannedCount"] == plain["Count"]
            if limit is None:
                counted = query(**asked, **behind, **filtered, values={":f": {"S": "found"}}, Select="COUNT")
                assert counted["Count"] == found["Count"]
                assert counted.get("LastEvaluatedKey") == plain.get("LastEvaluatedKey")
            seen += numbers(found)
            if "LastEvaluatedKey" not in plain:
                break
            behind = {**behind, "ExclusiveStartKey": plain["LastEvaluatedKey"]}
        assert seen == ["4", "9"]


def test_a_scan_finds_everything_once_in_segments_too(events: Any) -> None:
    for number in range(30):
        events.put_item(TableName="events", Item={"h": {"S": f"{number}"}, "r": {"N": "1"}})

    parts = [events.scan(TableName="events", Segment=n, TotalSegments=3)["Items"] for n in range(3)]

    assert sorted(int(item["h"]["S"]) for part in parts for item in part) == list(range(30))
    assert all(parts)


rows = st.lists(
    st.tuples(
        st.integers(-50, 50),
        st.none() | st.sampled_from(["x", "y"]),
        st.none() | st.binary(min_size=1, max_size=2),
    ),
    max_size=20,
    unique_by=lambda row: row[0],
)


@settings(max_examples=60)
@given(rows, st.integers(1, 5), st.booleans())
def test_pages_of_any_size_give_each_item_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, stored: Any, limit: int, forward: bool
) -> None:
    with Engine(tmp_path_factory.mktemp("pages") / "state.sqlite", synchronous="OFF"):
        client("dynamodb").create_table(**EVENTS)
        for number, hash_key, range_key in stored:
            optional = {"g": {"S": hash_key}, "w": {"B": range_key}}
            put(number, **{name: value for name, value in optional.items() if None not in value.values()})

        found: list[int] = []
        start: dict[str, Any] = {}
        while True:
            page = query("g = :h", "x", IndexName="keys", Limit=limit, ScanIndexForward=forward, **start)
            found += [int(number) for number in numbers(page)]
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    there = [(range_key, number) for number, hash_key, range_key in stored if hash_key == "x" and range_key]
    assert found == [number for _, number in sorted(there, reverse=not forward)]

"""Items of DynamoDB: what is stored, what is refused and in which words, and what it costs."""

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.engine import Engine

PAIR: dict[str, Any] = {
    "TableName": "pairs",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "h", "AttributeType": "S"},
        {"AttributeName": "r", "AttributeType": "N"},
        {"AttributeName": "g", "AttributeType": "S"},
    ],
    "KeySchema": [{"AttributeName": "h", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-g",
            "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
}
KEY = {"h": {"S": "a"}, "r": {"N": "1"}}


@pytest.fixture
def table(dynamodb: Any) -> Any:
    dynamodb.create_table(**PAIR)
    return dynamodb


def code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def message(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Message"])


def put(table: Any, **attributes: Any) -> None:
    table.put_item(TableName="pairs", Item={**KEY, **attributes})


def get(table: Any) -> dict[str, Any]:
    found: dict[str, Any] = table.get_item(TableName="pairs", Key=KEY, ConsistentRead=True)["Item"]
    return found


EVERYTHING = {
    "text": {"S": "é𝄞"},
    "empty": {"S": ""},
    "number": {"N": "12345678901234567890123456789012345678"},
    "binary": {"B": b"\x00\xff"},
    "nothing": {"B": b""},
    "yes": {"BOOL": True},
    "null": {"NULL": True},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2.5"]},
    "binaries": {"BS": [b"a", b"\xff"]},
    "list": {"L": [{"B": b"x"}, {"L": []}, {"M": {"deep": {"BS": [b"y"]}}}]},
    "map": {"M": {"B": {"S": "not binary"}, "m": {"M": {}}}},
}


def test_every_type_comes_back_as_it_was(table: Any) -> None:
    put(table, **EVERYTHING)

    assert get(table) == {**KEY, **EVERYTHING}


def test_an_item_is_read_as_earlier_versions_wrote_it(engine: Engine, table: Any) -> None:
    put(table, **EVERYTHING)
    before = json.JSONEncoder(separators=(",", ":"), default=lambda binary: base64.b64encode(binary).decode())
    with engine.database.writing() as link:
        (made,) = link.execute("SELECT id FROM dynamodb_tables WHERE name='pairs'").fetchone()
        rest = before.encode(EVERYTHING)
        link.execute(f"UPDATE t{made} SET rest=?", (rest,))

    assert "\\u00e9" in rest
    assert get(table) == {**KEY, **EVERYTHING}


def test_a_name_may_be_a_text_of_its_own_class(table: Any) -> None:
    class Name(str):
        __slots__ = ()

    put(table, **{Name("text"): {"S": Name("a")}, "map": {"M": {Name("b"): {"B": b"b"}}}})

    assert get(table) == {**KEY, "text": {"S": "a"}, "map": {"M": {"b": {"B": b"b"}}}}


def test_a_number_that_is_spelled_otherwise_is_the_same_key(table: Any) -> None:
    table.put_item(TableName="pairs", Item={"h": {"S": "a"}, "r": {"N": "1.0"}})

    assert get(table) == KEY


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ({"h": {"S": "a"}}, "Missing the key r in the item"),
        ({"h": {"N": "1"}, "r": {"N": "1"}}, "Type mismatch for key h expected: S actual: N"),
        ({"h": {"S": ""}, "r": {"N": "1"}}, "cannot contain an empty string value. Key: h"),
        ({**KEY, "h": {"S": "x" * 2049}}, "Size of hashkey has exceeded"),
        ({**KEY, "g": {"N": "1"}}, "Type mismatch for Index Key g Expected: S Actual: N IndexName: by-g"),
        ({**KEY, "g": {"S": ""}}, "A value specified for a secondary index key is not supported"),
        ({**KEY, "a": {"SS": []}}, "may not be empty"),
        ({**KEY, "a": {"NS": ["1", "1.0"]}}, "contains duplicates"),
        ({**KEY, "a": {"NULL": False}}, "must have the value of true"),
        ({**KEY, "a": {"N": "many"}}, "cannot be converted to a numeric value"),
        ({**KEY, "a": {"S": "x", "N": "1"}}, "more than one datatypes"),
        ({**KEY, "a": {}}, "is empty, must contain exactly one"),
        ({**KEY, "a": {"S": "x" * 410_000}}, "Item size has exceeded the maximum allowed size"),
    ],
)
def test_an_item_that_cannot_be_is_refused(
    engine: Any, table: Any, item: dict[str, Any], complaint: str
) -> None:
    from local.engine import ServiceError

    with pytest.raises(
        ServiceError, match="ValidationException"
    ) as refused:  # unchecked, as PynamoDB sends it
        engine.call("dynamodb", "PutItem", {"TableName": "pairs", "Item": item})

    assert complaint in refused.value.message
    assert "Items" not in table.scan(TableName="pairs", Select="COUNT")


def test_levels_have_an_end(table: Any) -> None:
    def nested(levels: int) -> dict[str, Any]:
        return {"L": [nested(levels - 1)]} if levels else {"S": "x"}

    put(table, a=nested(32))

    with pytest.raises(ClientError, match="Nesting Levels"):
        put(table, a=nested(33))


@pytest.mark.parametrize(("size", "fits"), [(409_600, True), (409_601, False)])
def test_an_item_has_400_kilobytes_names_included(table: Any, size: int, fits: bool) -> None:
    rest = size - len("ha") - len("r") - 2 - len("body")

    if fits:
        put(table, body={"S": "x" * rest})
        return
    with pytest.raises(ClientError, match="Item size"):
        put(table, body={"S": "x" * rest})


@pytest.mark.parametrize(
    ("expression", "before", "after"),
    [
        ("SET a = :n", {}, {"a": {"N": "2"}}),
        ("SET a = a + :n", {"a": {"N": "0.1"}}, {"a": {"N": "2.1"}}),
        ("SET a = :n - a", {"a": {"N": "5"}}, {"a": {"N": "-3"}}),
        ("SET a = if_not_exists(a, :n)", {"a": {"S": "x"}}, {"a": {"S": "x"}}),
        ("SET a = if_not_exists(b, :n)", {}, {"a": {"N": "2"}}),
        ("SET a = if_not_exists(a, :n) + :n", {}, {"a": {"N": "4"}}),
        ("SET a = list_append(:l, a)", {"a": {"L": [{"S": "y"}]}}, {"a": {"L": [{"S": "x"}, {"S": "y"}]}}),
        ("SET a = b, b = a", {"a": {"S": "1"}, "b": {"S": "2"}}, {"a": {"S": "2"}, "b": {"S": "1"}}),
        ("SET m.x.y = :n", {"m": {"M": {"x": {"M": {}}}}}, {"m": {"M": {"x": {"M": {"y": {"N": "2"}}}}}}),
        ("SET a[7] = :n", {"a": {"L": [{"S": "x"}]}}, {"a": {"L": [{"S": "x"}, {"N": "2"}]}}),
        (
            "REMOVE a[0], a[2]",
            {"a": {"L": [{"S": "0"}, {"S": "1"}, {"S": "2"}, {"S": "3"}]}},
            {"a": {"L": [{"S": "1"}, {"S": "3"}]}},
        ),
        ("REMOVE a, absent", {"a": {"S": "x"}}, {}),
        ("ADD a :n", {}, {"a": {"N": "2"}}),
        ("ADD a :n", {"a": {"N": "-2"}}, {"a": {"N": "0"}}),
        ("ADD s :s", {"s": {"SS": ["a"]}}, {"s": {"SS": ["a", "b"]}}),
        ("DELETE s :s", {"s": {"SS": ["a", "b"]}}, {}),
        ("DELETE s :s", {}, {}),
        ("SET a = :n REMOVE b", {"b": {"S": "x"}}, {"a": {"N": "2"}}),
    ],
)
def test_an_update_does_what_it_says(
    table: Any, expression: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    put(table, **before)
    values = {":n": {"N": "2"}, ":l": {"L": [{"S": "x"}]}, ":s": {"SS": ["a", "b"]}}
    used = {name: value for name, value in values.items() if name in expression}
    given = {"ExpressionAttributeValues": used} if used else {}

    answer = table.update_item(
        TableName="pairs", Key=KEY, UpdateExpression=expression, ReturnValues="ALL_NEW", **given
    )

    assert answer["Attributes"] == get(table) == {**KEY, **after}


def test_an_update_of_nothing_makes_an_item(table: Any) -> None:
    table.update_item(TableName="pairs", Key=KEY)

    assert get(table) == KEY


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("SET h = :n", "Cannot update attribute h. This attribute is part of the key"),
        ("SET a = absent", "refers to an attribute that does not exist in the item"),
        ("SET t = t + :n", "incorrect data type"),
        ("SET absent.x = :n", "document path provided in the update expression is invalid"),
        ("SET a = :n, a.b = :n", "Two document paths overlap"),
        ("SET a.b = :n, a[0] = :n", "Two document paths conflict"),
        ("SET a = :n SET b = :n", 'The "SET" section can only be used once'),
        ("SET a = :absent", "attribute value used in expression is not defined"),
        ("SET #absent = :n", "attribute name used in the document path is not defined"),
        ("SET name = :n", "Attribute name is a reserved keyword; reserved keyword: name"),
        ("SET a = size(t)", "not allowed in an update expression"),
        ("SET a = frob(:n)", "Invalid function name; function: frob"),
        ("SET a :n", "Syntax error"),
        ("ADD a :t", "Incorrect operand type"),
        ("ADD t :n", "incorrect data type"),
        ("", "can not be empty"),
        ("SET a = " + "(" * 200 + ":n" + ")" * 200, "nested too deeply"),
        ("SET a = :n ; REMOVE b", "Syntax error"),
    ],
)
def test_an_update_that_makes_no_sense_is_refused_and_changes_nothing(
    table: Any, expression: str, complaint: str
) -> None:
    put(table, t={"S": "text"})
    values = {
        name: value for name, value in {":n": {"N": "1"}, ":t": {"S": "x"}}.items() if name in expression
    }
    given = {"ExpressionAttributeValues": values} if values else {}

    with pytest.raises(ClientError) as refused:
        table.update_item(TableName="pairs", Key=KEY, UpdateExpression=expression, **given)

    assert code(refused) == "ValidationException"
    assert complaint in message(refused)
    assert get(table) == {**KEY, "t": {"S": "text"}}


ITEM = {
    "n": {"N": "5"},
    "t": {"S": "text"},
    "s": {"NS": ["1", "2"]},
    "l": {"L": [{"S": "x"}, {"N": "1"}]},
    "m": {"M": {"x": {"S": "deep"}}},
}


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("n = :five", True),
        ("n <> :five", False),
        ("absent <> :five", True),
        ("absent = :five", False),
        ("n < :five", False),
        ("n <= :five", True),
        ("t > :five", False),  # of another type
        ("n BETWEEN :one AND :five", True),
        ("n IN (:one, :five)", True),
        ("absent IN (:one)", False),
        ("attribute_exists(m.x)", True),
        ("attribute_exists(m.y)", False),
        ("attribute_not_exists(l[2])", True),
        ("attribute_type(s, :ns)", True),
        ("begins_with(t, :te)", True),
        ("contains(t, :te)", True),
        ("contains(s, :one)", True),
        ("contains(l, :one)", True),
        ("contains(n, :one)", False),
        ("size(t) = :four", True),
        ("size(l) < size(t)", True),
        ("NOT n = :five", False),
        ("n = :one OR n = :five AND t = :te", False),  # AND before OR
        ("(n = :one OR n = :five) AND NOT t = :te", True),
        ("n = :one or n = :five", True),
        (":five = n", True),
    ],
)
def test_a_condition_holds_or_not(table: Any, expression: str, holds: bool) -> None:
    put(table, **ITEM)
    values = {
        ":one": {"N": "1.0"},
        ":four": {"N": "4"},
        ":five": {"N": "5.00"},
        ":te": {"S": "te"},
        ":ns": {"S": "NS"},
    }
    used = {name: value for name, value in values.items() if name in expression}
    request = {"TableName": "pairs", "Key": KEY, "ConditionExpression": expression}
    given = {"ExpressionAttributeValues": used} if used else {}

    if holds:
        table.delete_item(**request, **given)
        return
    with pytest.raises(ClientError) as refused:
        table.delete_item(**request, **given, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert code(refused) == "ConditionalCheckFailedException"
    assert refused.value.response["Item"] == {**KEY, **ITEM}  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("request_part", "complaint"),
    [
        ({"ConditionExpression": "a = :x"}, "attribute value used in expression is not defined"),
        ({"ConditionExpression": "attribute_exists(a)", "ExpressionAttributeNames": {"#a": "a"}}, "unused"),
        ({"ExpressionAttributeNames": {"#a": "a"}}, "can only be specified when using expressions"),
        ({"ConditionExpression": "a = b OR"}, "Syntax error"),
        ({"ConditionExpression": "a = a"}, "must be distinct"),
        (
            {"ConditionExpression": "attribute_exists(:x)", "ExpressionAttributeValues": {":x": {"S": "a"}}},
            "path",
        ),
        ({"ConditionExpression": "begins_with(a)"}, "Incorrect number of operands"),
        (
            {"ConditionExpression": "a < :x", "ExpressionAttributeValues": {":x": {"BOOL": True}}},
            "operand type",
        ),
        ({"ConditionExpression": "x" * 5000}, "Expression size has exceeded"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(
    table: Any, request_part: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ClientError) as refused:
        table.delete_item(TableName="pairs", Key=KEY, **request_part)

    assert code(refused) == "ValidationException"
    assert complaint in message(refused)


@pytest.mark.parametrize(
    ("wanted", "returned"),
    [
        ("NONE", None),
        ("ALL_OLD", {**KEY, "a": {"N": "1"}, "b": {"S": "x"}}),
        ("ALL_NEW", {**KEY, "a": {"N": "2"}, "c": {"N": "2"}}),
        ("UPDATED_OLD", {"a": {"N": "1"}, "b": {"S": "x"}}),
        ("UPDATED_NEW", {"a": {"N": "2"}, "c": {"N": "2"}}),
    ],
)
def test_an_update_returns_what_was_asked_for(table: Any, wanted: str, returned: Any) -> None:
    put(table, a={"N": "1"}, b={"S": "x"})

    answer = table.update_item(
        TableName="pairs",
        Key=KEY,
        UpdateExpression="SET a = :v, c = :v REMOVE b",
        ExpressionAttributeValues={":v": {"N": "2"}},
        ReturnValues=wanted,
    )

    assert answer.get("Attributes") == returned


def test_put_and_delete_return_what_was_there(table: Any) -> None:
    put(table, a={"N": "1"})

    replaced = table.put_item(TableName="pairs", Item=KEY, ReturnValues="ALL_OLD")
    removed = table.delete_item(TableName="pairs", Key=KEY, ReturnValues="ALL_OLD")
    again = table.delete_item(TableName="pairs", Key=KEY, ReturnValues="ALL_OLD")

    assert replaced["Attributes"] == {**KEY, "a": {"N": "1"}}
    assert removed["Attributes"] == KEY
    assert "Attributes" not in again


def test_a_projection_cuts_out_places(table: Any) -> None:
    put(table, **ITEM)

    found = table.get_item(
        TableName="pairs",
        Key=KEY,
        ProjectionExpression="#m.x, l[1], absent",
        ExpressionAttributeNames={"#m": "m"},
    )

    assert found["Item"] == {"m": {"M": {"x": {"S": "deep"}}}, "l": {"L": [{"N": "1"}]}}


@pytest.mark.parametrize(
    ("size", "before", "after", "units", "in_index"),
    [
        (100, {}, {}, 1, None),
        (1500, {}, {}, 2, None),
        (10, {}, {"g": {"S": "x"}}, 1, 1),  # into the index
        (10, {"g": {"S": "x"}}, {"g": {"S": "y"}}, 1, 2),  # out of one place in it, into another
        (10, {"g": {"S": "x"}}, {"g": {"S": "x"}}, 1, None),  # nothing of what it holds changes
        (10, {"g": {"S": "x"}}, {}, 1, 1),  # out of it
    ],
)
def test_a_write_takes_units_of_the_table_and_of_indexes_it_changes(
    table: Any, size: int, before: dict[str, Any], after: dict[str, Any], units: float, in_index: float | None
) -> None:
    if before:
        put(table, **before)
    item = {**KEY, **after, "body": {"S": "x" * size}}

    taken = table.put_item(TableName="pairs", Item=item, ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"]

    assert taken["Table"]["CapacityUnits"] == units
    assert taken.get("GlobalSecondaryIndexes", {}).get("by-g", {}).get("CapacityUnits") == in_index
    assert taken["CapacityUnits"] == units + (in_index or 0)


@pytest.mark.parametrize(
    ("size", "consistent", "units"), [(0, True, 1), (4000, True, 1), (4200, True, 2), (9000, False, 1.5)]
)
def test_a_read_takes_units_by_four_kilobytes(table: Any, size: int, consistent: bool, units: float) -> None:
    if size:
        put(table, body={"S": "x" * size})

    answer = table.get_item(
        TableName="pairs", Key=KEY, ConsistentRead=consistent, ReturnConsumedCapacity="TOTAL"
    )

    assert answer["ConsumedCapacity"] == {"TableName": "pairs", "CapacityUnits": units}


def test_what_is_not_known_fails_by_name(table: Any) -> None:
    with pytest.raises(ClientError, match="does not know dynamodb ExecuteStatement") as refused:
        table.execute_statement(Statement="SELECT * FROM pairs")
    assert code(refused) == "UnknownOperation"

    with pytest.raises(ClientError, match="dynamodb Query with KeyConditions"):
        table.query(TableName="pairs", KeyConditions={})


def test_a_request_of_the_wrong_shape_is_refused_not_crashed(engine: Any, table: Any) -> None:
    import botocore.config
    import botocore.session

    config = botocore.config.Config(parameter_validation=False)
    unchecked = botocore.session.get_session().create_client("dynamodb", config=config)

    for wrong in ({"TableName": "pairs"}, {"TableName": "pairs", "Key": {"h": {"S": 1}, "r": {"N": 1}}}):
        with pytest.raises(ClientError, match="SerializationException"):
            unchecked.get_item(**wrong)


def test_half_a_character_is_refused_not_crashed(table: Any) -> None:
    with pytest.raises(ClientError, match="SerializationException"):
        put(table, a={"S": "\ud800"})
    with pytest.raises(ClientError, match="SerializationException"):
        table.get_item(TableName="pairs", Key={**KEY, "h": {"S": "\ud800"}})

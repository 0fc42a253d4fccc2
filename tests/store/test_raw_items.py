"""Reading items as they come: what is asked for, and what is made of the answers."""

import datetime as dt
from typing import Any

import pytest
from pynamodb.attributes import UTCDateTimeAttribute

from chalicelib.store import raw_items
from chalicelib.store.models import instants
from chalicelib.store.models.node_models import NodeItem
from chalicelib.store.models.task_models import PostingItem, TaskItem
from chalicelib.store.raw_items import RawItem, Stretch
from tests.builders import NOON, at


class FakeClient:
    """A client that answers in turn what it is given, and keeps what it was asked."""

    def __init__(self, *answers: Any):
        self.asked: list[Any] = []
        self._answers = iter(answers)

    def __getattr__(self, _: str) -> Any:
        return lambda **asked: self.asked.append(asked) or next(self._answers)  # type: ignore[func-returns-value]


class FakeConnection:
    def __init__(self, client: FakeClient):
        self.client = client


def answering(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> list[Any]:
    client = FakeClient(*answers)
    monkeypatch.setattr(raw_items, "connection", lambda: FakeConnection(client))
    monkeypatch.setattr(raw_items, "_name", lambda table: table.short_name)
    return client.asked


@pytest.mark.parametrize("instant", [NOON, at(0.000001), at(-0.5)])
def test_an_instant_is_read_as_it_is_written(instant: dt.datetime) -> None:
    abroad = instant.astimezone(dt.timezone(dt.timedelta(hours=2)))

    assert instants.written(abroad) == UTCDateTimeAttribute().serialize(abroad)
    assert instants.moment(instants.written(abroad)) == instant
    assert instants.written(NOON) == "2026-11-23T12:00:00.000000+0000"


@pytest.mark.parametrize(
    ("text", "number"), [("3", 3), ("-3", -3), ("0", 0), ("1.5", 1.5), ("-1e3", -1000.0)]
)
def test_a_number_is_whole_where_it_is_written_so(text: str, number: float) -> None:
    found = raw_items.read(NodeItem, {"counted": {"N": text}}).counted

    assert repr(found) == repr(number)


def test_an_attribute_that_an_item_has_not_is_none() -> None:
    item = raw_items.read(TaskItem, {"task": {"S": "node#task"}})

    assert (item.task, item.text("task"), item.added) == ("node#task", "node#task", None)
    assert item.members == {"task": {"S": "node#task"}}


@pytest.mark.parametrize(
    ("bounds", "condition", "values"),
    [
        ({}, "#0 = :0", {}),
        ({"lower": "a"}, "#0 = :0 AND #1 >= :1", {":1": {"S": "a"}}),
        ({"upper": "b"}, "#0 = :0 AND #1 <= :2", {":2": {"S": "b"}}),
        (
            {"lower": "a", "upper": "b"},
            "#0 = :0 AND #1 BETWEEN :1 AND :2",
            {":1": {"S": "a"}, ":2": {"S": "b"}},
        ),
    ],
)
def test_a_stretch_is_asked_for_with_its_bounds(
    bounds: dict[str, str], condition: str, values: dict[str, Any]
) -> None:
    assert Stretch(("hash", "h"), "range", **bounds).asked() == {
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": {"#0": "hash", **({"#1": "range"} if bounds else {})},
        "ExpressionAttributeValues": {":0": {"S": "h"}, **values},
        "ScanIndexForward": True,
        "ConsistentRead": False,
    }


def test_a_stretch_of_an_index_may_be_read_backwards() -> None:
    asked = Stretch(("hash", "h"), index="states", consistent=True, backwards=True).asked()

    assert (asked["IndexName"], asked["ConsistentRead"], asked["ScanIndexForward"]) == ("states", True, False)


def test_pages_are_read_as_they_are_asked_for_and_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [
        {"Items": [{"place": {"S": "a"}}], "LastEvaluatedKey": "first"},
        {"Items": [], "LastEvaluatedKey": "second"},
        {"Items": [{"place": {"S": "b"}}, {"place": {"S": "c"}}]},
    ]
    asked = answering(monkeypatch, *pages)

    found = raw_items.query(PostingItem, Stretch(("term", "t")), 4, 3)
    assert (next(found).place, len(asked)) == ("a", 1)

    assert [item.place for item in found] == ["b", "c"]
    assert [(one["Limit"], one.get("ExclusiveStartKey")) for one in asked] == [
        (4, None),
        (12, "first"),
        (36, "second"),
    ]
    assert {one["TableName"] for one in asked} == {PostingItem.short_name}


def test_without_a_size_pages_are_as_large_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, {"Items": [], "LastEvaluatedKey": "first"}, {"Items": []})

    assert list(raw_items.query(PostingItem, Stretch(("term", "t")), growing=2)) == []

    assert ["Limit" in one for one in asked] == [False, False]


def test_of_an_item_no_more_is_read_than_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, {"Items": []})

    assert list(raw_items.query(PostingItem, Stretch(("term", "t")), read=("term", "place"))) == []

    assert asked[0]["ProjectionExpression"] == "#r0, #r1"
    assert asked[0]["ExpressionAttributeNames"] == {"#0": "term", "#r0": "term", "#r1": "place"}


@pytest.mark.parametrize("consistent", [True, False])
def test_an_item_is_read_by_its_key(monkeypatch: pytest.MonkeyPatch, consistent: bool) -> None:
    asked = answering(monkeypatch, {"Item": {"name": {"S": "n"}}}, {})

    found = raw_items.get(NodeItem, {"name": "n"}, consistent)

    assert isinstance(found, RawItem)
    assert found.name == "n"
    assert raw_items.get(NodeItem, {"name": "n"}) is None
    assert [one["ConsistentRead"] for one in asked] == [consistent, True]
    assert asked[0]["TableName"] == NodeItem.short_name
    assert asked[0]["Key"] == {"name": {"S": "n"}}


def test_items_are_read_a_hundred_at_a_time_and_those_not_given_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = NodeItem.short_name
    keys = [{"name": f"{number}"} for number in range(120)]
    left = {"UnprocessedKeys": {name: {"Keys": [{"name": {"S": "7"}}]}}}
    asked = answering(
        monkeypatch,
        {"Responses": {name: [{"name": {"S": "0"}}]}, **left},
        {"Responses": {name: [{"name": {"S": "7"}}]}, "UnprocessedKeys": {}},
    )

    found = raw_items.batch_get(NodeItem, keys)

    assert [item.name for item in found] == ["0", "7"]
    wanted = [one["RequestItems"][name] for one in asked]
    assert [[key["name"]["S"] for key in one["Keys"]] for one in wanted] == [
        [f"{number}" for number in range(100)],
        ["7", *(f"{number}" for number in range(100, 120))],
    ]
    assert [one["ConsistentRead"] for one in wanted] == [False, False]


def test_where_nothing_is_asked_for_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answering(monkeypatch) == raw_items.batch_get(NodeItem, []) == []


def test_items_may_be_read_strongly_consistent(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, {"Responses": {}})

    assert raw_items.batch_get(NodeItem, [{"name": "n"}], consistent=True) == []

    assert asked[0]["RequestItems"][NodeItem.short_name]["ConsistentRead"] is True

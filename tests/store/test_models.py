"""The tables as they are made, and told from those of another version."""

import datetime as dt
import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pynamodb.connection import Connection
from pynamodb.exceptions import AttributeNullError, PutError, UpdateError
from pynamodb.models import Model

from chalicelib.store import models
from chalicelib.store.models import DeliveryItem, NodeItem, PostingItem, RunItem, connection
from tests.builders import NOON

pytestmark = pytest.mark.usefixtures("empty_aws")


def test_tables_just_made_are_as_defined() -> None:
    assert models.outdated() == []


@pytest.mark.parametrize("change", ["an index is missing", "an index has another key"])
def test_tables_of_another_version_are_named(change: str) -> None:
    definition = RunItem.definition()
    client = connection().client
    client.delete_table(TableName=definition["TableName"])
    if change == "an index is missing":
        definition["GlobalSecondaryIndexes"] = [
            index for index in definition["GlobalSecondaryIndexes"] if index["IndexName"] != "states"
        ]
    else:
        index = definition["GlobalSecondaryIndexes"][0]
        index["KeySchema"] = [{**index["KeySchema"][0], "AttributeName": "task"}, index["KeySchema"][1]]
    kinds = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    keyed = [definition, *(index for kind in kinds for index in definition[kind])]
    used = {part["AttributeName"] for one in keyed for part in one["KeySchema"]}
    definition["AttributeDefinitions"] = [
        one for one in definition["AttributeDefinitions"] if one["AttributeName"] in used
    ]
    client.create_table(**definition)

    assert models.outdated() == [definition["TableName"]]


def test_threads_that_first_use_a_table_at_once_share_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    first_use = threading.Barrier(4)
    added = Connection.add_meta_table

    def slowly(self: Connection, table: Any) -> None:
        time.sleep(0.05)
        added(self, table)

    monkeypatch.setattr(Connection, "add_meta_table", slowly)
    monkeypatch.setattr(models, "connection", functools.cache(Connection))
    monkeypatch.setattr(RunItem, "_connection", None)

    def use(_: int) -> Any:
        first_use.wait()
        return RunItem._get_connection()

    with ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(use, range(4)))

    assert len({id(table) for table in tables}) == 1
    assert tables[0].connection is models.connection()


RUN: dict[str, Any] = {
    "start": NOON,
    "end": NOON + dt.timedelta(seconds=1.5),
    "state": "pending",
    "begun": None,
    "added": NOON,
    "priority": -3,
    "reason": {"code": "late"},
    "documents": b"\x00\xff",
    "revision": 0,
    "state_key": "node#pending",
}


@pytest.mark.parametrize(
    "item",
    [
        RunItem("node#task", "run", **RUN),
        PostingItem("node#term", "place"),
        NodeItem("node#name", value=False),  # what counts as nothing is a value as well
        NodeItem("node#name", value="", counted=0),
    ],
)
@pytest.mark.parametrize("condition", [None, RunItem.run.does_not_exist(), (RunItem.revision == 3)])
def test_an_item_is_written_as_pynamodb_writes_it(item: models.Table, condition: Any) -> None:
    assert item.get_save_kwargs_from_instance(condition) == Model.get_save_kwargs_from_instance(
        item, condition
    )


def test_defaults_are_written() -> None:
    assert DeliveryItem("run", 1).silent == 0


def test_an_item_that_lacks_an_attribute_is_not_written() -> None:
    with pytest.raises(AttributeNullError, match="state"):
        RunItem("node#task", "run", **{**RUN, "state": None}).save()


def test_an_item_has_no_attribute_that_its_table_has_not() -> None:
    with pytest.raises(ValueError, match="color, size"):
        RunItem("node#task", "run", size=1, color="red")


def test_a_write_whose_condition_does_not_hold_is_refused() -> None:
    item = RunItem("node#task", "run", **RUN)
    item.save(condition=RunItem.run.does_not_exist())

    with pytest.raises(PutError):
        item.save(condition=RunItem.run.does_not_exist())
    with pytest.raises(UpdateError):
        item.update([RunItem.revision.set(1)], condition=RunItem.revision == 5)

    item.update([RunItem.revision.set(1)], condition=RunItem.revision == 0)
    assert RunItem.get("node#task", "run").revision == 1

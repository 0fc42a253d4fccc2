"""The tables as they are made, and told from those of another version."""

import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pynamodb.connection import Connection

from chalicelib.store import models
from chalicelib.store.models import RunItem, connection

pytestmark = pytest.mark.usefixtures("moto_engine")


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

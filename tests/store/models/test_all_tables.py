"""The tables as they are made, and told from those of another version."""

import pytest

from chalicelib.store.models.all_tables import outdated
from chalicelib.store.models.connection import connection
from chalicelib.store.models.run_models import RunItem

pytestmark = pytest.mark.usefixtures("empty_aws")


def test_tables_just_made_are_as_defined() -> None:
    assert outdated() == []


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

    assert outdated() == [definition["TableName"]]

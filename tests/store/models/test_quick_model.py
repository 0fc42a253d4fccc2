"""Items as they are written, beside what PynamoDB would write."""

import datetime as dt
from typing import Any

import pytest
from pynamodb.exceptions import AttributeNullError, PutError, UpdateError
from pynamodb.models import Model

from chalicelib.store.models.base import Table
from chalicelib.store.models.delivery_models import DeliveryItem
from chalicelib.store.models.node_models import NodeItem
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.models.task_models import PostingItem
from tests.builders import NOON

pytestmark = pytest.mark.usefixtures("empty_aws")

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
def test_an_item_is_written_as_pynamodb_writes_it(item: Table, condition: Any) -> None:
    assert item.get_save_kwargs_from_instance(condition) == Model.get_save_kwargs_from_instance(
        item, condition
    )


def test_what_a_condition_met_is_asked_for_as_pynamodb_asks_for_it() -> None:
    item, condition = RunItem("node#task", "run", **RUN), RunItem.run.does_not_exist()

    asked = item.get_save_kwargs_from_instance(condition, "ALL_OLD")

    assert asked == Model.get_save_kwargs_from_instance(item, condition, "ALL_OLD")
    assert "ALL_OLD" in asked.values()


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

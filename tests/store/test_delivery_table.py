"""Deliveries in the store: they come back whole, and are counted by when they are due. On moto."""

import dataclasses

import pytest

from chalicelib.domain.delivery import ANNOUNCED, JUST_STORED, Delivery
from chalicelib.domain.delivery_states import DeliveryState
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.store import delivery_table, shards
from tests.builders import NODE, NOON, at, seconds

pytestmark = pytest.mark.usefixtures("moto_engine")
RUN = RunId("aaaaaaaa-0000-4000-8000-000000000000")
WHOLE = Delivery(
    node=NODE,
    run=RUN,
    number=3,
    task=TaskId("task"),
    spec={"archiver": "http", "data": {"_url": "u"}, "label": "l"},
    added=NOON,
    deadline=at(600),
    attempts=2,
    silent=1,
    last_attempt=at(5),
    diags=({"error": "e"},),
    next_attempt=at(185),
    lane="lane",
    announced=at(60),
    document={"a": 1},
    revision=4,
)
WAITING = dataclasses.replace(WHOLE, silent=0, announced=None, next_attempt=at(10))


def store(delivery: Delivery) -> Delivery:
    delivery_table.to_item(delivery).save()
    return delivery


@pytest.mark.parametrize(
    "delivery",
    [
        WHOLE,
        WAITING,
        dataclasses.replace(WHOLE, completed=True, archived=True, next_attempt=None, announced=None),
        Delivery(NODE, RUN, 0, TaskId("task"), {"archiver": "tcp", "data": {}}, NOON),
    ],
)
def test_a_delivery_comes_back_as_it_was_stored(delivery: Delivery) -> None:
    store(delivery)

    assert delivery_table.get(NODE, RUN, delivery.number) == delivery
    assert delivery_table.of_run(NODE, RUN) == [delivery]
    with pytest.raises(NotFound):
        delivery_table.get(NodeName("another"), RUN, delivery.number)


def test_a_delivery_is_written_over_what_it_was_made_from_alone() -> None:
    written = delivery_table.change(store(WAITING))

    assert written.revision == 5
    with pytest.raises(Conflict, match="changed meanwhile"):
        delivery_table.change(WAITING)


def test_those_to_be_attempted_are_counted_apart_from_those_of_later() -> None:
    store(WAITING)  # due at 10
    store(dataclasses.replace(WAITING, number=1, next_attempt=at(20)))
    store(dataclasses.replace(WAITING, number=2, announced=at(100)))  # on its way already
    store(dataclasses.replace(WAITING, number=4, completed=True, next_attempt=None))

    assert [delivery_table.count_due(NODE, at(second)) for second in (9, 10, 20)] == [1, 2, 3]
    assert [delivery_table.count_upcoming(NODE, at(second)) for second in (9, 10, 20)] == [2, 1, 0]
    assert delivery_table.count_due(NodeName("another"), at(20)) == 0


def test_one_that_was_announced_is_due_again_only_when_it_was_not_heard_of() -> None:
    store(WAITING)
    shard = shards.of(RUN)
    (due,) = delivery_table.due(shard, at(10), 10)
    assert (due.node, due.run, due.number, due.lane, due.revision) == (NODE, RUN, 3, "lane", 4)
    assert delivery_table.due(shard, at(9), 10) == []

    delivery_table.announce(due, at(10))

    assert delivery_table.due(shard, at(10) + ANNOUNCED - seconds(1), 10) == []
    assert delivery_table.due(shard, at(10) + ANNOUNCED, 10) == [due]
    assert delivery_table.get(NODE, RUN, 3).announced == at(10) + ANNOUNCED
    with pytest.raises(Conflict):
        delivery_table.announce(dataclasses.replace(due, revision=3), at(10))


def test_those_in_a_state_are_listed_in_the_order_their_results_came_to_be() -> None:
    first, second = (
        store(dataclasses.replace(WAITING, number=number, added=at(number), announced=at(1) + JUST_STORED))
        for number in (1, 2)
    )

    assert list(delivery_table.in_state(NODE, DeliveryState.WAITING, None)) == [first, second]
    behind = (first.added, delivery_table.place_name(RUN, 1))
    assert list(delivery_table.in_state(NODE, DeliveryState.WAITING, behind)) == [second]
    assert list(delivery_table.in_state(NODE, DeliveryState.FAILED, None)) == []
    delivery_table.delete([first, second])
    assert delivery_table.of_run(NODE, RUN) == []

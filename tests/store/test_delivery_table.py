"""Deliveries in the store: they come back whole, and are counted by when they are due."""

import dataclasses

import pytest

from chalicelib.domain.delivery import ANNOUNCED, JUST_STORED, Delivery
from chalicelib.domain.delivery_states import DeliveryState
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN
from chalicelib.store import delivery_table, shards
from chalicelib.store.models.delivery_models import DeliveryItem
from tests.builders import NODE, NOON, at, seconds

pytestmark = pytest.mark.usefixtures("empty_aws")
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
    with pytest.raises(NotFound, match=f"There is no delivery {delivery.number} of run {RUN}"):
        delivery_table.get(NodeName("another"), RUN, delivery.number)


def test_a_delivery_is_written_over_what_it_was_made_from_alone() -> None:
    written = delivery_table.change(store(WAITING))

    assert written.revision == 5
    assert delivery_table.get(NODE, RUN, 3) == written
    with pytest.raises(Conflict, match=f"Delivery 3 of run {RUN} changed meanwhile"):
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
    with pytest.raises(Conflict, match=f"Delivery 3 of run {RUN} changed meanwhile"):
        delivery_table.announce(dataclasses.replace(due, revision=3), at(10))


def test_those_that_were_not_announced_come_first_and_so_many() -> None:
    late, later, early = (
        store(dataclasses.replace(WAITING, number=number, next_attempt=at(second)))
        for number, second in ((0, 9), (1, 10), (2, 8))
    )
    again, never = (
        store(dataclasses.replace(WAITING, number=number, announced=at(second)))
        for number, second in ((4, 5), (5, 11))
    )
    shard = shards.of(RUN)

    def numbers(most: int) -> list[int]:
        return [due.number for due in delivery_table.due(shard, at(10), most)]

    assert numbers(9) == [early.number, late.number, later.number, again.number]
    assert numbers(2) == [early.number, late.number]
    assert delivery_table.due(shard + 1, at(10), 9) == []
    assert never.announced == at(11)


def test_a_delivery_is_kept_as_long_again_as_its_run() -> None:
    item = delivery_table.to_item(dataclasses.replace(WHOLE, added=at(0.5)))

    assert item.expires == (at(1) + 2 * KEEP_AFTER_LAST_RUN).timestamp()
    assert (item.archiving, item.look_at) == (f"#announced#{shards.of(RUN)}", at(60))


@pytest.mark.parametrize(("number", "name"), [(1, "run/000001"), (20.0, "run/000020")])
def test_places_of_one_run_sort_as_its_numbers_do(number: float, name: str) -> None:
    assert delivery_table.place_name("run", number) == name


def test_lists_are_read_in_parts_and_leave_out_what_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [store(dataclasses.replace(WAITING, number=number)) for number in range(5)]
    read: list[int] = []
    batch_get = DeliveryItem.batch_get
    monkeypatch.setattr(DeliveryItem, "batch_get", lambda keys: read.append(len(keys)) or batch_get(keys[1:]))

    found = list(delivery_table.in_state(NODE, DeliveryState.WAITING, None, page_size=2))

    assert found == [listed[1], listed[3]]
    assert read == [2, 2, 1]


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

"""Postings: written and deleted with their tasks, and read no further than the shortest list goes."""

import datetime as dt
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from bench.capacity_units import counted
from chalicelib.domain.conflicts import Range
from chalicelib.domain.errors import Conflict, Overtaken
from chalicelib.domain.run import occupation
from chalicelib.domain.task import Task
from chalicelib.domain.task_filter import TaskFilter
from chalicelib.domain.task_terms import of_filter
from chalicelib.store import postings, task_table, timeline
from chalicelib.store.list_order import Place
from chalicelib.store.models.task_models import PostingItem
from chalicelib.store.transactions import sharing
from chalicelib.store.transactions.booking import Booking, Time, commit
from local import environment
from local.engine import Engine
from tests.builders import NODE, NOON, at, exclusive_task, run, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")

EVERYTHING = 1 << 30


def made(number: int, **changes: Any) -> Task:
    """A task of one group in ten."""
    document = {**task().document, "reference": {"serial": number, "group": number % 10}}
    return task(**{"document": document, "added": at(number), **changes})


def stored(*tasks: Task) -> list[Task]:
    for one in tasks:
        commit(Booking(None, one, ()), NOON)
    return list(tasks)


def found(wanted: TaskFilter, after: Place | None = None) -> list[str]:
    return list(postings.found(NODE, of_filter(wanted), after, EVERYTHING))


def all_postings() -> list[Any]:
    return list(PostingItem.scan())


def test_tasks_are_found_in_the_order_they_were_added() -> None:
    late, early, middle = stored(made(20), made(0), made(10))

    assert found(TaskFilter(reference={"group": 0})) == [early.uuid, middle.uuid, late.uuid]


def test_a_search_goes_on_behind_a_place() -> None:
    first, second, third = stored(made(0), made(10), made(20))

    assert found(TaskFilter(reference={"group": 0}), (first.added, first.uuid)) == [second.uuid, third.uuid]
    assert found(TaskFilter(reference={"group": 0}), (at(11), "")) == [third.uuid]


def test_what_has_one_term_and_not_the_other_is_left_out() -> None:
    one, other = stored(made(1), made(1, enabled=False))

    assert found(TaskFilter(reference={"serial": 1}, enabled=True)) == [one.uuid]
    assert found(TaskFilter(reference={"serial": 1}, enabled=False)) == [other.uuid]
    assert found(TaskFilter(reference={"serial": 2}, enabled=True)) == []


def test_a_task_that_is_disabled_is_found_as_that() -> None:
    (one,) = stored(made(1))

    task_table.disable(one, NOON)

    assert found(TaskFilter(enabled=True)) == []
    assert found(TaskFilter(enabled=False)) == [one.uuid]


def test_a_task_of_several_is_found_before_and_after_it_is_enabled() -> None:
    one = made(1, enabled=False)
    sharing.insert(one, NOON)
    assert found(TaskFilter(enabled=False)) == [one.uuid]

    sharing.enable(one.evolve(enabled=True), NOON)

    assert found(TaskFilter(enabled=False)) == []
    assert found(TaskFilter(enabled=True, test="idle")) == [one.uuid]


def test_a_task_that_is_not_stored_leaves_no_posting() -> None:
    (one,) = stored(made(1))
    known = len(all_postings())

    with pytest.raises(Overtaken):
        commit(Booking(None, made(2, uuid=one.uuid), ()), NOON)

    assert len(all_postings()) == known


def test_postings_go_with_their_task() -> None:
    one, other = stored(made(1), made(2))

    with pytest.raises(Conflict):
        task_table.delete(one.counting([NOON], NOON))
    assert found(TaskFilter(reference={"serial": 1})) == [one.uuid]
    task_table.delete(one)
    task_table.disable(other, NOON)
    task_table.delete(other.evolve(enabled=False))

    assert all_postings() == []


def test_a_run_of_a_day_leaves_no_room_for_postings_and_its_task_has_them_all_the_same() -> None:
    day = dt.timedelta(days=1)
    owner = exclusive_task(
        duration=day, document={**made(7).document, "test": {"type": "idleex", "spec": {}}}
    )
    first = run(owner, 1)
    taken = occupation(first, owner)
    assert taken is not None
    time = Time(taken, timeline.snapshot(NODE, [Range(first.start, first.end)]).guards)

    commit(Booking(None, owner, [first], [time]), NOON)

    assert found(TaskFilter(reference={"serial": 7}, test="idleex")) == [owner.uuid]


@pytest.fixture
def embedded(tmp_path: pathlib.Path) -> Iterator[None]:
    """The embedded engine, whichever the others have: moto copies all tables for a transaction."""
    with Engine(tmp_path / "state.sqlite", synchronous="OFF"):
        environment.create_everything()
        yield


def test_the_cost_of_a_search_follows_its_matches_not_the_tasks(embedded: None) -> None:
    def cost() -> float:
        wanted = TaskFilter(reference={"rare": True}, test="idle", tool="snooze", enabled=True)
        with counted() as units:
            assert len(found(wanted)) == 3
        return units.units

    rare = {**task().document, "reference": {"rare": True}}
    stored(*(task(document=rare, added=at(number)) for number in range(3)))
    stored(*(made(number) for number in range(97)))
    with_few = cost()
    stored(*(made(number) for number in range(97, 1000)))

    assert cost() == with_few


def test_the_shortest_list_is_the_one_that_is_read(embedded: None) -> None:
    stored(*(made(number) for number in range(300)))

    with counted() as both:
        assert len(found(TaskFilter(reference={"serial": 150}, test="idle"))) == 1
    with counted() as one:
        assert len(found(TaskFilter(test="idle"))) == 300

    assert both.calls <= 4
    assert both.units < one.units


def test_equal_instants_are_told_apart_by_identifier() -> None:
    tasks = sorted(stored(*(made(0, added=NOON + seconds(0)) for _ in range(5))), key=lambda one: one.uuid)

    assert found(TaskFilter(tool="snooze"), (NOON, tasks[1].uuid)) == [one.uuid for one in tasks[2:]]

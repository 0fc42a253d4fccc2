"""Results stored with what is to be delivered of them, or not at all."""

from collections.abc import Sequence

import pytest

from chalicelib.domain.delivery import Delivery
from chalicelib.domain.errors import NotFound, StaleRun
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.store import changes, delivery_table, run_table, task_table
from chalicelib.store.transactions import recording
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NODE, NOON, run, task

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture
def owner() -> Task:
    one = task()
    commit(Booking(None, one, ()), NOON)
    return one


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    written: list[Run] = []
    monkeypatch.setattr(changes, "run_written", written.append)
    return written


def deliveries(one: Run, count: int = 2) -> Sequence[Delivery]:
    spec = {"archiver": "bitbucket", "data": {}}
    return [Delivery(NODE, one.uuid, number, one.task, spec, NOON) for number in range(count)]


@pytest.mark.parametrize("count", [0, 2])
def test_a_run_that_is_over_is_written_over_what_it_was_made_from(
    owner: Task, heard: list[Run], count: int
) -> None:
    one = run(owner, state=State.RUNNING, began=True)
    commit(Booking(owner, owner, [one]), NOON)
    heard.clear()

    written = recording.finish(one.evolve(state=State.FINISHED), deliveries(one, count))

    assert written == one.evolve(state=State.FINISHED, revision=1)
    assert run_table.get(NODE, owner.uuid, one.uuid) == written
    assert delivery_table.of_run(NODE, one.uuid) == deliveries(one, count)
    assert heard == [written]
    with pytest.raises(StaleRun, match=f"Run {one.uuid} changed meanwhile"):
        recording.finish(one.evolve(state=State.FAILED), deliveries(one, 3))
    assert len(delivery_table.of_run(NODE, one.uuid)) == count


def test_what_is_to_be_delivered_already_stops_the_whole(owner: Task) -> None:
    one = run(owner, state=State.RUNNING)
    commit(Booking(owner, owner, [one]), NOON)
    delivery_table.to_item(deliveries(one)[1]).save()

    with pytest.raises(StaleRun):
        recording.finish(one.evolve(state=State.FINISHED), deliveries(one))

    assert run_table.get(NODE, owner.uuid, one.uuid).state is State.RUNNING
    assert delivery_table.of_run(NODE, one.uuid) == [deliveries(one)[1]]


def test_a_result_of_a_task_that_streams_is_counted_and_there_once(owner: Task, heard: list[Run]) -> None:
    one = run(owner, state=State.FINISHED, dispatched=True)

    recording.append(one, deliveries(one))

    assert run_table.get(NODE, owner.uuid, one.uuid) == one
    assert delivery_table.of_run(NODE, one.uuid) == deliveries(one)
    assert heard == [one]
    with pytest.raises(StaleRun, match=f"Run {one.uuid} changed meanwhile"):
        recording.append(one, ())
    assert task_table.get(NODE, owner.uuid).progress.runs == 1


def test_a_result_of_a_task_that_is_gone_is_not_stored() -> None:
    one = run(task(), state=State.FINISHED)

    with pytest.raises(StaleRun, match=f"Run {one.uuid} changed meanwhile"):
        recording.append(one, deliveries(one))

    with pytest.raises(NotFound):
        run_table.get(NODE, one.task, one.uuid)
    assert delivery_table.of_run(NODE, one.uuid) == []

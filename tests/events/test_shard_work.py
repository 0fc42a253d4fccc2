"""A shard of which a tick has too much to do is worked off by a function of its own."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.alerts import Alert
from chalicelib.domain.delivery import JUST_STORED
from chalicelib.domain.messages import Message, PerformRun, WorkOffShard
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run_states import State
from chalicelib.domain.series import GRACE, HOUR, series_of
from chalicelib.events import queue_handlers
from chalicelib.infrastructure import queues, shard_work
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.alerts import watch
from chalicelib.service.archiving import announce
from chalicelib.service.execution import reaper, results
from chalicelib.service.scheduling import dispatch_tick
from chalicelib.service.scheduling.placement import place_next
from chalicelib.service.series import hourly_rollups
from chalicelib.settings import forget_settings
from chalicelib.store import alert_table, delivery_table, due_runs, run_items, run_table, series_table, shards
from chalicelib.store.transactions.booking import New
from tests.builders import NODE, NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")

COUNT = 7


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """All that is sent, which it is."""
    found: list[Message] = []
    for name in ("send_many", "send_at"):
        monkeypatch.setattr(queues, name, noting(getattr(queues, name), found))
    return found


def noting(send: Any, found: list[Message]) -> Any:
    def noted(queue: queues.Queue, outgoing: Any) -> None:
        found.extend(message for message, _ in outgoing)
        send(queue, outgoing)

    return noted


@pytest.fixture
def on_lambda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PSCHEDULER_LONGEST_RUN", "840")
    monkeypatch.setattr(shard_work, "AT_TICK", 3)
    forget_settings()
    yield
    monkeypatch.undo()
    forget_settings()


def placed(**changes: Any) -> list[Any]:
    early = NOON - dt.timedelta(hours=1)
    found = []
    for number in range(COUNT):
        one = task(schedule=Schedule(start=at(30 + number), max_runs=1), added=early, **changes)
        found.append(place_next(one.replanned(early), early, New()))
    return found


@pytest.fixture(autouse=True)
def _one_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "of", lambda uuid: 2)


def handle(message: Message, now: dt.datetime) -> None:
    queue_handlers.handle(message, now, Machine())


def left(what: str) -> list[Message]:
    return [WorkOffShard(NODE, what, 2)]


@pytest.mark.usefixtures("on_lambda")
def test_runs_are_dispatched_by_a_function_of_their_shard(sent: list[Message]) -> None:
    runs = [each.runs[0].uuid for each in placed()]
    sent.clear()

    assert dispatch_tick.tick(NOON) == 0
    assert sent == left("dispatch")
    sent.clear()
    handle(left("dispatch")[0], NOON)

    assert [message.run for message in sent if isinstance(message, PerformRun)] == runs


def test_on_one_machine_the_tick_does_all_of_it(sent: list[Message], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_work, "AT_TICK", 3)
    runs = [each.runs[0].uuid for each in placed()]
    sent.clear()

    assert dispatch_tick.tick(NOON) == COUNT

    assert [message.run for message in sent if isinstance(message, PerformRun)] == runs


@pytest.mark.usefixtures("on_lambda")
def test_what_is_over_its_time_is_ended_by_a_function_of_its_shard(sent: list[Message]) -> None:
    found = placed()
    for each in found:
        run_table.change(each.runs[0].evolve(dispatched=True))
    sent.clear()
    later = at(30 + COUNT) + run_items.GRACE

    reaper.tick(later)
    assert left("reap")[0] in sent
    assert len(missed(found)) == 3
    handle(left("reap")[0], later)

    assert len(missed(found)) == COUNT


@pytest.mark.usefixtures("on_lambda")
def test_what_goes_on_is_filed_for_when_it_should_be_over_by_a_function_of_its_shard() -> None:
    found = placed(duration=seconds(20))
    for each in found:
        run_table.change(each.runs[0].evolve(state=State.RUNNING))

    handle(left("reap")[0], at(30 + COUNT) + run_items.GRACE)

    due = due_runs.due(run_items.GIVE_UP, 2, at(300), 9)
    assert {each.run for each in due} == {each.runs[0].uuid for each in found}


def missed(found: list[Any]) -> list[Any]:
    runs = [run_table.get(NODE, each.task.uuid, each.runs[0].uuid) for each in found]
    return [run for run in runs if run.state is State.MISSED]


@pytest.mark.usefixtures("on_lambda")
def test_deliveries_are_announced_by_a_function_of_their_shard(sent: list[Message]) -> None:
    archives = [{"archiver": "bitbucket", "data": {}}]
    for each in placed(document={**task().document, "archives": archives}):
        run = each.runs[0].evolve(state=State.RUNNING).evolve(state=State.FINISHED)
        results.record(each.task, run.with_documents(result_merged={"succeeded": True}), NOON)
    later = NOON + JUST_STORED

    assert announce.tick(later) == 3
    assert left("announce")[0] in sent
    handle(left("announce")[0], later)

    assert delivery_table.due(2, later, 9) == []


@pytest.mark.usefixtures("on_lambda")
def test_series_are_rolled_up_and_alerts_looked_at_by_functions_of_their_shard(sent: list[Message]) -> None:
    for number in range(COUNT):
        spec = {"schema": 1, "test": {"type": "idle", "spec": {"duration": f"PT{number + 1}S"}}}
        series = series_of(spec, "snooze", ["here"])
        series_table.add(NODE, series, NOON, NOON)
        alert_table.put(Alert(NODE, "loss", series, NOON, NOON), NOON, [])
    later = NOON + 6 * HOUR + GRACE

    assert (hourly_rollups.tick(later), watch.tick(later)) == (0, 0)
    assert sent == [*left("roll-up"), *left("look")]
    for message in tuple(sent):
        handle(message, later)

    assert series_table.due(2, later, 9) == alert_table.due(2, later, 9) == []


@pytest.mark.usefixtures("on_lambda")
def test_who_has_no_time_left_leaves_the_rest_to_the_next_tick(
    sent: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    placed()
    sent.clear()
    monkeypatch.setattr(shard_work, "SECONDS", 0.0)

    handle(left("dispatch")[0], NOON)

    assert sent == []
    dispatch_tick.tick(NOON)
    assert sent == left("dispatch")


def test_work_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(TypeError, match="Nobody knows how to dance"):
        handle(WorkOffShard(NODE, "dance", 0), NOON)


@pytest.mark.parametrize(("shards_there_are", "most"), [(1, 400), (4, 100), (8, 50), (256, 1), (1000, 1)])
def test_a_tick_does_no_more_for_there_being_more_shards(
    shards_there_are: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSCHEDULER_LONGEST_RUN", "840")
    monkeypatch.setenv("PSCHEDULER_SHARDS", str(shards_there_are))
    forget_settings()

    assert shard_work.most(1000) == most

    monkeypatch.undo()
    forget_settings()
    assert shard_work.most(1000) == 1000  # where no function takes over what is left

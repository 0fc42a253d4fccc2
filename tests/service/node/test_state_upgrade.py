"""What an earlier version stored is found by the ticks, though it was filed by node."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.alerts import Alert
from chalicelib.domain.delivery import JUST_STORED
from chalicelib.domain.messages import AttemptDelivery, AttemptOutboxRequest, PerformRun, PlanShard
from chalicelib.domain.names import NodeName
from chalicelib.domain.outbox_request import withdrawal
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run_states import State
from chalicelib.domain.series import GRACE, HOUR, series_of
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN
from chalicelib.events import clock_handlers
from chalicelib.infrastructure import queues
from chalicelib.service.archiving import announce
from chalicelib.service.coordination import shard_planner
from chalicelib.service.execution import reaper, results
from chalicelib.service.node import state_upgrade
from chalicelib.service.scheduling import dispatch_tick
from chalicelib.service.scheduling.placement import place_next
from chalicelib.settings import forget_settings
from chalicelib.store import (
    alert_table,
    due_runs,
    node_table,
    outbox_table,
    run_items,
    run_table,
    series_table,
    shards,
    task_table,
)
from chalicelib.store import refiled_items as store
from chalicelib.store.models.base import Table
from chalicelib.store.models.item_keys import owner
from chalicelib.store.refiled_items import ARCHIVING, DUE, LOOK, OUTBOX, PLAN, ROLLING, Index
from chalicelib.store.transactions.booking import Booking, New, commit
from tests import signs_of_life
from tests.builders import NODE, NOON, at, seconds, task
from tests.requests_sent import counted

pytestmark = pytest.mark.usefixtures("empty_aws")

SECOND_NODE = NodeName("second")


@pytest.fixture(autouse=True)
def _two_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PSCHEDULER_NODES", "second=second.example")
    forget_settings()
    state_upgrade.forget()
    yield
    monkeypatch.undo()
    forget_settings()
    state_upgrade.forget()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All that is sent, whenever it is to arrive."""
    found: list[Any] = []
    for name in ("send_many", "send_at"):
        monkeypatch.setattr(
            queues, name, lambda queue, outgoing: found.extend(message for message, _ in outgoing)
        )
    return found


def as_it_was(index: Index) -> int:
    """File all there is in an index by node, as the version before did; how many items that were."""
    count = 0
    for item in index.table.scan():
        where = getattr(item, index.attribute)
        if where is None:
            continue
        why = where.rpartition("#")[0] if index is OUTBOX else where
        node = _owner(index.table, item)
        attribute = index.table.get_attributes()[index.attribute]
        item.update([attribute.set(f"{node}{why}")])
        count += 1
    return count


def _owner(table: type[Table], item: Any) -> str:
    hash_key = getattr(item, table._hash_keyname or "")
    return hash_key if table._hash_keyname == "node_key" else owner(hash_key)


def placed(start: float, node: NodeName = NODE, **changes: Any) -> Any:
    """A task with a run so many seconds after noon, placed long before."""
    early = NOON - dt.timedelta(hours=1)
    one = task(node=node, schedule=Schedule(start=at(start), max_runs=1), added=early, **changes)
    return place_next(one.replanned(early), early, New())


def test_runs_to_be_dispatched(sent: list[Any]) -> None:
    runs = {placed(30, node).runs[0].uuid for node in (NODE, SECOND_NODE)}
    sent.clear()
    assert as_it_was(DUE) == 2

    assert dispatch_tick.tick(NOON) == 2

    assert {message.run for message in sent if isinstance(message, PerformRun)} == runs
    assert {message.node for message in sent} == {NODE, SECOND_NODE}


def test_runs_to_be_given_up_and_forgotten() -> None:
    found = placed(30)
    (run,) = found.runs
    run_table.change(run.evolve(state=State.PENDING, dispatched=True))
    assert as_it_was(DUE) == 1

    reaper.tick(at(30) + run_items.GRACE)

    missed = run_table.get(NODE, run.task, run.uuid)
    assert missed.state is State.MISSED
    as_it_was(DUE)
    signs_of_life.leave("ticker", run.end + KEEP_AFTER_LAST_RUN + seconds(60))
    reaper.tick(run.end + KEEP_AFTER_LAST_RUN + seconds(60))
    assert list(run_table.in_order(NODE, run.task)) == []


def test_tasks_to_be_planned_and_forgotten(sent: list[Any]) -> None:
    wanting = task(plan_at=NOON)
    over = task(plan_at=None)
    for one in (wanting, over):
        commit(Booking(None, one, ()), NOON)
    assert as_it_was(PLAN) == 2

    shard_planner.tick(NOON)

    (message,) = sent
    assert isinstance(message, PlanShard)
    assert task_table.due(message.shard, NOON, 9) == [(NODE, wanting.uuid)]
    signs_of_life.leave("ticker", NOON + KEEP_AFTER_LAST_RUN)
    reaper.tick(NOON + KEEP_AFTER_LAST_RUN)
    assert task_table.get_many(NODE, [wanting.uuid, over.uuid]).keys() == {wanting.uuid}


def test_deliveries_to_be_announced_and_announced_again(sent: list[Any]) -> None:
    archives = [{"archiver": "bitbucket", "data": {}}]
    found = placed(30, document={**task().document, "archives": archives})
    run = found.runs[0].evolve(state=State.RUNNING).evolve(state=State.FINISHED)
    results.record(found.task, run.with_documents(result_merged={"succeeded": True}), NOON)
    sent.clear()
    later = NOON + JUST_STORED

    for _ in range(2):
        assert as_it_was(ARCHIVING) == 1
        later += dt.timedelta(hours=1)
        assert announce.tick(later) == 1

    assert [type(message) for message in sent] == [AttemptDelivery] * 2


def test_requests_to_other_nodes(sent: list[Any]) -> None:
    shared = task(participants=("a", "b"), participant_key="k")
    fresh, tried = (withdrawal(shared, "b", NOON, run=str(n)) for n in range(2))
    outbox_table.add([fresh, tried])
    outbox_table.claim(tried, NOON)
    assert as_it_was(OUTBOX) == 2

    reaper.tick(NOON + dt.timedelta(minutes=10))

    asked = {message.outbox_request for message in sent if isinstance(message, AttemptOutboxRequest)}
    assert asked == {fresh.uuid, tried.uuid}
    assert outbox_table.length(NODE) == 2


def test_series_to_be_rolled_up_and_alerts_to_be_looked_at() -> None:
    series = series_of(task().document, "snooze", ["here"])
    series_table.add(NODE, series, NOON, NOON)
    alert = alert_table.put(Alert(NODE, "loss", series, NOON, NOON), NOON, [])
    assert (as_it_was(ROLLING), as_it_was(LOOK)) == (1, 1)
    later = NOON + 6 * HOUR + GRACE

    reaper.tick(later)

    shard = shards.of(series.uuid)
    assert series_table.due(shard, later, 9) == [(NODE, series.uuid)]
    assert alert_table.due(shard, later, 9) == [(NODE, alert.id)]


def test_what_is_changed_while_it_is_filed_anew_keeps_its_place() -> None:
    found = placed(30)
    as_it_was(DUE)
    moving = store._places("dispatch", NODE)
    run_table.change(found.runs[0].evolve(state=State.ON_DECK))  # files it by the new rule

    for index, old, new in moving:
        store._move(index, old, new, 10)

    (run,) = run_table.in_order(NODE, found.task.uuid)
    whole = run_table.get(NODE, found.task.uuid, run.uuid)
    assert whole.state is State.ON_DECK
    assert [due.run for shard in range(4) for due in due_runs.due(run_items.DISPATCH, shard, at(60), 9)] == [
        run.uuid
    ]


def test_many_are_filed_in_turn_those_first_that_are_due_first(
    sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_upgrade, "AT_ONCE", 1)
    uuids = [f"0000000{n}-0000-4000-8000-000000000000" for n in (0, 4, 8)]  # of one shard
    for uuid, when in zip(uuids, (30, 0, 60), strict=True):
        commit(Booking(None, task(uuid=uuid, plan_at=at(when)), ()), NOON)
    as_it_was(PLAN)

    found = []
    for _ in range(3):
        shard_planner.tick(at(60))
        found.append([uuid for _, uuid in task_table.due(0, at(60), 9)])

    assert found[0] == [uuids[1]]
    assert found[2] == [uuids[1], uuids[0], uuids[2]]


def test_after_an_hour_without_any_nobody_looks() -> None:
    def asked(when: float) -> int:
        with counted() as sent:
            shard_planner.tick(at(when))
        return sent.count("Query")

    looks = [asked(when) for when in (0, 60, 3599, 3600, 3660)]

    assert looks == [12, 12, 12, 12, 4]


def test_an_hour_begins_anew_where_something_was_found(sent: list[Any]) -> None:
    shard_planner.tick(NOON)
    commit(Booking(None, task(plan_at=at(9000)), ()), NOON)
    as_it_was(PLAN)
    shard_planner.tick(at(3000))  # an earlier version was still at work

    assert node_table.read(NODE, "readdressed-plan") is None
    shard_planner.tick(at(3060))
    assert node_table.read(NODE, "readdressed-plan") is not None


def test_every_index_that_is_looked_into_is_filed_anew() -> None:
    """A new reason to be due that is not named in REASONS would be lost: each tick asks for no other."""
    known = {index for places in store.REASONS.values() for index, _ in places}

    assert known == {DUE, PLAN, ARCHIVING, OUTBOX, ROLLING, LOOK}
    assert {name.removesuffix("_tick") for name in vars(clock_handlers) if name.endswith("_tick")} == set(
        store.REASONS
    )

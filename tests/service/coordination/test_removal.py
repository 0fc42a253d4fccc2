"""Removing a node of a deployment: nothing of it waits for ever. On moto."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.messages import RemoveNode
from chalicelib.domain.names import NodeName
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.events import queue_handlers
from chalicelib.infrastructure import queues
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.coordination import participation, removal
from chalicelib.service.execution import reaper, runner
from chalicelib.service.node import api_keys, registry
from chalicelib.service.peers.client import Deadline
from chalicelib.store import node_registry, node_table, run_table, task_table
from chalicelib.store.transactions.booking import New
from tests.builders import NOON, at, seconds, task
from tests.service.machines import FakeMachine

AMS, BRU = NodeName("ams.example"), NodeName("bru.example")


@pytest.fixture(autouse=True)
def _nodes(moto_engine: None) -> None:
    for name in (AMS, BRU):
        registry.add(name, "here", NOON)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All that is sent, which it is."""
    found: list[Any] = []
    send, send_many = queues.send, queues.send_many

    def one(queue: queues.Queue, message: Any, *delay: dt.timedelta) -> None:
        found.append(message)
        send(queue, message, *delay)

    def many(queue: queues.Queue, outgoing: Any) -> None:
        found.extend(message for message, _ in outgoing)
        send_many(queue, outgoing)

    monkeypatch.setattr(queues, "send", one)
    monkeypatch.setattr(queues, "send_many", many)
    return found


def posted(node: NodeName, *others: NodeName, start: float = 3600) -> Task:
    schedule = Schedule(start=at(start), max_runs=1)
    one = task(node=node, participants=(node, *others), schedule=schedule, participant_key="k")
    participation.of(one.replanned(NOON)).take_in(NOON, New(), Deadline(10.0))
    return task_table.get(node, one.uuid)


def swept(node: NodeName, now: dt.datetime, sent: list[Any]) -> None:
    """Do all that the messages ask for, as the queue would."""
    sent.append(RemoveNode(node, ()))
    while sent:
        message = sent.pop(0)
        queue_handlers.handle(message, now, Machine())


def runs(one: Task, node: NodeName) -> list[State]:
    return [run.state for run in run_table.in_order(node, one.uuid)]


def test_its_tasks_are_cancelled_and_it_is_forgotten(sent: list[Any]) -> None:
    own, other = posted(AMS), posted(BRU)

    removal.begin(AMS, NOON)
    swept(AMS, NOON + removal.LATER, sent)

    assert not task_table.get(AMS, own.uuid).enabled
    assert runs(own, AMS) == []
    assert task_table.get(BRU, other.uuid).enabled
    assert runs(other, BRU) == [State.PENDING]
    assert node_registry.find(AMS) is None
    assert registry.add(AMS, "here", at(9000)).node == AMS  # its name is free again


@pytest.mark.parametrize("removed", [AMS, BRU])
def test_what_it_shares_with_others_of_the_deployment_is_cancelled_there_too(
    removed: NodeName, sent: list[Any]
) -> None:
    shared = posted(AMS, BRU)
    assert runs(shared, AMS) == runs(shared, BRU) == [State.PENDING]

    removal.begin(removed, NOON)
    swept(removed, NOON + removal.LATER, sent)

    assert [task_table.get(node, shared.uuid).enabled for node in (AMS, BRU)] == [False, False]
    assert runs(shared, AMS) == runs(shared, BRU) == []


def test_many_tasks_are_cancelled_some_at_a_time(sent: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "TASKS_AT_ONCE", 2)
    tasks = [posted(AMS) for _ in range(5)]

    removal.begin(AMS, NOON)
    swept(AMS, NOON + removal.LATER, sent)

    assert not any(task_table.get(AMS, one.uuid).enabled for one in tasks)
    assert node_registry.find(AMS) is None


def test_a_task_that_was_under_way_is_not_overlooked(sent: list[Any]) -> None:
    removal.begin(AMS, NOON)
    swept(AMS, at(1), sent)
    assert node_registry.find(AMS) is not None  # somebody may still store one
    late = task(node=AMS, participants=(AMS,), schedule=Schedule(start=at(3600), max_runs=1))
    participation.of(late.replanned(NOON)).take_in(NOON, New(), Deadline(10.0))

    swept(AMS, NOON + removal.LATER, sent)

    assert not task_table.get(AMS, late.uuid).enabled


def test_a_removal_whose_message_was_lost_is_done_all_the_same(sent: list[Any]) -> None:
    removal.begin(AMS, NOON)
    sent.clear()

    reaper.tick(NOON + removal.AGAIN - seconds(1))
    assert RemoveNode(AMS, ()) not in sent
    reaper.tick(NOON + removal.AGAIN)
    assert RemoveNode(AMS, ()) in sent


@pytest.mark.parametrize("how", ["removed", "suspended"])
def test_nothing_of_it_starts(how: str, sent: list[Any]) -> None:
    one = posted(AMS, start=30)
    (run,) = run_table.in_order(AMS, one.uuid)
    if how == "removed":
        removal.begin(AMS, NOON)
    else:
        registry.change(AMS, lambda node: node.evolve(suspended=True))

    runner.run(AMS, one.uuid, run.uuid, FakeMachine(run.start))

    ended = run_table.get(AMS, one.uuid, run.uuid)
    assert (ended.state, ended.documents.reason["code"]) == (State.MISSED, "suspended")
    assert how in ended.documents.reason["message"]


def test_no_task_is_shared_with_it_any_more(sent: list[Any]) -> None:
    removal.begin(BRU, NOON)

    with pytest.raises(Exception, match="was removed"):
        posted(AMS, BRU)
    assert list(task_table.every(AMS)) == list(task_table.every(BRU)) == []


def test_what_was_kept_for_it_goes_with_it(sent: list[Any]) -> None:
    key = api_keys.add(AMS, "desk", "administer", NOON)
    node_registry.write_facts(AMS, {"tools": {}})
    assert api_keys.presented(AMS, key, NOON).name == "desk"

    removal.begin(AMS, NOON)
    swept(AMS, NOON + removal.LATER, sent)

    names = (*removal.KEPT, *node_registry.KEPT)
    assert node_table.read_many(AMS, names) == {}

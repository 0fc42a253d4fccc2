"""Removing a node of a deployment: nothing of it waits for ever."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.errors import NotFound
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
from chalicelib.service.node import agent_bell, api_keys, node_directory, registration
from chalicelib.service.peers.peer_client import Deadline
from chalicelib.store import node_registry, node_table, run_table, task_table
from chalicelib.store.transactions.booking import New
from tests.builders import NOON, at, seconds, task
from tests.service.machines import FakeMachine

AMS, BRU = NodeName("ams.example"), NodeName("bru.example")


@pytest.fixture(autouse=True)
def _nodes(empty_aws: None) -> None:
    for name in (AMS, BRU):
        registration.add(name, "here", NOON)


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
    assert registration.add(AMS, "here", at(9000)).node == AMS  # its name is free again


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
        registration.change(AMS, lambda node: node.evolve(suspended=True))

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


def test_a_removal_is_announced_for_when_nobody_serves_the_node_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[Any] = []
    gone: list[NodeName] = []
    monkeypatch.setattr(queues, "announce", lambda *told: sent.append(told))
    monkeypatch.setattr(agent_bell, "take_down", gone.append)

    removed = removal.begin(AMS, NOON)

    assert (removed.node, removed.removed) == (AMS, NOON)
    assert removed == node_registry.find(AMS)
    assert sent == [(queues.PLAN, [(RemoveNode(AMS, ()), seconds(50))])]
    assert gone == [AMS]


def test_those_removed_long_ago_are_seen_to_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(queues, "announce", lambda *told: None)
    removal.begin(AMS, NOON)
    removal.begin(BRU, at(1))
    monkeypatch.setattr(queues, "send_many", lambda *told: sent.append(told))

    removal.tick(at(600))

    assert sent == [(queues.PLAN, [(RemoveNode(AMS, ()), seconds(0))])]


def test_a_node_that_is_served_is_not_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    one = posted(AMS)

    for name in (AMS, NodeName("nobody.example")):
        removal.sweep(name, (), NOON)

    assert task_table.get(AMS, one.uuid).enabled
    assert node_directory.find(AMS) is not None


def test_the_rest_of_many_tasks_is_left_to_a_message_behind_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    first, second, third = (posted(AMS) for _ in range(3))
    in_order = list(task_table.every(AMS))
    removal.begin(AMS, NOON)
    monkeypatch.setattr(removal, "TASKS_AT_ONCE", 2)
    monkeypatch.setattr(queues, "send", lambda *told: sent.append(told))

    removal.sweep(AMS, (), NOON + removal.LATER)

    place = (in_order[1].added.isoformat(), in_order[1].uuid)
    rest = (queues.PLAN, RemoveNode(AMS, place))
    assert sent.count(rest) == 1
    assert [task_table.get(AMS, one.uuid).enabled for one in in_order] == [False, False, True]
    removal.sweep(AMS, place, NOON + removal.LATER - seconds(1))
    assert not task_table.get(AMS, in_order[2].uuid).enabled
    assert node_registry.find(AMS) is not None
    removal.sweep(AMS, (in_order[2].added.isoformat(), in_order[2].uuid), NOON + removal.LATER)
    assert node_registry.find(AMS) is None
    assert {first.uuid, second.uuid, third.uuid} == {one.uuid for one in in_order}


def test_runs_of_a_removed_node_are_left_to_the_queue_and_what_is_cancelled_already_is_no_trouble(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Any] = []

    def cancel(node: NodeName, uuid: str, now: dt.datetime, at_once: int) -> None:
        told.append((node, uuid, now, at_once))
        raise NotFound(f"There is no task {uuid}")

    monkeypatch.setattr(participation, "cancel", cancel)
    own, theirs = task(node=AMS), task(node=AMS, participant=1, participants=(BRU, AMS))
    elsewhere = theirs.evolve(participants=("elsewhere.example", AMS))

    with caplog.at_level("INFO"):
        for one in (own, theirs, elsewhere):
            removal._cancel(one, at(5))

    assert sorted(told) == sorted(
        [
            (AMS, own.uuid, at(5), 0),
            (AMS, theirs.uuid, at(5), 0),
            (BRU, theirs.uuid, at(5), 0),
            (AMS, elsewhere.uuid, at(5), 0),
        ]
    )
    assert f"Nothing to cancel: There is no task {own.uuid}" in caplog.messages

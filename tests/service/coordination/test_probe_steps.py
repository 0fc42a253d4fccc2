"""Which tasks are asked for together, and which go on once it is known who is up."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.messages import ProbeParticipants
from chalicelib.domain.task import Task
from chalicelib.infrastructure import queues
from chalicelib.service.coordination import planner, probe
from chalicelib.service.peers.peer_client import Deadline
from chalicelib.store import task_items
from tests.builders import NODE, NOON, at, task

pytestmark = pytest.mark.usefixtures("empty_aws")


def shared(*others: str, **changes: Any) -> Task:
    return task(**{"participants": ("a", *others), **changes})


def test_a_task_that_wants_others_by_itself_is_planned_and_those_that_want_the_same_are_asked_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planned: list[Any] = []
    sent: list[Any] = []
    monkeypatch.setattr(planner, "delegate", lambda *told: planned.append(told))
    monkeypatch.setattr(queues, "send", lambda *told: sent.append(told))
    bound = {**task().document, "lead-bind": "192.0.2.9"}
    alone, two = shared("b"), shared("c", "b")
    one, other = shared("b", "c"), shared("d", plan_reason="d: did not answer")
    elsewhere, theirs = shared("b", document=bound), shared("b", node="ams.example")

    probe.delegate(3, [two, alone, other, one, elsewhere, theirs], at(5))

    assert sorted(told[0].uuid for told in planned) == sorted(
        each.uuid for each in (alone, elsewhere, theirs)
    )
    assert {told[1] for told in planned} == {at(5)}
    messages = [ProbeParticipants(NODE, 3, (two.uuid, one.uuid)), ProbeParticipants(NODE, 3, (other.uuid,))]
    assert sent == [(queues.PEERS, message) for message in messages]


def test_what_is_not_due_any_more_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(probe, "_ask", lambda *told: asked.append(told[:2]))
    due_now, later = shared("b", plan_at=at(5), cli=[]), shared("b", plan_at=at(6))
    for each in (due_now, later):
        task_items.to_item(each, NOON).save()
    names = (due_now.uuid, later.uuid, task().uuid)

    probe.ask(ProbeParticipants(NODE, 3, names[1:]), at(5))
    assert asked == []
    probe.ask(ProbeParticipants(NODE, 3, names), at(5))
    assert asked == [([due_now], at(5))]


def test_tasks_for_which_no_time_is_left_stay_due(monkeypatch: pytest.MonkeyPatch) -> None:
    spent, gone_on = [0.0], []
    monkeypatch.setattr(Deadline, "spent", property(lambda deadline: spent[0]))
    monkeypatch.setattr(Deadline, "left", property(lambda deadline: 10 - spent[0]))

    def ping(group: Any) -> None:
        spent[0] = 4.0

    def go_on(one: Task, now: dt.datetime) -> None:
        gone_on.append((one, now))
        spent[0] += 3

    monkeypatch.setattr(probe, "ping", ping)
    monkeypatch.setattr(planner, "delegate", go_on)
    wanting = [shared("b") for _ in range(3)]

    probe._ask(wanting, at(5), Deadline(10))

    assert gone_on == [(wanting[0], at(9)), (wanting[1], at(12))]

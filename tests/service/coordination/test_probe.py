"""Tasks that want the same participants, asked for once."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.errors import PeerError, TimedOut
from chalicelib.domain.messages import ProbeParticipants
from chalicelib.domain.names import NodeName
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.infrastructure.peer_http import Call
from chalicelib.service.coordination import participation, planner, probe
from chalicelib.store import shards
from tests.builders import seconds
from tests.cluster import LEAD, OTHER, THIRD, Cluster, posted
from tests.service.coordination.test_planner import tick
from tests.service.coordination.test_several_participants import idle, now, runs_at, task_at

pytestmark = pytest.mark.usefixtures("empty_aws")

SHARD = 1


class Silence:
    """A node that does not say any more whether it is up; ``waits`` counts who waited for that in vain."""

    def __init__(self, host: str):
        self.waits = 0
        self.meanwhile: Callable[[], None] = lambda: None
        self._host = host

    def __call__(self, call: Call) -> PeerError | None:
        if call.host != self._host or call.path != "/":
            return None
        self.waits += 1
        self.meanwhile()
        return TimedOut(self._host, "did not answer")


def waiting(cluster: Cluster, silence: Silence, number: int = 4) -> list[Task]:
    """Tasks of the lead that have been waiting for the silent node since their posting, due now."""
    cluster.faults.append(silence)
    uuids = [posted(cluster, idle(LEAD, OTHER, schedule={"slip": "PT1H"})) for _ in range(number)]
    silence.waits = 0
    found = [task_at(cluster, LEAD, uuid) for uuid in uuids]
    assert all("did not answer" in (task.plan_reason or "") for task in found)
    return found


def due(found: list[Task]) -> dt.datetime:
    return max(task.plan_at for task in found if task.plan_at)


def states(cluster: Cluster, task: Task) -> list[State]:
    return [run.state for run in runs_at(cluster, LEAD, task.uuid)]


def delegate(cluster: Cluster, found: list[Task], at: dt.datetime) -> None:
    with cluster.acting(LEAD):
        probe.delegate(SHARD, found, at)


def test_many_tasks_wait_for_a_silent_participant_once(cluster: Cluster) -> None:
    silence = Silence(OTHER)
    found = waiting(cluster, silence)
    at = due(found)

    delegate(cluster, found, at)
    cluster.work(at)

    assert silence.waits == 1
    for task in found:
        after = task_at(cluster, LEAD, task.uuid)
        assert "did not answer" in (after.plan_reason or "")
        assert after.plan_at is not None
        assert abs(after.plan_at - at - planner.ASK_AGAIN_AFTER) < seconds(1)


def test_all_of_them_are_planned_at_the_tick_after_it_has_come_back(cluster: Cluster) -> None:
    found = waiting(cluster, Silence(OTHER))
    cluster.faults.clear()
    at = due(found)

    tick(cluster, at)

    assert [states(cluster, task) for task in found] == [[State.PENDING]] * 4
    assert [task_at(cluster, LEAD, task.uuid).plan_reason for task in found] == [None] * 4


def test_planners_of_all_shards_wait_for_a_silent_participant_once_each(cluster: Cluster) -> None:
    silence = Silence(OTHER)
    at = due(waiting(cluster, silence, 12))

    tick(cluster, at)

    assert 1 <= silence.waits <= len(shards.every())


def test_tasks_of_others_do_not_wait_with_them(cluster: Cluster) -> None:
    silence = Silence(OTHER)
    found = waiting(cluster, silence)
    cluster.faults.append(Silence(THIRD))
    uuids = [posted(cluster, idle(LEAD, THIRD, schedule={"slip": "PT1H"})) for _ in range(2)]
    cluster.faults.pop()
    other = [task_at(cluster, LEAD, uuid) for uuid in uuids]
    at = due(found + other)

    delegate(cluster, found + other, at)
    cluster.work(at)

    assert [states(cluster, task) for task in other] == [[State.PENDING]] * 2
    assert [states(cluster, task) for task in found] == [[]] * 4


def test_a_participant_is_asked_from_each_address_that_tasks_give(cluster: Cluster) -> None:
    silence = Silence(OTHER)
    plain, other = waiting(cluster, silence, 2)
    bound = other.evolve(document={**other.document, "lead-bind": "127.0.0.2"})
    at = due([plain, other])

    delegate(cluster, [plain, bound], at)
    cluster.work(at)

    assert silence.waits == 2


def test_while_an_answer_is_out_nobody_else_asks(cluster: Cluster) -> None:
    silence = Silence(OTHER)
    found = waiting(cluster, silence)
    at = due(found)
    message = ProbeParticipants(NodeName(LEAD), SHARD, [task.uuid for task in found])
    silence.meanwhile = lambda: probe.ask(message, at)

    with cluster.acting(LEAD):
        probe.ask(message, at)

    assert silence.waits == 1


def test_one_that_is_cancelled_while_the_answer_is_out_stays_so(cluster: Cluster) -> None:
    silence = Silence(OTHER)
    first, *others = found = waiting(cluster, silence)
    at = due(found)
    silence.meanwhile = lambda: participation.of(first).cancel(at)

    delegate(cluster, found, at)
    cluster.work(at)

    cancelled = task_at(cluster, LEAD, first.uuid)
    assert (cancelled.enabled, cancelled.plan_at) == (False, None)
    later = [task_at(cluster, LEAD, task.uuid).plan_at for task in others]
    assert all(moment is not None and moment > at for moment in later)


@pytest.mark.parametrize(("step", "is_up"), [("wait", False), ("delegate", True)])
def test_what_is_wrong_with_one_of_them_holds_up_no_other(
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    step: str,
    is_up: bool,
) -> None:
    broken, *others = found = waiting(cluster, Silence(OTHER), 3)
    at = due(found)
    message = ProbeParticipants(NodeName(LEAD), SHARD, [task.uuid for task in found])
    real = getattr(planner, step)

    def go_on_or_break(task: Task, *more: Any) -> None:
        if task.uuid == broken.uuid:
            raise ZeroDivisionError
        real(task, *more)

    monkeypatch.setattr(planner, step, go_on_or_break)
    if is_up:
        cluster.faults.clear()

    with cluster.acting(LEAD):
        probe.ask(message, at)

    assert f"Task {broken.uuid} could not be planned" in caplog.messages

    after = {task.uuid: task_at(cluster, LEAD, task.uuid).plan_at for task in found}
    assert after[broken.uuid] == broken.plan_at
    assert all((after[task.uuid] or at) > at for task in others)


def test_runs_that_cannot_wait_become_non_starters_that_say_why(cluster: Cluster) -> None:
    silence = Silence(OTHER)
    found = waiting(cluster, silence, 2)
    late = now() + seconds(3600 - 60)

    delegate(cluster, found, late)
    cluster.work(late)

    for task in found:
        (run,) = runs_at(cluster, LEAD, task.uuid)
        assert run.state is State.NONSTART
        assert run.documents.reason["code"] == "unreachable"
        assert "did not answer" in run.documents.reason["message"]
    assert silence.waits == 1

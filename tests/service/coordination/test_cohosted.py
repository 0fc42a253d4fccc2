"""Participants that one deployment serves: booked in one transaction, without a request. On moto."""

import dataclasses
import datetime as dt
import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chalicelib.domain.conflicts import Occupation
from chalicelib.domain.errors import PeerError
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_timestamp
from chalicelib.infrastructure import peer_http
from chalicelib.infrastructure.peer_http import Call, Reply
from chalicelib.service.coordination import shard_planner
from chalicelib.service.node.registry import addressed_by
from chalicelib.settings import forget_settings
from chalicelib.store import outbox_table, run_table, task_table, timeline
from plugins import registry
from tests.builders import seconds
from tests.cluster import Cluster
from tests.service.coordination.test_planner import STREAMING, stream
from tests.service.coordination.test_several_participants import idle, now
from tests.service.machines import FakeMachine, perform_all

pytestmark = pytest.mark.usefixtures("moto_engine")

LEAD, OTHER, THIRD = "192.0.2.1", "192.0.2.2", "192.0.2.3"


class NoNetwork:
    def ask(self, calls: Sequence[Call]) -> list[Reply | PeerError]:
        raise AssertionError(f"co-hosted nodes need no requests: {calls}")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("PSCHEDULER_HOSTNAME", LEAD)
    monkeypatch.setenv("PSCHEDULER_NODES", f"second={OTHER}, third={THIRD}")
    monkeypatch.setitem(registry.tools(), "streaming", STREAMING)  # type: ignore[arg-type]
    forget_settings()
    with peer_http.use(NoNetwork()):
        yield Cluster(LEAD, OTHER, THIRD)
    monkeypatch.undo()
    forget_settings()


def posted(cluster: Cluster, document: dict[str, Any], lead: str = LEAD) -> str:
    status, href = cluster.api(lead, "POST", "/tasks", document)
    assert status == 200, href
    return str(href).rpartition("/")[2]


def task_at(host: str, uuid: str) -> Task:
    return task_table.get(addressed_by(host), uuid)


def runs_at(host: str, uuid: str) -> list[Run]:
    return [
        run_table.get(addressed_by(host), uuid, run.uuid)
        for run in run_table.in_order(addressed_by(host), uuid)
    ]


def taken_at(host: str) -> list[Occupation]:
    return timeline.read_entries(addressed_by(host), now(), now() + seconds(7200))


def test_a_task_of_kin_is_placed_at_all_at_once_and_sooner_than_over_http(cluster: Cluster) -> None:
    uuid = posted(cluster, stream(LEAD, OTHER))

    (ours,), (theirs,) = runs_at(LEAD, uuid), runs_at(OTHER, uuid)
    assert ours.uuid == theirs.uuid
    assert ours.start == theirs.start < now() + seconds(5)
    assert ours.state is theirs.state is State.PENDING
    assert ours.documents.participant_data_full == theirs.documents.participant_data_full == [{}, {}]
    assert len(taken_at(LEAD)) == len(taken_at(OTHER)) == 1
    assert taken_at(THIRD) == []
    assert (task_at(LEAD, uuid).participant, task_at(OTHER, uuid).participant) == (0, 1)
    assert task_at(OTHER, uuid).key == task_at(LEAD, uuid).participant_key
    assert task_at(OTHER, uuid).key_is_made_up is True


def test_each_node_shows_what_is_its_own_under_its_own_name(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(THIRD, LEAD), lead=THIRD)

    assert cluster.api(THIRD, "GET", "/hostname") == (200, THIRD)
    assert cluster.api(OTHER, "GET", "/tasks") == (200, [])
    assert cluster.api(LEAD, "GET", "/tasks") == (200, [f"https://{LEAD}/pscheduler/tasks/{uuid}"])
    assert cluster.api(LEAD, "GET", f"/tasks/{uuid}?detail")[1]["detail"]["participant"] == 1


def test_kin_perform_and_the_lead_merges_without_a_request(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))
    (run,) = runs_at(LEAD, uuid)

    for host in (OTHER, LEAD):
        perform_all(addressed_by(host), uuid, run.uuid, FakeMachine(run.start))

    (ours,), (theirs,) = runs_at(LEAD, uuid), runs_at(OTHER, uuid)
    assert (ours.state, theirs.state) == (State.FINISHED, State.FINISHED)
    assert ours.documents.result_full == [ours.documents.result, theirs.documents.result]
    assert theirs.documents.result_merged is None


def test_a_run_of_kin_goes_where_all_of_them_have_time(cluster: Cluster) -> None:
    start = format_timestamp(now() + seconds(60))
    first = posted(cluster, stream(OTHER, THIRD, schedule={"start": start}), lead=OTHER)

    second = posted(cluster, stream(LEAD, OTHER, schedule={"start": start, "slip": "PT5M"}))
    third = posted(cluster, stream(LEAD, OTHER, schedule={"start": start, "slip": "PT1S"}))

    assert runs_at(LEAD, second)[0].start == runs_at(OTHER, first)[0].end
    (refused,) = runs_at(LEAD, third)
    assert refused.state is State.NONSTART
    assert refused.documents.reason["blocking-run"] == runs_at(OTHER, first)[0].uuid
    assert runs_at(OTHER, third) == []


def test_kin_are_never_booked_twice_by_several_at_once(cluster: Cluster) -> None:
    start = format_timestamp(now() + seconds(60))
    pairs = [(LEAD, OTHER), (OTHER, THIRD), (THIRD, LEAD)] * 4
    threads = [
        threading.Thread(
            target=posted, args=(cluster, stream(*pair, schedule={"start": start, "slip": "PT10M"}), pair[0])
        )
        for pair in pairs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for host in (LEAD, OTHER, THIRD):
        taken = sorted(taken_at(host), key=lambda one: one.start)
        assert len(taken) == 8
        assert all(one.end <= other.start for one, other in itertools.pairwise(taken))


def test_the_planner_fills_the_horizon_of_kin_and_cancelling_empties_it(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"repeat": "PT30M"}))

    shard_planner.plan_task(addressed_by(LEAD), uuid, now())

    assert len(runs_at(LEAD, uuid)) == len(runs_at(OTHER, uuid)) > 46
    assert cluster.api(LEAD, "DELETE", f"/tasks/{uuid}")[0] == 200
    shard_planner.plan_task(addressed_by(LEAD), uuid, now())
    shard_planner.plan_task(addressed_by(OTHER), uuid, now())
    left = [*runs_at(LEAD, uuid), *runs_at(OTHER, uuid)]
    assert all(run.start <= now() for run in left)
    assert not task_at(OTHER, uuid).enabled
    assert outbox_table.length(addressed_by(LEAD)) == 0


def test_one_of_kin_that_has_cancelled_a_task_ends_it_for_all(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"repeat": "PT2H"}))
    key = task_at(LEAD, uuid).participant_key
    assert cluster.api(OTHER, "DELETE", f"/tasks/{uuid}?key={key}")[0] == 200

    shard_planner.plan_task(addressed_by(LEAD), uuid, now() + dt.timedelta(hours=1))

    task = task_at(LEAD, uuid)
    assert not task.enabled
    assert OTHER in (task.plan_reason or "")


def test_a_run_posted_by_hand_is_placed_at_all_kin(cluster: Cluster) -> None:
    uuid = posted(cluster, stream(LEAD, OTHER, schedule={"start": "PT1H"}))
    start = format_timestamp(now() + seconds(600))

    status, _ = cluster.api(LEAD, "POST", f"/tasks/{uuid}/runs", {"start-time": start})
    taken, _ = cluster.api(LEAD, "POST", f"/tasks/{uuid}/runs", {"start-time": start})

    assert (status, taken) == (200, 409)
    assert len(runs_at(LEAD, uuid)) == len(runs_at(OTHER, uuid)) == 2


def test_a_run_too_long_for_one_transaction_is_refused(cluster: Cluster) -> None:
    slow = dataclasses.replace(STREAMING, duration=lambda test, spec: seconds(13 * 3600))
    registry.tools()["streaming"] = slow  # type: ignore[index]

    status, said = cluster.api(LEAD, "POST", "/tasks", stream(LEAD, OTHER))

    assert status == 400
    assert "2 nodes here can have PT11H30M at most" in said

"""Participants that one deployment serves: booked in one transaction, without a request."""

import dataclasses
import datetime as dt
import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chalicelib.domain.conflicts import Occupation
from chalicelib.domain.errors import Blocked, Forbidden, Invalid, NotFound, PeerError, Repeated
from chalicelib.domain.names import RunId
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_timestamp
from chalicelib.infrastructure import peer_http, queues
from chalicelib.infrastructure.peer_http import Call, Reply
from chalicelib.service.coordination import cohosted, shard_planner
from chalicelib.service.limits.admission import RunRuling
from chalicelib.service.node import heartbeats
from chalicelib.service.node.node_directory import addressed_by
from chalicelib.service.scheduling import reservation, slots
from chalicelib.settings import forget_settings
from chalicelib.store import node_table, outbox_table, run_table, task_table, timeline
from chalicelib.store.idempotency_records import IdempotencyRecord
from chalicelib.store.transactions.booking import New
from plugins import registry
from tests.builders import NODE, NOON, at, seconds, task
from tests.cluster import Cluster, posted
from tests.service.coordination.test_planner import STREAMING, stream
from tests.service.coordination.test_several_participants import idle, now
from tests.service.machines import FakeMachine, perform_all

pytestmark = pytest.mark.usefixtures("empty_aws")

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


def task_at(host: str, uuid: str) -> Task:
    return task_table.get(addressed_by(host), uuid)


def runs_at(host: str, uuid: str) -> list[Run]:
    return [
        run_table.get(addressed_by(host), uuid, run.uuid)
        for run in run_table.in_order(addressed_by(host), uuid)
    ]


def taken_at(host: str) -> list[Occupation]:
    return timeline.read_entries(addressed_by(host), now(), now() + seconds(7200))


def test_a_task_of_cohosted_nodes_is_placed_at_all_sooner_than_over_http(cluster: Cluster) -> None:
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


def test_cohosted_nodes_perform_and_the_lead_merges_without_a_request(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))
    (run,) = runs_at(LEAD, uuid)

    for host in (OTHER, LEAD):
        perform_all(addressed_by(host), uuid, run.uuid, FakeMachine(run.start))

    (ours,), (theirs,) = runs_at(LEAD, uuid), runs_at(OTHER, uuid)
    assert (ours.state, theirs.state) == (State.FINISHED, State.FINISHED)
    assert ours.documents.result_full == [ours.documents.result, theirs.documents.result]
    assert theirs.documents.result_merged is None


def test_a_run_of_cohosted_nodes_goes_where_all_of_them_have_time(cluster: Cluster) -> None:
    start = format_timestamp(now() + seconds(60))
    first = posted(cluster, stream(OTHER, THIRD, schedule={"start": start}), lead=OTHER)

    second = posted(cluster, stream(LEAD, OTHER, schedule={"start": start, "slip": "PT5M"}))
    third = posted(cluster, stream(LEAD, OTHER, schedule={"start": start, "slip": "PT1S"}))

    assert runs_at(LEAD, second)[0].start == runs_at(OTHER, first)[0].end
    (refused,) = runs_at(LEAD, third)
    assert refused.state is State.NONSTART
    assert refused.documents.reason["blocking-run"] == runs_at(OTHER, first)[0].uuid
    assert runs_at(OTHER, third) == []


def test_cohosted_nodes_are_never_booked_twice_by_several_at_once(cluster: Cluster) -> None:
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


def test_the_planner_fills_the_horizon_of_cohosted_nodes_and_cancelling_empties_it(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"repeat": "PT1H"}))

    shard_planner.plan_task(addressed_by(LEAD), uuid, now())

    assert len(runs_at(LEAD, uuid)) == len(runs_at(OTHER, uuid)) > 22
    assert cluster.api(LEAD, "DELETE", f"/tasks/{uuid}")[0] == 200
    shard_planner.plan_task(addressed_by(LEAD), uuid, now())
    shard_planner.plan_task(addressed_by(OTHER), uuid, now())
    left = [*runs_at(LEAD, uuid), *runs_at(OTHER, uuid)]
    assert all(run.start <= now() for run in left)
    assert not task_at(OTHER, uuid).enabled
    assert outbox_table.length(addressed_by(LEAD)) == 0


def test_a_cohosted_node_that_has_cancelled_a_task_ends_it_for_all(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"repeat": "PT2H"}))
    key = task_at(LEAD, uuid).participant_key
    assert cluster.api(OTHER, "DELETE", f"/tasks/{uuid}?key={key}")[0] == 200

    shard_planner.plan_task(addressed_by(LEAD), uuid, now() + dt.timedelta(hours=1))

    task = task_at(LEAD, uuid)
    assert not task.enabled
    assert OTHER in (task.plan_reason or "")


def test_a_run_posted_by_hand_is_placed_at_all_cohosted_nodes(cluster: Cluster) -> None:
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
    assert "2 nodes here can last PT11H30M at most" in said


# --- step by step --------------------------------------------------------------------------------


def shared(*hosts: str, **changes: Any) -> Task:
    document = {**task().document, **changes.pop("document", {})}
    made = {"participants": hosts or (LEAD, OTHER), "participant_key": "k", "document": document, "cli": []}
    return task(**{**made, **changes})


def exclusive(**changes: Any) -> Task:
    return shared(**{"scheduling_class": "exclusive", "duration": seconds(60), **changes})


def first(one: Task) -> Any:
    return cohosted.place_first(one.replanned(NOON), NOON, New())


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(("key", "is_made_up"), [({}, True), ({"_key": "k"}, False)])
def test_each_participant_keeps_the_task_as_its_lead_tells_it(key: dict[str, str], is_made_up: bool) -> None:
    one = shared(LEAD, OTHER, THIRD, document=key)

    copies = cohosted.copies(one)

    assert copies[0] is one
    told = {**one.document, "_key": "k"}
    copy = one.evolve(document=told, participant_key=None, key_is_made_up=is_made_up)
    assert copies == {
        0: one,
        1: copy.evolve(node="second", participant=1),
        2: copy.evolve(node="third", participant=2),
    }


@pytest.mark.usefixtures("cluster")
def test_where_one_takes_nothing_on_nothing_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    def suspended(node: str) -> None:
        if node == "second":
            raise Forbidden("The node second is suspended")

    monkeypatch.setattr(cohosted, "require_in_service", suspended)

    with pytest.raises(Forbidden):
        first(shared())

    assert list(task_table.every(NODE)) == []


@pytest.mark.usefixtures("cluster")
def test_runs_that_conflict_with_nothing_are_placed_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohosted, "MOST_RUNS", 7)

    placed = first(shared(schedule=Schedule(start=at(60), repeat=seconds(60))))

    starts = [at(60), at(120), at(180)]  # three for each of two
    assert [run.start for run in placed.runs] == starts
    assert [run.start for run in runs_at(OTHER, placed.task.uuid)] == starts
    assert placed.task == task_at(LEAD, placed.task.uuid)
    assert task_at(OTHER, placed.task.uuid).progress == placed.task.progress
    more = cohosted.place_next(placed.task, NOON)
    assert [run.start for run in more.runs] == [at(240), at(300), at(360)]


@pytest.mark.usefixtures("cluster")
def test_a_task_is_stored_once_under_its_idempotency_key() -> None:
    one, other = shared(), shared()
    record = IdempotencyRecord(NODE, "monday", "body", one.uuid, at(60))

    cohosted.place_first(one.replanned(NOON), NOON, New(record))
    again = dataclasses.replace(record, task=other.uuid)
    with pytest.raises(Repeated) as failed:
        cohosted.place_first(other.replanned(NOON), NOON, New(again))

    assert (failed.value.task, failed.value.fingerprint) == (one.uuid, "body")
    assert [each.uuid for each in task_table.every(addressed_by(OTHER))] == [one.uuid]


@pytest.mark.usefixtures("cluster")
def test_a_task_whose_first_run_is_beyond_the_horizon_is_stored_without() -> None:
    one = shared(schedule=Schedule(start=at(3 * 86400), max_runs=1))

    placed = first(one)

    assert placed.runs == []
    assert placed.task.plan_at == task_at(LEAD, one.uuid).plan_at == at(2 * 86400)
    assert task_at(OTHER, one.uuid).plan_at is None


@pytest.mark.usefixtures("cluster")
def test_all_are_noted_to_have_runs_and_those_that_are_near_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(heartbeats, "_noted", {})
    monkeypatch.setattr(
        queues, "announce_at", lambda queue, some: sent.extend((one.node, one.run) for one, _ in some)
    )

    (near,) = first(shared(schedule=Schedule(start=at(60), max_runs=1))).runs
    first(shared(schedule=Schedule(start=at(3600), max_runs=1)))

    assert sent == [(NODE, near.uuid), ("second", near.uuid)]
    assert near.dispatched
    for node in (NODE, addressed_by(OTHER)):
        assert node_table.read(node, heartbeats.LAST_SCHEDULED) == format_timestamp(NOON)
    assert node_table.read(addressed_by(THIRD), heartbeats.LAST_SCHEDULED) is None


@pytest.mark.usefixtures("cluster")
def test_a_run_that_the_limits_refuse_is_the_leads_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = RunRuling(False, "No", None, "Not on a Sunday")
    monkeypatch.setattr(reservation.admission, "judge_run", lambda *_: refused)

    placed = first(exclusive())

    assert [run.state for run in placed.runs] == [State.NONSTART]
    assert runs_at(OTHER, placed.task.uuid) == []
    assert taken_at_noon(LEAD) == []


def taken_at_noon(host: str) -> list[Occupation]:
    return timeline.read_entries(addressed_by(host), at(0), at(7200))


@pytest.mark.usefixtures("cluster")
def test_a_run_for_which_a_quota_is_used_up_is_the_leads_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    charged: list[dt.datetime] = []

    def charge(one: Task, start: dt.datetime, now: dt.datetime) -> list[Any]:
        charged.append(start)
        if len(charged) > 1:
            raise Forbidden("The limits of this node refuse this: quota")
        return []

    monkeypatch.setattr(reservation.quota_ledger, "charge_run", charge)

    placed = first(shared(schedule=Schedule(start=at(60), repeat=seconds(60), max_runs=2)))

    assert [run.state for run in placed.runs] == [State.PENDING, State.NONSTART]
    assert [run.start for run in runs_at(OTHER, placed.task.uuid)] == [at(60)]


@pytest.mark.usefixtures("cluster")
def test_time_that_is_taken_meanwhile_is_looked_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    first(exclusive(schedule=Schedule(start=at(60), max_runs=1)))
    real, choices = slots.choose, [at(60)]
    monkeypatch.setattr(slots, "choose", lambda *told: choices.pop() if choices else real(*told))

    placed = first(exclusive(schedule=Schedule(start=at(60), slip=seconds(600), max_runs=1)))

    assert [run.start for run in placed.runs] == [at(120)]
    assert len(taken_at_noon(OTHER)) == 2


@pytest.mark.usefixtures("cluster")
def test_a_run_at_a_second_is_placed_there_or_not_at_all() -> None:
    one = first(exclusive(schedule=Schedule(start=at(60), max_runs=1))).task

    placed = cohosted.place_at(one, at(600), NOON, RunId("11111111-1111-4111-8111-111111111111"))

    assert [(run.uuid, run.start) for run in placed.runs] == [
        ("11111111-1111-4111-8111-111111111111", at(600))
    ]
    assert len(runs_at(OTHER, one.uuid)) == 2
    with pytest.raises(Blocked):
        cohosted.place_at(placed.task, at(630), NOON)
    task_table.disable(task_at(OTHER, one.uuid), NOON)
    with pytest.raises(NotFound, match=f"{OTHER} has cancelled the task"):
        cohosted.place_at(placed.task, at(900), NOON)


@pytest.mark.usefixtures("cluster")
def test_where_one_has_it_no_more_a_task_is_cancelled_everywhere(caplog: pytest.LogCaptureFixture) -> None:
    schedule = Schedule(start=at(60), repeat=seconds(60), max_runs=2)
    one = first(shared(LEAD, OTHER, THIRD, schedule=schedule)).task
    gone = task_at(OTHER, one.uuid)
    task_table.delete(gone)

    with caplog.at_level("INFO"):
        placed = cohosted.place_next(one, NOON)

    assert not placed.runs
    assert placed.task is one
    after = task_at(LEAD, one.uuid)
    assert (after.enabled, after.plan_reason) == (False, f"There is no task {one.uuid}")
    assert not task_at(THIRD, one.uuid).enabled
    assert f"Participant 1 of task {one.uuid} has it no more" in caplog.messages


@pytest.mark.usefixtures("cluster")
def test_cancelling_leaves_runs_beyond_so_many_at_the_lead_to_the_queue() -> None:
    one = first(shared(schedule=Schedule(start=at(60), repeat=seconds(60), max_runs=5))).task

    cohosted.cancel(one, NOON, "Enough", at_once=2)

    assert task_at(LEAD, one.uuid).plan_reason == "Enough"
    assert len(runs_at(LEAD, one.uuid)) == 3
    assert runs_at(OTHER, one.uuid) == []


@pytest.mark.parametrize(("participants", "longest"), [(2, "PT11H30M"), (3, "PT7H15M")])
def test_how_long_a_run_of_several_can_be_is_said(participants: int, longest: str) -> None:
    with pytest.raises(Invalid) as failed:
        cohosted.require_bookable(seconds(13 * 3600), participants)

    assert failed.value.message == (
        f"The run would take PT13H; runs that take up the time of {participants} nodes here can last"
        f" {longest} at most"
    )

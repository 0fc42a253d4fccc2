"""Planning tasks with several participants: conflicts, peers in trouble, crashes."""

import datetime as dt
from collections.abc import Callable
from typing import Any, cast

import pytest

from chalicelib.domain.errors import PeerError, TimedOut
from chalicelib.domain.messages import PlanLeased
from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_timestamp
from chalicelib.infrastructure.peer_http import Call, Reply
from chalicelib.service.coordination import participation, planner, shard_planner
from chalicelib.service.execution import reaper
from chalicelib.service.peers import outbox as outbox
from chalicelib.service.scheduling import dispatch_tick
from chalicelib.store import outbox_table, run_items, run_table, shards, task_table, timeline
from plugins import registry
from plugins.sdk.tool import Tool
from tests import due
from tests.builders import seconds
from tests.cluster import LEAD, OTHER, THIRD, Cluster, answering, down, posted
from tests.service.coordination.test_several_participants import STRANGER, idle, now, runs_at, task_at
from tests.service.machines import FakeMachine, perform_all

pytestmark = pytest.mark.usefixtures("empty_aws")


def stream(*hosts: str, **changes: Any) -> dict[str, Any]:
    """A test of two participants that needs the time for itself."""
    spec = {"schema": 1, "source": hosts[0], "dest": hosts[1], "duration": "PT2S"}
    return {"schema": 1, "test": {"type": "throughput", "spec": spec}, "schedule": {}, **changes}


STREAMING = Tool(
    name="streaming",
    description="Measures nothing for ten seconds",
    tests=("throughput",),
    duration=lambda test, spec: seconds(10),
    run=lambda job: None,
    preference=1000,
)


@pytest.fixture(autouse=True)
def _streaming(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool for throughput that needs no program."""
    monkeypatch.setitem(cast(dict[str, Tool], registry.tools()), "streaming", STREAMING)


def stored_outbox_requests(cluster: Cluster, host: str = LEAD) -> list[str]:
    with cluster.acting(host):
        return [
            outbox_table.get(host, uuid).host
            for uuid in due.outbox_requests(host, now() + dt.timedelta(hours=1))
        ]


def send_outbox(cluster: Cluster, at: dt.datetime | None = None) -> None:
    with cluster.acting(LEAD):
        for uuid in due.outbox_requests(LEAD, at or now()):
            outbox.attempt(LEAD, uuid, at or now())


def tick(cluster: Cluster, at: dt.datetime) -> Task:
    """The planners at the lead, and what their messages ask for; the task that was added last."""
    with cluster.acting(LEAD):
        for shard in shards.every():
            shard_planner.plan_shard(shard, at)
        cluster.work(at)
        return task_table.get(LEAD, list(task_table.every(LEAD))[-1].uuid)


def again(cluster: Cluster, uuid: str, tries: int, at: dt.datetime) -> Task:
    """What the message about a task on lease asks for."""
    lease = task_at(cluster, LEAD, uuid).plan_at
    assert lease is not None
    with cluster.acting(LEAD):
        planner.plan_leased(PlanLeased(NodeName(LEAD), uuid, lease, tries), at)
    return task_at(cluster, LEAD, uuid)


def states(found: list[Run]) -> list[State]:
    return [run.state for run in found]


def test_a_run_goes_where_all_participants_have_time(cluster: Cluster) -> None:
    start = format_timestamp(now() + seconds(60))
    theirs = posted(cluster, stream(OTHER, THIRD, schedule={"start": start}), lead=OTHER)
    ours = posted(cluster, stream(LEAD, OTHER, schedule={"start": start, "slip": "PT5M"}))

    (first,), (second,) = runs_at(cluster, OTHER, theirs), runs_at(cluster, LEAD, ours)

    assert second.start == first.end
    assert runs_at(cluster, OTHER, ours)[0].start == second.start


def test_no_time_in_common_is_a_non_start_that_says_so(cluster: Cluster) -> None:
    start = format_timestamp(now() + seconds(60))
    posted(cluster, stream(OTHER, THIRD, schedule={"start": start}), lead=OTHER)

    uuid = posted(cluster, stream(LEAD, OTHER, schedule={"start": start, "slip": "PT5S"}))

    (run,) = runs_at(cluster, LEAD, uuid)
    assert run.state is State.NONSTART
    assert run.documents.reason["code"] == "no-time"
    assert runs_at(cluster, OTHER, uuid) == []


def test_a_run_in_the_way_here_is_named(cluster: Cluster) -> None:
    start = format_timestamp(now() + seconds(60))
    first = posted(cluster, stream(LEAD, THIRD, schedule={"start": start}))

    uuid = posted(cluster, stream(LEAD, OTHER, schedule={"start": start, "slip": "PT5S"}))

    (run,), (blocking,) = runs_at(cluster, LEAD, uuid), runs_at(cluster, LEAD, first)
    assert run.documents.reason["blocking-run"] == blocking.uuid


def test_a_higher_priority_is_placed_over_a_lower_one_everywhere(cluster: Cluster) -> None:
    start = format_timestamp(now() + seconds(60))
    low = posted(cluster, stream(OTHER, THIRD, schema=3, schedule={"start": start}), lead=OTHER)

    uuid = posted(cluster, stream(LEAD, OTHER, schema=3, priority=5, schedule={"start": start}))

    assert runs_at(cluster, LEAD, uuid)[0].start == runs_at(cluster, OTHER, low)[0].start
    lines = [heard.line for heard in cluster.heard if heard.host == OTHER and "/runtimes" in heard.line]
    assert lines[-1].endswith("&priority=5&api=4")
    assert "priority" not in lines[-2]


def test_a_conflict_is_undone_everywhere_and_tried_again_a_little_later(cluster: Cluster) -> None:
    cluster.faults.append(answering(THIRD, "PUT", "/runs/", 409, "Taken"))

    uuid = posted(cluster, idle(LEAD, OTHER, THIRD, schedule={"slip": "PT5M"}))

    task = task_at(cluster, LEAD, uuid)
    assert runs_at(cluster, LEAD, uuid) == []
    assert task.progress.runs == 0
    assert "Taken" in (task.plan_reason or "")
    assert stored_outbox_requests(cluster) == [OTHER]  # the third had nothing to undo
    send_outbox(cluster)
    assert runs_at(cluster, OTHER, uuid) == []

    cluster.faults.clear()
    task = again(cluster, uuid, 1, now() + seconds(5))
    assert states(runs_at(cluster, LEAD, uuid)) == [State.PENDING]
    assert task.plan_reason is None


def test_a_run_that_always_meets_a_conflict_becomes_a_non_starter(cluster: Cluster) -> None:
    cluster.faults.append(answering(OTHER, "PUT", "/runs/", 409, "Taken"))
    uuid = posted(cluster, idle(LEAD, OTHER))

    for tries in (1, 2, 3):
        again(cluster, uuid, tries, now())
        assert runs_at(cluster, LEAD, uuid) == []
    again(cluster, uuid, 4, now())

    (run,) = runs_at(cluster, LEAD, uuid)
    assert run.state is State.NONSTART
    assert run.documents.reason["code"] == "conflict"
    assert "Taken" in (run.errors or "")
    assert task_at(cluster, LEAD, uuid).plan_at is None


@pytest.mark.parametrize(
    ("method", "part", "status", "said", "code"),
    [
        ("GET", "/runtimes", 500, "no idea", "refused"),
        ("PUT", "/runs/", 503, "busy", "unreachable"),
        ("GET", "/runs/", 500, "lost it", "refused"),
        ("GET", "/runs/", 200, '{"state": "nonstart", "errors": "Not on a Sunday"}', "refused"),
        ("GET", "/runs/", 200, "[]", "refused"),
    ],
)
def test_whatever_goes_wrong_on_the_way_leaves_nothing_but_a_reason(
    cluster: Cluster, method: str, part: str, status: int, said: str, code: str
) -> None:
    cluster.faults.append(answering(THIRD, method, part, status, said))

    uuid = posted(cluster, idle(LEAD, OTHER, THIRD))
    send_outbox(cluster)

    (run,) = runs_at(cluster, LEAD, uuid)
    assert run.state is State.NONSTART
    assert run.documents.reason["code"] == code
    assert THIRD in run.documents.reason["message"]
    assert runs_at(cluster, OTHER, uuid) == []
    assert runs_at(cluster, THIRD, uuid) == []
    assert task_at(cluster, LEAD, uuid).progress.runs == 1


def failing_at(number: int, host: str) -> Callable[[Call], Reply | PeerError | None]:
    """Times out from a number of calls on, those before answered as usual."""
    count = 0

    def fault(call: Call) -> PeerError | None:
        nonlocal count
        count += call.host == host
        return TimedOut(host, "did not answer") if call.host == host and count >= number else None

    return fault


@pytest.mark.parametrize("number", range(5, 10))
def test_a_peer_that_falls_silent_at_any_step_leaves_no_run_anywhere(cluster: Cluster, number: int) -> None:
    cluster.faults.append(failing_at(number, THIRD))

    uuid = posted(cluster, idle(LEAD, OTHER, THIRD))

    (run,) = runs_at(cluster, LEAD, uuid)
    assert run.state is State.NONSTART
    assert run.documents.reason["code"] == "unreachable"
    cluster.faults.clear()
    send_outbox(cluster)
    assert runs_at(cluster, OTHER, uuid) == []
    assert runs_at(cluster, THIRD, uuid) == []


def test_a_peer_that_is_down_costs_the_runs_that_are_near_and_delays_the_others(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"repeat": "PT40S", "max-runs": 8}))
    cluster.faults.append(down(OTHER))
    at = now() + seconds(1)
    with cluster.acting(LEAD):
        task_table.replan(task_table.get(LEAD, uuid).evolve(plan_at=at), at)

    task = tick(cluster, at)

    first, *others = runs_at(cluster, LEAD, uuid)
    assert first.state is State.PENDING
    assert states(others) == [State.NONSTART]  # 50 s ahead; the next is 90 s ahead
    assert others[0].documents.reason["code"] == "unreachable"
    assert task.plan_reason is not None
    assert OTHER in task.plan_reason
    assert task.plan_at == at + planner.ASK_AGAIN_AFTER or abs(task.plan_at - at) < seconds(30)

    cluster.faults.clear()
    recovered = tick(cluster, task.plan_at)
    assert states(runs_at(cluster, LEAD, uuid))[2] is State.PENDING
    assert recovered.plan_reason is None


def test_a_single_run_waits_for_its_peer_as_long_as_its_slip_lasts(cluster: Cluster) -> None:
    cluster.faults.append(failing_at(5, OTHER))

    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"slip": "PT10M"}))

    assert runs_at(cluster, LEAD, uuid) == []
    task = task_at(cluster, LEAD, uuid)
    assert "did not answer" in (task.plan_reason or "")
    assert task.plan_at is not None
    cluster.faults.clear()
    tick(cluster, task.plan_at)
    assert states(runs_at(cluster, LEAD, uuid)) == [State.PENDING]


def test_what_only_others_need_is_not_asked_of_a_participant(cluster: Cluster) -> None:
    archives = [{"archiver": "bitbucket", "data": {}}]
    contexts = {"contexts": [[{"context": "changenothing", "data": {}}], []]}
    posted(cluster, idle(LEAD, OTHER, schema=2, archives=archives, contexts=contexts))
    invitation = next(heard.body for heard in cluster.heard if heard.line.startswith("POST"))
    archives[0]["archiver"] = "one only the lead has"
    contexts["contexts"][0][0]["context"] = "one only the lead has"
    strange = {**invitation, "archives": archives, "contexts": contexts}

    new = "00000000-0000-4000-8000-000000000001"
    assert cluster.api(OTHER, "POST", f"/tasks/{new}?participant=1", strange)[0] == 200
    contexts["contexts"].reverse()
    status, said = cluster.api(OTHER, "POST", f"/tasks/{new[:-1]}2?participant=1", strange)
    assert status == 400
    assert "/contexts/contexts/1/0/context" in said


def test_a_peer_that_forgot_the_task_ends_it(cluster: Cluster) -> None:
    cluster.faults.append(answering(OTHER, "GET", "/runtimes", 404))

    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"repeat": "PT1H"}))

    task = task_at(cluster, LEAD, uuid)
    assert not task.enabled
    assert OTHER in (task.plan_reason or "")
    assert runs_at(cluster, LEAD, uuid) == []


def test_what_a_task_still_has_ahead_is_gone_once_a_peer_forgot_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_items, "LARGEST_ITEM", 10)  # all documents go into the bucket
    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"repeat": "PT6H"}))
    tick(cluster, now() + dt.timedelta(minutes=1))
    tick(cluster, now() + dt.timedelta(minutes=2))
    placed = runs_at(cluster, LEAD, uuid)
    later = now() + dt.timedelta(hours=7)
    cluster.faults.append(answering(OTHER, "GET", "/runtimes", 404))

    tick(cluster, later)

    assert not task_at(cluster, LEAD, uuid).enabled
    assert len([run for run in placed if run.start > later]) >= 2
    assert [run for run in runs_at(cluster, LEAD, uuid) if run.start > later] == []


def test_a_task_that_was_cancelled_at_a_participant_is_ended_by_its_lead(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"repeat": "PT12H"}))
    assert task_at(cluster, LEAD, uuid).enabled
    assert cluster.api(OTHER, "DELETE", f"/tasks/{uuid}") == (200, "OK")

    assert cluster.api(OTHER, "GET", f"/tasks/{uuid}/runtimes")[0] == 410
    task = tick(cluster, now() + dt.timedelta(hours=13))

    assert task.uuid == uuid
    assert not task.enabled
    assert f"Task {uuid} was cancelled at this participant" in (task.plan_reason or "")


@pytest.mark.parametrize(("method", "status"), [("GET", 404), ("PUT", 404), ("GET", 410)])
def test_a_peer_that_lost_one_run_does_not_end_its_task(cluster: Cluster, method: str, status: int) -> None:
    lost: list[str] = []

    def loses(call: Call) -> Reply | None:
        is_booked = call.method == method and "/runs/" in call.path and "start-time" not in (call.body or {})
        if call.host == OTHER and is_booked and not lost:
            lost.append(call.path.rsplit("/", 1)[-1])
            return Reply(OTHER, status, "")
        return None

    cluster.faults.append(loses)

    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"repeat": "PT1H"}))

    task = task_at(cluster, LEAD, uuid)
    assert task.enabled
    assert task.plan_reason == f"Being tried again: {OTHER}: no longer has the run that it had booked"
    assert lost
    assert runs_at(cluster, LEAD, uuid) == []


def test_what_does_not_run_pscheduler_any_more_ends_nothing(cluster: Cluster) -> None:
    cluster.faults.append(lambda call: Reply(OTHER, 404, "") if call.path == "/" else None)

    uuid = posted(cluster, idle(LEAD, OTHER))

    (run,) = runs_at(cluster, LEAD, uuid)
    assert run.documents.reason["code"] == "refused"
    assert task_at(cluster, LEAD, uuid).enabled


class Crash(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("calls", range(5))
def test_a_crash_at_any_step_of_an_agreement_is_cleared_up_and_made_good(
    cluster: Cluster, calls: int
) -> None:
    start = format_timestamp(now() + seconds(3600))
    cluster.faults.append(lambda call: TimedOut(OTHER, "is busy") if call.path == "/" else None)
    uuid = posted(cluster, stream(LEAD, OTHER, schedule={"start": start, "slip": "PT10M"}))
    cluster.faults.clear()
    at = task_at(cluster, LEAD, uuid).plan_at
    assert at is not None
    cluster.faults.append(crashing_after(calls))
    with pytest.raises(Crash):
        tick(cluster, at)
    cluster.faults.clear()

    later = at + run_items.BEING_TOLD + seconds(1)
    for host in (LEAD, OTHER):
        with cluster.acting(host):
            reaper.tick(later)
    send_outbox(cluster, later)
    task = tick(cluster, later)

    (ours,) = runs_at(cluster, LEAD, uuid)
    assert ours.state is State.PENDING
    theirs = [run.uuid for run in runs_at(cluster, OTHER, uuid) if run.state is not State.NONSTART]
    assert theirs == [ours.uuid]
    assert len(occupied(cluster, LEAD)) == len(occupied(cluster, OTHER)) == 1
    assert task.progress.runs == 1


def crashing_after(calls: int) -> Callable[[Call], None]:
    seen = 0

    def fault(call: Call) -> None:
        nonlocal seen
        seen += 1
        if seen > calls:
            raise Crash

    return fault


def test_a_crash_over_a_further_run_takes_nothing_from_the_first(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))
    (first,) = runs_at(cluster, LEAD, uuid)
    cluster.faults.append(crashing_after(2))
    with cluster.acting(LEAD), pytest.raises(Crash):
        participation.of(task_table.get(LEAD, uuid)).place_at(first.start + seconds(60), now())
    cluster.faults.clear()

    with cluster.acting(LEAD):
        reaper.tick(first.start + seconds(60))
        task = task_table.get(LEAD, uuid)

    assert (task.progress.runs, task.plan_at) == (2, None)
    assert [run.state for run in runs_at(cluster, LEAD, uuid)][1] is State.NONSTART


def occupied(cluster: Cluster, host: str) -> list[Any]:
    with cluster.acting(host):
        return timeline.read_entries(host, now(), now() + seconds(7200))


@pytest.mark.parametrize("slip", ["P1D", "P3D"])
def test_a_run_that_may_slip_a_day_is_placed_and_planned_once(cluster: Cluster, slip: str) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"slip": slip}))
    later = posted(cluster, idle(LEAD, OTHER, schedule={"start": "PT30S", "slip": slip}))

    assert states(runs_at(cluster, LEAD, uuid)) == [State.PENDING]
    assert runs_at(cluster, LEAD, later) == []
    at = task_at(cluster, LEAD, later).plan_at
    assert at is not None
    tick(cluster, at)
    assert states(runs_at(cluster, LEAD, later)) == [State.PENDING]
    assert task_at(cluster, LEAD, later).plan_at is None


def test_a_message_that_comes_twice_plans_once(cluster: Cluster) -> None:
    cluster.faults.append(failing_at(5, OTHER))
    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"repeat": "PT2H"}))
    cluster.faults.clear()
    at = task_at(cluster, LEAD, uuid).plan_at
    assert at is not None
    with cluster.acting(LEAD):
        planner.delegate(task_table.get(LEAD, uuid), at)
        lease = at + planner.TASK_LEASE
        for _ in range(2):
            planner.plan_leased(PlanLeased(NodeName(LEAD), uuid, lease), at)

    starts = [run.start for run in runs_at(cluster, LEAD, uuid)]
    assert len(starts) == len(set(starts)) == 12


def test_a_run_that_was_never_agreed_on_is_not_started_and_says_why(cluster: Cluster) -> None:
    cluster.faults.append(failing_at(9, OTHER))  # the last step: everybody's data
    uuid = posted(cluster, idle(LEAD, OTHER))
    (run,) = runs_at(cluster, OTHER, uuid)
    assert run.awaiting

    with cluster.acting(OTHER):
        assert dispatch_tick.tick(run.start - seconds(5)) == 0
        perform_all(OTHER, uuid, run.uuid, FakeMachine(run.start))
        reaper.tick(run.start)
        ended = run_table.get(OTHER, uuid, run.uuid)

    assert ended.state is State.NONSTART
    assert ended.documents.reason["code"] == "not-agreed"


def test_a_task_cancelled_while_its_run_is_agreed_on_gets_none(cluster: Cluster) -> None:
    def cancel(call: Call) -> None:
        if call.method == "PUT":
            cluster.faults.clear()
            for href in cluster.api(LEAD, "GET", "/tasks")[1]:
                cluster.api(LEAD, "DELETE", f"/tasks/{href.rpartition('/')[2]}")

    cluster.faults.append(cancel)

    uuid = posted(cluster, idle(LEAD, OTHER))
    send_outbox(cluster)

    assert runs_at(cluster, LEAD, uuid) == []
    assert runs_at(cluster, OTHER, uuid) == []
    assert not task_at(cluster, OTHER, uuid).enabled


def test_a_lead_may_say_things_twice(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))
    (run,) = runs_at(cluster, LEAD, uuid)
    invitation = next(heard.body for heard in cluster.heard if heard.line.startswith("POST"))
    key = task_at(cluster, LEAD, uuid).participant_key
    path = f"/tasks/{uuid}/runs/{run.uuid}?key={key}"

    assert cluster.api(OTHER, "POST", f"/tasks/{uuid}?participant=1", invitation)[0] == 200
    body = {"start-time": format_timestamp(run.start)}
    assert cluster.api(OTHER, "PUT", path, body, caller=STRANGER) == (200, "OK")
    assert cluster.api(OTHER, "PUT", path, {"part-data-full": [{}, {}]}, caller=STRANGER) == (200, "OK")
    assert states(runs_at(cluster, OTHER, uuid)) == [State.PENDING]


@pytest.mark.parametrize(
    ("changes", "argument", "said"),
    [
        ({}, "", "participant is missing"),
        ({}, "participant=0", "must be 1 or more"),
        ({}, "participant=2", "must be from 1 to 1"),
        ({"participants": None}, "participant=1", "/participants"),
        ({"participants": ["a"]}, "participant=1", "/participants"),
        ({"participants": ["a", 5]}, "participant=1", "/participants/1"),
        ({"participants": ["a", "b c"]}, "participant=1", "/participants/1"),
        ({"tool": "none"}, "participant=1", "/tool: there is no tool none"),
        ({"tool": "ping"}, "participant=1", "/tool: ping declines"),
        ({"tool": None}, "participant=1", "/tool"),
        ({"_key": "another"}, "participant=1", "already"),
        ({"strange": 1}, "participant=1", "strange"),
    ],
)
def test_an_invitation_that_cannot_be_followed_is_refused_by_its_member(
    cluster: Cluster, changes: dict[str, Any], argument: str, said: str
) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))
    invitation = next(heard.body for heard in cluster.heard if heard.line.startswith("POST"))

    status, text = cluster.api(OTHER, "POST", f"/tasks/{uuid}?{argument}", {**invitation, **changes})

    assert status == 400
    assert said in text


def test_a_run_posted_at_the_lead_is_placed_at_all_or_at_none(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"start": "PT1H"}))
    start = format_timestamp(now() + seconds(600))

    status, href = cluster.api(LEAD, "POST", f"/tasks/{uuid}/runs", {"start-time": start})
    assert status == 200
    placed = href.rpartition("/")[2]
    cluster.faults.append(answering(OTHER, "PUT", "/runs/", 409))
    refused, _ = cluster.api(LEAD, "POST", f"/tasks/{uuid}/runs", {"start-time": start})

    assert refused == 424
    assert placed in [run.uuid for run in runs_at(cluster, OTHER, uuid)]
    assert len(runs_at(cluster, LEAD, uuid)) == len(runs_at(cluster, OTHER, uuid)) == 2


def test_keep_after_archive_is_not_told_to_nodes_that_know_no_schema_5(cluster: Cluster) -> None:
    document = idle(LEAD, OTHER, schema=5, archives=[], **{"keep-after-archive": "PT1H"})

    uuid = posted(cluster, document)

    invitation = next(heard.body for heard in cluster.heard if heard.line.startswith("POST"))
    assert invitation["schema"] == 4
    assert "keep-after-archive" not in invitation
    assert task_at(cluster, LEAD, uuid).document["schema"] == 5

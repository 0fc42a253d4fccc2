"""Tasks with several participants, from their posting to their end, at lead and others."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import SECOND, UTC
from chalicelib.infrastructure.peer_http import Call
from chalicelib.service.coordination import collection
from chalicelib.service.execution import supervisor
from chalicelib.service.peers.peer_client import Deadline
from chalicelib.store import outbox_table, run_table, task_table
from tests import due
from tests.cluster import LEAD, OTHER, THIRD, Cluster, answering, down, posted, silent
from tests.service.machines import FakeMachine, keep_a_worker, perform_all

pytestmark = pytest.mark.usefixtures("empty_aws")

STRANGER = "198.51.100.7"


def idle(*hosts: str, **changes: Any) -> dict[str, Any]:
    spec = {"schema": 2, "duration": "PT2S", "host": list(hosts)}
    return {"schema": 1, "test": {"type": "idle", "spec": spec}, "schedule": {}, **changes}


def idleex(*hosts: str, **changes: Any) -> dict[str, Any]:
    document = idle(*hosts, **changes)
    return {**document, "test": {**document["test"], "type": "idleex"}}


def task_at(cluster: Cluster, host: str, uuid: str) -> Task:
    with cluster.acting(host):
        return task_table.get(host, uuid)


def runs_at(cluster: Cluster, host: str, uuid: str) -> list[Run]:
    with cluster.acting(host):
        return [run_table.get(host, uuid, run.uuid) for run in run_table.in_order(host, uuid)]


def perform(cluster: Cluster, host: str, uuid: str, run: Run) -> Run:
    with cluster.acting(host):
        perform_all(host, uuid, run.uuid, FakeMachine(run.start))
        return run_table.get(host, uuid, run.uuid)


def test_a_task_is_taken_in_by_all_and_its_first_run_placed_before_the_answer(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))

    (here,), (there,) = runs_at(cluster, LEAD, uuid), runs_at(cluster, OTHER, uuid)
    assert (here.uuid, here.start) == (there.uuid, there.start)
    assert here.state is there.state is State.PENDING
    assert here.documents.participant_data_full == there.documents.participant_data_full == [{}, {}]
    assert not here.awaiting
    assert not there.awaiting
    assert cluster.lines(OTHER) == [
        "GET /api",
        "GET /tools",
        "POST /tasks/*",
        "GET /tasks/*",
        "GET /",
        "GET /tasks/*/runtimes",
        "PUT /tasks/*/runs/*",
        "GET /tasks/*/runs/*",
        "PUT /tasks/*/runs/*",
    ]
    assert cluster.lines(LEAD) == []  # it need not ask itself


def test_the_first_run_is_as_far_ahead_however_long_it_took_to_take_the_others_in(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A reference server under load takes seconds for each request: with its first ones gone since the
    # posting, the run would be sent to its runner late, or lie in the past.
    slowness = 0.0

    def taking_long(call: Call) -> None:
        nonlocal slowness
        slowness += 5.0 if call.method == "POST" else 0.0

    cluster.faults.append(taking_long)
    spent = Deadline.spent.fget
    assert spent is not None
    monkeypatch.setattr(Deadline, "spent", property(lambda deadline: spent(deadline) + slowness))

    uuid = posted(cluster, idle(LEAD, OTHER))

    (run,) = runs_at(cluster, LEAD, uuid)
    assert run.start - task_at(cluster, LEAD, uuid).added > (5 + 9) * SECOND


def test_both_perform_and_the_lead_merges(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))
    (run,) = runs_at(cluster, LEAD, uuid)

    theirs = perform(cluster, OTHER, uuid, run)
    ours = perform(cluster, LEAD, uuid, run)

    assert theirs.state is State.FINISHED
    assert theirs.documents.result is not None
    assert theirs.documents.result_full is None
    assert ours.state is State.FINISHED
    assert ours.documents.result_full == [ours.documents.result, theirs.documents.result]
    assert ours.documents.result_merged["succeeded"] is True
    assert ours.documents.clock_survey is None


def test_what_a_participant_does_not_report_is_null_and_said_so(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))
    (run,) = runs_at(cluster, LEAD, uuid)
    cluster.faults.append(answering(OTHER, "GET", "/runs/", 404, "no such run"))

    ours = perform(cluster, LEAD, uuid, run)

    assert ours.state is State.FINISHED  # an idle's result is what the first participant slept
    assert ours.documents.result_full == [ours.documents.result, None]
    assert OTHER in (ours.errors or "")


def test_the_clocks_of_all_are_surveyed_when_a_run_fails(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER, THIRD))
    (run,) = runs_at(cluster, LEAD, uuid)
    cluster.faults += [down(THIRD), answering(OTHER, "GET", "/runs/", 410)]
    monkeypatch.setattr(collection, "RESULTS", 2.0)
    monkeypatch.setattr("plugins.tools.idle.idle_tool.comments", lambda spec: 1 / 0)

    ours = perform(cluster, LEAD, uuid, run)

    assert ours.state is State.FAILED
    assert ours.documents.result_full[1:] == [None, None]
    own, other, third = ours.documents.clock_survey
    assert "time" in own
    assert "time" in other
    assert THIRD in third["error"]


def test_a_lead_whose_own_tool_was_stopped_still_waits_for_the_others(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))
    (run,) = runs_at(cluster, LEAD, uuid)
    machine = FakeMachine(run.start)
    keep_a_worker(monkeypatch)
    monkeypatch.setattr(supervisor, "WATCH_EVERY", 0.05)
    monkeypatch.setattr(collection, "RESULTS", 1.2)

    def sleep_too_long() -> None:
        machine.moment = run.end + 10 * SECOND
        machine.wait_until_cancelled()

    machine.asleep = sleep_too_long
    with cluster.acting(LEAD):
        perform_all(LEAD, uuid, run.uuid, machine)
        ours = run_table.get(LEAD, uuid, run.uuid)

    assert ours.state is State.FAILED
    assert "took longer than" in ours.documents.result_full[0]["error"]
    assert f"{OTHER} has no result of its own" in (ours.errors or "")


def test_the_key_of_a_task_lets_its_lead_write_at_the_others_and_nobody_else(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))
    lead, other = task_at(cluster, LEAD, uuid), task_at(cluster, OTHER, uuid)
    (run,) = runs_at(cluster, LEAD, uuid)
    path = f"/tasks/{uuid}/runs/{run.uuid}"

    assert lead.participant_key is not None
    assert len(lead.participant_key) >= 32
    assert (lead.key, other.key, other.participant_key) == (None, lead.participant_key, None)
    assert cluster.api(OTHER, "DELETE", path, caller=STRANGER)[0] == 403
    assert cluster.api(OTHER, "DELETE", f"{path}?key=wrong", caller=STRANGER)[0] == 403
    status, said = cluster.api(LEAD, "DELETE", f"/tasks/{uuid}", caller=STRANGER)
    assert (status, said) == (403, "Only this host or the holder of the task's key may do this")
    assert cluster.api(OTHER, "GET", f"{path}?key=wrong")[0] == 403
    assert cluster.api(OTHER, "DELETE", f"{path}?key={lead.participant_key}", caller=STRANGER)[0] == 200


def test_a_key_of_the_tasks_own_is_the_participants_too(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER, _key="secret"))

    assert task_at(cluster, LEAD, uuid).participant_key == "secret"
    assert task_at(cluster, OTHER, uuid).key == "secret"
    assert cluster.api(OTHER, "GET", f"/tasks/{uuid}?key=secret")[1]["_key"] is None


@pytest.mark.parametrize("fault", [down(OTHER), silent(OTHER)])
def test_a_participant_that_does_not_answer_is_named_and_nothing_stays(cluster: Cluster, fault: Any) -> None:
    cluster.faults.append(fault)

    status, said = cluster.api(LEAD, "POST", "/tasks", idle(LEAD, OTHER))

    assert status == 424
    assert OTHER in said
    assert cluster.api(LEAD, "GET", "/tasks") == (200, [])


def test_tools_are_chosen_among_those_all_will_use_and_the_lack_of_one_is_reported(cluster: Cluster) -> None:
    offer = '[{"can-run": {"can-run": false, "reasons": ["Out of order"]}, "tool": {"name": "snooze"}}]'
    cluster.faults.append(answering(OTHER, "GET", "/tools", 200, offer))

    status, said = cluster.api(LEAD, "POST", "/tasks", idle(LEAD, OTHER))

    assert status == 422
    assert f"{LEAD} offers snooze" in said
    assert f"{OTHER} offers nothing" in said
    assert "snooze declines: Out of order" in said


def test_an_old_participant_lists_the_willing_tools_only(cluster: Cluster) -> None:
    cluster.faults.append(answering(OTHER, "GET", "/api", 200, "5"))
    cluster.faults.append(answering(OTHER, "GET", "/tools", 200, '[{"name": "snooze"}]'))

    uuid = posted(cluster, idle(LEAD, OTHER))

    assert task_at(cluster, OTHER, uuid).tool == "snooze"


@pytest.mark.parametrize("text", ["{}", "no JSON", '"6"', "true"])
def test_what_is_not_pscheduler_is_told_from_it(cluster: Cluster, text: str) -> None:
    cluster.faults.append(answering(OTHER, "GET", "/api", 200, text))

    status, said = cluster.api(LEAD, "POST", "/tasks", idle(LEAD, OTHER))

    assert status == 424
    assert OTHER in said


def test_one_that_refuses_the_task_undoes_it_everywhere(cluster: Cluster) -> None:
    cluster.faults.append(answering(THIRD, "POST", "/tasks/", 403, "Not on a Sunday"))

    status, said = cluster.api(LEAD, "POST", "/tasks", idle(LEAD, OTHER, THIRD))

    assert status == 424
    assert THIRD in said
    assert "Not on a Sunday" in said
    assert cluster.api(LEAD, "GET", "/tasks") == (200, [])
    ((_, _, uuid),) = (href.rpartition("/") for href in cluster.api(OTHER, "GET", "/tasks")[1])
    with cluster.acting(LEAD):
        assert outbox_table.length(LEAD) == 2
        for outbox_request in due.outbox_requests(LEAD, now()):
            attempt(outbox_request)
        assert outbox_table.length(LEAD) == 1  # the third never knew of it, or did not say so
    assert not task_at(cluster, OTHER, uuid).enabled


def now() -> dt.datetime:
    return dt.datetime.now(UTC)


def attempt(outbox_request: str) -> None:
    from chalicelib.service.peers import outbox as service

    service.attempt(NodeName(LEAD), outbox_request, now())


def test_deleting_at_the_lead_deletes_at_all_however_long_it_takes(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER, schedule={"repeat": "PT1H"}))
    cluster.faults.append(down(OTHER))
    assert cluster.api(LEAD, "DELETE", f"/tasks/{uuid}")[0] == 200
    with cluster.acting(LEAD):
        (outbox_request,) = due.outbox_requests(LEAD, now())
        attempt(outbox_request)
        assert "cannot be reached" in (outbox_table.get(LEAD, outbox_request).error or "")
        assert (outbox_table.backlog(LEAD), outbox_table.length(LEAD)) == (0, 1)
    assert task_at(cluster, OTHER, uuid).enabled

    cluster.faults.clear()
    with cluster.acting(LEAD):
        later = outbox_table.get(LEAD, outbox_request).next_attempt
        assert due.outbox_requests(LEAD, later) == [outbox_request]
        from chalicelib.service.peers import outbox as service

        service.attempt(LEAD, outbox_request, later)
        assert outbox_table.length(LEAD) == 0

    assert not task_at(cluster, OTHER, uuid).enabled
    assert runs_at(cluster, OTHER, uuid) == []
    assert runs_at(cluster, LEAD, uuid) == []


def test_a_task_posted_again_under_its_key_is_shared_once(cluster: Cluster) -> None:
    again = {"Idempotency-Key": "monday"}
    cluster.faults.append(answering(OTHER, "POST", "/tasks/", 403))
    assert cluster.api(LEAD, "POST", "/tasks", idle(LEAD, OTHER), headers=again)[0] == 424
    cluster.faults.clear()

    first = cluster.api(LEAD, "POST", "/tasks", idle(LEAD, OTHER), headers=again)
    second = cluster.api(LEAD, "POST", "/tasks", idle(LEAD, OTHER), headers=again)

    assert first == second
    assert first[0] == 200
    assert len(cluster.api(OTHER, "GET", "/tasks")[1]) == 1


def test_a_rehearsal_asks_the_others_and_stores_nothing_anywhere(cluster: Cluster) -> None:
    status, described_dry_run = cluster.api(LEAD, "POST", "/tasks?dry-run", idle(LEAD, OTHER))

    assert status == 200
    assert described_dry_run["task"]["tool"] == "snooze"
    assert cluster.lines(OTHER) == ["GET /api", "GET /tools"]
    assert cluster.api(LEAD, "GET", "/tasks") == cluster.api(OTHER, "GET", "/tasks") == (200, [])


def test_the_participant_at_fault_is_a_member_of_its_own_in_a_problem_document(cluster: Cluster) -> None:
    cluster.faults.append(down(OTHER))
    headers = {"Accept": "application/problem+json"}

    status, problem = cluster.api(LEAD, "POST", "/tasks", idle(LEAD, OTHER), headers=headers)

    assert (status, problem["participant"]) == (424, OTHER)
    assert OTHER in problem["detail"]


def test_others_are_asked_from_the_address_the_task_says(cluster: Cluster) -> None:
    seen: list[str | None] = []

    def look(call: Call) -> None:
        seen.append(call.bind)

    cluster.faults.append(look)

    uuid = posted(cluster, idle(LEAD, OTHER, **{"lead-bind": "127.0.0.1"}))
    cluster.api(LEAD, "DELETE", f"/tasks/{uuid}")

    assert set(seen) == {"127.0.0.1"}
    with cluster.acting(LEAD):
        assert [
            outbox_table.get(LEAD, outbox_request).bind for outbox_request in due.outbox_requests(LEAD, now())
        ] == ["127.0.0.1"]

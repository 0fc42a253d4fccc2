"""Where results are delivered: what is shown of it, and trying again what was given up."""

from typing import Any

import pytest

from chalicelib.service.archiving import attempt
from chalicelib.service.archiving.archive_specs import MOST
from chalicelib.store import delivery_table
from tests.api.conftest import Api
from tests.builders import NODE

BIN = {"archiver": "bitbucket", "data": {}}
FAILS = {"archiver": "failer", "data": {"fail": 1.0, "retry": 0.0}, "schema": 3, "label": "fails"}


def ended(api: Api, *archives: dict[str, Any]) -> tuple[str, str]:
    """A task whose run is over, each of its deliveries attempted once; and the run's uuid."""
    task = api.post_task(archives=list(archives))
    run = api.run(task)
    for number in range(len(archives)):
        attempt.deliver(NODE, run.uuid, number, run.end)
    return task, run.uuid


def retried(api: Api, wanted: dict[str, Any], query: str = "") -> dict[str, Any]:
    status, answer = api.ask("POST", f"/archivings/retry{query}", {"filter": wanted})
    assert status == 200, answer
    found: dict[str, Any] = answer
    return found


def test_what_was_given_up_is_listed_with_its_error(api: Api) -> None:
    task, run = ended(api, FAILS, BIN)

    (one,) = api.get("/archivings")

    assert (one["id"], one["state"], one["attempts"]) == (f"{run}-0", "failed", 1)
    assert one["last_error"] == "Failed at random, as it was told to"
    assert one["next_attempt"] is None
    assert one["run-href"] == f"http://node.test{task}/runs/{run}"
    (done,) = api.get("/archivings?state=archived")
    assert (done["archiver"]["name"], done["last_error"]) == ("bitbucket", None)


def test_what_is_still_to_be_attempted_is_listed_at_once(api: Api) -> None:
    api.run(api.post_task(archives=[BIN]))

    (one,) = api.get("/archivings?state=waiting")

    assert (one["attempts"], one["completed"]) == (0, False)
    assert one["next_attempt"] is not None


def test_the_list_is_filtered_and_cut(api: Api) -> None:
    task, _ = ended(api, FAILS, FAILS)
    ended(api, {**FAILS, "label": "other"})

    assert len(api.get(f"/archivings?task={task.rpartition('/')[2]}")) == 2
    assert len(api.get("/archivings?label=other")) == 1
    assert api.get("/archivings?archiver=http") == []
    first = api.get("/archivings?limit=2")
    link = api.headers["Link"].partition(">")[0].removeprefix("<http://node.test")
    assert len({each["id"] for each in [*first, *api.get(link)]}) == 3


def test_a_state_that_is_none_is_refused(api: Api) -> None:
    assert "must be one of waiting, under-way, archived, failed" in api.get("/archivings?state=lost", 400)


def test_private_settings_are_not_listed(api: Api) -> None:
    private = {"archiver": "http", "data": {"_url": "http://127.0.0.1:9/canary"}}
    ended(api, private)

    api.get("/archivings")

    assert b"canary" not in api.body


def test_what_was_given_up_is_tried_again(api: Api) -> None:
    _, run = ended(api, FAILS, FAILS)

    answer = retried(api, {"label": "fails"})

    assert answer == {"retried": [f"{run}-0", f"{run}-1"], "dry-run": False, "complete": True}
    assert api.get("/archivings") == []
    again = delivery_table.get(NODE, run, 0)
    assert (again.attempts, again.completed) == (0, False)
    assert len(again.diags) == 1


def test_a_rehearsal_tries_none(api: Api) -> None:
    _, run = ended(api, FAILS)

    assert retried(api, {}, "?dry-run")["retried"] == [f"{run}-0"]
    assert len(api.get("/archivings")) == 1


@pytest.mark.parametrize("body", [None, [], {}, {"filter": {"state": "failed"}}, {"filter": {"run": 5}}])
def test_a_filter_that_is_none_is_refused(api: Api, body: Any) -> None:
    assert api.ask("POST", "/archivings/retry", body)[0] == 400


def test_only_who_operates_the_node_may_try_again(api: Api) -> None:
    from chalice.local import LambdaEventConverter

    ended(api, FAILS)
    LambdaEventConverter.LOCAL_SOURCE_IP = "198.51.100.7"

    status, complaint = api.ask("POST", "/archivings/retry", {"filter": {}})

    assert status == 403
    assert "Only this machine itself" in str(complaint)
    assert len(api.get("/archivings")) == 1


def test_a_task_has_no_more_archives_than_one_transaction_writes(api: Api) -> None:
    status, complaint = api.ask("POST", "/tasks", {**IDLE, "archives": [BIN] * (MOST + 1)})
    assert (status, complaint) == (
        400,
        f"/archives: has {MOST + 1} archives; a task can have at most {MOST}\n",
    )

    task, _ = ended(api, *[BIN] * MOST)

    archivings = api.get(f"{task}/runs/first")["archivings"]
    assert [one["archived"] for one in archivings] == [True] * MOST


IDLE = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT2S"}}, "schedule": {}}


def test_hrefs_lead_to_where_the_task_was_posted(api: Api) -> None:
    task = api.post_task(archives=[BIN, {**BIN, "schema": 2, "uri-host": "elsewhere.example:8443"}])
    run = api.run(task)
    from chalicelib.store import run_table, task_table

    owner = task_table.get(NODE, run.task)
    stored = run_table.get(NODE, run.task, run.uuid)
    shown = [attempt.document(each, owner, stored) for each in delivery_table.of_run(NODE, run.uuid)]

    assert shown[0]["task"]["href"] == f"http://node.test{task}"
    assert shown[0]["run"]["href"] == f"http://node.test{task}/runs/{run.uuid}"
    assert shown[1]["task"]["href"] == f"https://elsewhere.example:8443/pscheduler{task}"


def test_an_archive_asks_for_ends_without_results_since_schema_4(api: Api) -> None:
    asking = {**BIN, "events": ["nonstart", "missed", "preempted", "canceled", "overdue"]}

    assert api.ask("POST", "/tasks", {**IDLE, "archives": [{**asking, "schema": 4}]})[0] == 200
    assert api.ask("POST", "/tasks", {**IDLE, "archives": [{**asking, "schema": 3}]})[0] == 400
    wrong = {**BIN, "schema": 4, "events": ["finished"]}
    assert api.ask("POST", "/tasks", {**IDLE, "archives": [wrong]})[0] == 400


def test_a_run_that_cannot_be_placed_is_told_to_archives_that_ask(api: Api) -> None:
    exclusive = {"schema": 1, "test": {"type": "idleex", "spec": {"duration": "PT10M"}}}
    api.post_task(**{**exclusive, "schedule": {"start": "PT1M"}})
    asking = {**BIN, "schema": 4, "events": ["nonstart"]}

    task = api.post_task(**{**exclusive, "schedule": {"start": "PT2M"}, "archives": [asking]})

    run = api.get(f"{task}/runs/first")
    assert run["state"] == "nonstart"
    assert [one["state"] for one in run["archivings"]] == ["waiting"]


def test_a_run_that_is_cancelled_is_told_to_archives_that_ask(api: Api) -> None:
    from chalicelib.service.execution import runner
    from chalicelib.store import run_table, task_table

    asking = {**BIN, "schema": 4, "events": ["canceled"]}
    task = api.post_task(archives=[asking])
    uuid = task.rpartition("/")[2]
    owner = task_table.get(NODE, uuid)
    run = run_table.get(NODE, uuid, run_table.first(NODE, uuid) or "none")
    runner.begin(owner, run, run.start)

    assert api.ask("DELETE", f"{task}/runs/{run.uuid}")[0] == 200

    (one,) = api.get(f"{task}/runs/{run.uuid}")["archivings"]
    assert one["spec"]["events"] == ["canceled"]

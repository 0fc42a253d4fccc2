"""Runs and their results through the pages (docs/contract/api.md, Runs)."""

import dataclasses
import datetime as dt
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.api.http import request as asked
from chalicelib.api.http import router
from chalicelib.api.http.request import Request
from chalicelib.api.pages import run_result as results_page
from chalicelib.domain.run_states import State
from chalicelib.domain.times import UTC, format_timestamp
from chalicelib.service.archiving import attempt
from chalicelib.service.coordination import participation, run_updates
from chalicelib.service.execution import runner
from chalicelib.store import run_items, run_table, task_table
from tests.api.conftest import Api, query
from tests.builders import NODE

LATER = {"start": "PT1H"}
EXCLUSIVE = {"type": "idleex", "spec": {"duration": "PT2S"}}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
NOOP = {"type": "noop", "spec": {"data": {"_secret": "hush", "open": 1}}}


@pytest.fixture(autouse=True)
def _looks_come_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "LOOK_EVERY", 0.01)


def in_an_hour(seconds: float = 0) -> str:
    return format_timestamp(dt.datetime.now(UTC) + dt.timedelta(hours=1, seconds=seconds))


def bare(href: str) -> str:
    return href.removeprefix("http://node.test")


# --- lists ------------------------------------------------------------------------------------------


def test_runs_are_listed_in_the_order_of_their_starts(api: Api) -> None:
    task = api.post_task(schedule={**LATER, "repeat": "PT1H", "max-runs": 3})

    hrefs = api.get(f"{task}/runs")

    starts = [api.get(bare(href))["start-time"] for href in hrefs]
    assert len(starts) == 3
    assert starts == sorted(starts)
    assert api.get(f"{task}/runs?limit=2") == hrefs[:2]
    assert api.get(query(f"{task}/runs", start=starts[1])) == hrefs[1:]
    assert api.get(query(f"{task}/runs", end=starts[1])) == hrefs[:1]
    assert api.get(query(f"{task}/runs", start=starts[1], end=starts[0])) == []


def test_upcoming_runs_are_those_that_have_not_ended(api: Api) -> None:
    task = api.post_task()
    api.run(task)
    assert len(api.get(f"{task}/runs")) == 1

    assert api.get(f"{task}/runs?upcoming") == []
    assert len(api.get(f"{api.post_task(schedule=LATER)}/runs?upcoming")) == 1


@pytest.mark.parametrize("arguments", ["start=x", "end=x", "limit=0", "limit=x", "limit=-1"])
def test_bad_arguments_of_a_list_are_named(api: Api, arguments: str) -> None:
    task = api.post_task(schedule=LATER)

    assert arguments.split("=", maxsplit=1)[0] in api.get(f"{task}/runs?{arguments}", 400)


def test_an_unknown_task_has_no_runs(api: Api) -> None:
    assert api.get(f"/tasks/{UNKNOWN}/runs") == []
    assert api.get("/tasks/zz/runs", 404)


# --- one run ----------------------------------------------------------------------------------------


def test_a_run_shows_all_its_members_and_null_where_there_is_nothing_yet(api: Api) -> None:
    task = api.post_task(schedule=LATER)

    run = api.get(f"{task}/runs/first")

    assert run["state"] == "pending"
    assert run["participant"] == 0
    assert len(run["participants"]) == 1
    assert run["participant-data-full"] == [run["participant-data"]]
    assert {run[name] for name in ("result", "result-full", "result-merged", "errors", "priority")} == {None}
    assert run["task-href"] == f"http://node.test{task}"
    assert run["result-href"] == f"{run['href']}/result"
    assert not {"clock-survey", "archivings"} & set(run)
    assert api.get(bare(run["href"])) == run


def test_a_run_that_is_over_shows_what_came_of_it(api: Api) -> None:
    task = api.post_task(archives=[{"archiver": "bitbucket", "data": {}, "schema": 3, "label": "bin"}])
    ended = api.run(task)
    attempt.deliver(NODE, ended.uuid, 0, ended.end)

    run = api.get(f"{task}/runs/first")

    assert run["state"] == "finished"
    assert run["result-merged"]["succeeded"] is True
    assert run["result-full"] == [run["result"]]
    (one,) = run["archivings"]
    assert (one["archived"], one["completed"], one["spec"]["label"]) == (True, True, "bin")
    assert one["diags"][0]["return-code"] == 0


REFUSED = {"type": "http", "spec": {"url": "http://127.0.0.1:9/"}}
"""A measurement that fails at once: nobody listens at that port."""


def test_a_run_that_failed_shows_where_it_was_delivered(api: Api) -> None:
    archive = {"archiver": "bitbucket", "data": {}, "schema": 2, "runs": "all"}
    task = api.post_task(test=REFUSED, archives=[archive])
    ended = api.run(task)
    attempt.deliver(NODE, ended.uuid, 0, ended.end)

    run = api.get(f"{task}/runs/first")

    assert (run["state"], run["result-merged"]) == ("failed", None)
    (one,) = run["archivings"]
    assert (one["archived"], one["diags"][0]["stdout"]["succeeded"]) == (True, True)


def test_a_failed_run_has_the_clock_survey(api: Api) -> None:
    task = api.post_task(test={"type": "noop", "spec": {"data": {}, "fail": 1}})
    api.run(task)

    run = api.get(f"{task}/runs/first")

    assert run["state"] == "failed"
    assert run["clock-survey"][0]["time"]


@pytest.mark.parametrize("name", ["zz", "last", UNKNOWN, f"urn:uuid:{UNKNOWN}"])
def test_what_is_no_run_is_not_found(api: Api, name: str) -> None:
    assert api.get(f"{api.post_task(schedule=LATER)}/runs/{name}", 404)


def test_the_next_run_starts_now_or_later_and_the_first_may_be_over(api: Api) -> None:
    task = api.post_task(schedule={"repeat": "PT1H", "max-runs": 2})
    first = api.run(task)
    old = dt.datetime.now(UTC) - dt.timedelta(hours=3)
    run_table.delete(first)
    moved = first.evolve(start=old, end=old + dt.timedelta(seconds=2), revision=0)
    run_items.to_item(moved).save()

    assert api.get(f"{task}/runs/first")["start-time"] == format_timestamp(old)
    assert api.get(f"{task}/runs/next")["start-time"] > format_timestamp(dt.datetime.now(UTC))


def test_a_run_that_will_not_come_is_waited_for_as_long_as_asked_and_no_longer(api: Api) -> None:
    task = api.post_task(schedule=LATER)
    api.ask("DELETE", f"{task}/runs/{run_table.first(NODE, task.rsplit('/', 1)[-1])}")

    assert "no first run" in api.get(f"{task}/runs/first?wait=0", 404)
    assert "no next run" in api.get(f"{task}/runs/next?wait=0", 404)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("wait-local&wait-merged", "cannot be combined"),
        ("wait=x", "wait"),
        ("wait=-1", "wait"),
        ("wait-local&wait=-1", "wait"),
    ],
)
def test_a_wait_that_makes_no_sense_is_named(api: Api, arguments: str, complaint: str) -> None:
    task = api.post_task(schedule=LATER)

    assert complaint in api.get(f"{task}/runs/first?{arguments}", 400)


@pytest.mark.parametrize("wait", ["wait-local", "wait-merged"])
def test_a_wait_that_ends_without_a_result_answers_the_run_as_it_is(api: Api, wait: str) -> None:
    task = api.post_task(schedule=LATER)

    assert api.get(f"{task}/runs/first?{wait}&wait=0")["state"] == "pending"


def test_a_wait_ends_when_the_result_is_there(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    task = api.post_task()
    monkeypatch.setattr(router.time, "sleep", lambda seconds: api.run(task))

    assert api.get(f"{task}/runs/first?wait-merged&wait=5")["state"] == "finished"


# --- placing ----------------------------------------------------------------------------------------


def test_a_run_is_placed_at_its_second_and_visible_at_once(api: Api) -> None:
    task = api.post_task(schedule=LATER)
    start = in_an_hour(600)

    status, href = api.ask("POST", f"{task}/runs", {"start-time": start})

    assert status == 200
    assert api.get(bare(href))["start-time"] == format_timestamp(
        dt.datetime.fromisoformat(start).replace(microsecond=0)
    )
    assert api.get(bare(href))["state"] == "pending"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "/start-time"),
        ({"start-time": None}, "/start-time"),
        ({"start-time": "x"}, "timestamp"),
        ({"start-time": 5}, "/start-time"),
        ({"schema": 2, "start-time": "2030-01-01T00:00:00Z"}, "/schema"),
        ({"start-time": "2199-01-01T00:00:00Z"}, "horizon"),
        ({"start-time": "0001-01-01"}, "P2D ago"),
        ([], "object"),
        (b"{", "JSON"),
        (b"", "JSON"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_is_wrong_with_a_placement_is_named(api: Api, method: str, body: Any, complaint: str) -> None:
    path = f"{api.post_task(schedule=LATER)}/runs" + ("" if method == "POST" else f"/{UNKNOWN}")

    status, text = api.ask(method, path, body)

    assert (status, complaint in text) == (400, True), text


def test_a_second_exclusive_run_conflicts_and_names_the_first(api: Api) -> None:
    task = api.post_task(test=EXCLUSIVE, schedule=LATER)
    taken = api.get(f"{task}/runs/first")

    for method, path in (("POST", f"{task}/runs"), ("PUT", f"{task}/runs/{UNKNOWN}")):
        status, text = api.ask(method, path, {"start-time": taken["start-time"]})
        assert status == 409
        assert taken["href"].rsplit("/", 1)[-1] in text


def test_an_unknown_task_takes_no_runs(api: Api) -> None:
    assert api.ask("POST", f"/tasks/{UNKNOWN}/runs", {"start-time": in_an_hour()})[0] == 404
    assert api.ask("PUT", f"/tasks/{UNKNOWN}/runs/{UNKNOWN}", {"start-time": in_an_hour()})[0] == 404


# --- changing ---------------------------------------------------------------------------------------


def test_a_run_is_told_what_its_participants_have_said(api: Api) -> None:
    task = api.post_task(schedule=LATER)
    run = bare(api.get(f"{task}/runs")[0])

    assert api.ask("PUT", run, {"part-data-full": [{"port": 5000}]}) == (200, "OK\n")

    assert api.get(run)["participant-data-full"] == [{"port": 5000}]


@pytest.mark.parametrize(("succeeded", "state"), [(True, "finished"), (False, "failed")])
def test_a_running_run_takes_the_results_of_all(api: Api, succeeded: bool, state: str) -> None:
    task = api.post_task()
    uuid = task.rsplit("/", 1)[-1]
    found = run_table.get(NODE, uuid, run_table.first(NODE, uuid) or "")
    runner.begin(task_table.get(NODE, uuid), found, found.start)

    status, _ = api.ask(
        "PUT", f"{task}/runs/{found.uuid}", {"result-full": [{"a": 1}], "succeeded": succeeded}
    )

    assert status == 200
    run = api.get(f"{task}/runs/first")
    assert (run["result-full"], run["state"]) == ([{"a": 1}], state)
    assert run.get("reason", {}).get("code") == (None if succeeded else "reported-failed")


def test_a_failure_that_is_put_says_what_its_participants_say(api: Api) -> None:
    task = api.post_task()
    uuid = task.rsplit("/", 1)[-1]
    found = run_table.get(NODE, uuid, run_table.first(NODE, uuid) or "")
    runner.begin(task_table.get(NODE, uuid), found, found.start)
    body = {"result-full": [{"succeeded": False, "error": "no route"}], "succeeded": False}

    assert api.ask("PUT", f"{task}/runs/{found.uuid}", body)[0] == 200

    assert "participant 0: no route" in api.get(f"{task}/runs/first")["reason"]["message"]


def test_a_run_that_is_over_keeps_its_results(api: Api) -> None:
    task = api.post_task()
    uuid = api.run(task).uuid
    before = api.get(f"{task}/runs/{uuid}")
    full = before["result-full"]

    contradicted = api.ask("PUT", f"{task}/runs/{uuid}", {"result-full": full, "succeeded": False})
    replaced = api.ask("PUT", f"{task}/runs/{uuid}", {"result-full": [{"a": 1}], "succeeded": True})
    repeated = api.ask("PUT", f"{task}/runs/{uuid}", {"result-full": full, "succeeded": True})

    assert (contradicted[0], replaced[0], repeated[0]) == (409, 409, 200)
    assert api.get(f"{task}/runs/{uuid}") == before


@pytest.mark.parametrize("kind", ["idle", "idleex"])
def test_a_run_that_is_put_many_times_at_once_is_placed_once(api: Api, kind: str) -> None:
    task = task_table.get(
        NODE,
        api.post_task(test={"type": kind, "spec": {"duration": "PT2S"}}, schedule=LATER).rsplit("/", 1)[-1],
    )
    now = dt.datetime.now(UTC)
    start = now + dt.timedelta(hours=3)

    with ThreadPoolExecutor(8) as pool:
        placed = list(pool.map(lambda _: participation.place_once(task, start, now, UNKNOWN), range(8)))

    assert {(run.uuid, run.state.value) for run in placed} == {(UNKNOWN, "pending")}
    assert len(api.get(f"/tasks/{task.uuid}/runs")) == 2


def test_data_that_is_put_many_times_at_once_is_taken_every_time(api: Api) -> None:
    task = task_table.get(NODE, api.post_task(schedule=LATER).rsplit("/", 1)[-1])
    now = dt.datetime.now(UTC)
    run = run_table.get(NODE, task.uuid, run_table.first(NODE, task.uuid) or "")
    body = {"part-data-full": [{"port": 5000}]}

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: run_updates.update(task, run, body, now), range(8)))

    assert {str(each.documents.participant_data_full) for each in told} == {"[{'port': 5000}]"}


@pytest.mark.parametrize(
    ("body", "status", "complaint"),
    [
        ({}, 400, "part-data-full"),
        ({"x": 1}, 400, "part-data-full"),
        ({"part-data-full": "x"}, 400, "/part-data-full"),
        ({"part-data-full": [{}, {}]}, 400, "/part-data-full"),
        ({"result-full": [{}]}, 400, "/succeeded"),
        ({"result-full": [{}], "succeeded": "yes"}, 400, "/succeeded"),
        ({"result-full": {}, "succeeded": True}, 400, "/result-full"),
        ({"result-full": [{}], "succeeded": True}, 400, "pending takes no results"),
    ],
)
def test_what_is_wrong_with_a_change_is_named(
    api: Api, body: dict[str, Any], status: int, complaint: str
) -> None:
    task = api.post_task(schedule=LATER)

    got, text = api.ask("PUT", bare(api.get(f"{task}/runs")[0]), body)

    assert (got, complaint in text) == (status, True), text


def test_a_run_is_changed_under_its_own_task_alone(api: Api) -> None:
    mine, other = api.post_task(schedule=LATER), api.post_task(schedule=LATER)
    uuid = api.get(f"{mine}/runs")[0].rsplit("/", 1)[-1]

    assert api.get(f"{other}/runs/{uuid}", 404)
    assert api.ask("DELETE", f"{other}/runs/{uuid}")[0] == 404
    assert (
        api.ask("PUT", f"{other}/runs/{uuid}", {"part-data-full": [{}]})[0] == 400
    )  # there is none to change


# --- deleting ---------------------------------------------------------------------------------------


def test_a_run_to_come_is_forgotten_and_its_time_free(api: Api) -> None:
    task = api.post_task(test=EXCLUSIVE, schedule=LATER)
    run = api.get(f"{task}/runs/first")

    assert api.ask("DELETE", bare(run["href"])) == (200, "OK\n")

    assert api.get(bare(run["href"]), 404)
    assert api.ask("POST", f"{task}/runs", {"start-time": run["start-time"]})[0] == 200


def test_a_run_that_is_over_is_forgotten_with_its_deliveries(api: Api) -> None:
    task = api.post_task(archives=[{"archiver": "bitbucket", "data": {}}])
    ended = api.run(task)

    assert api.ask("DELETE", f"{task}/runs/{ended.uuid}")[0] == 200

    assert api.get(f"{task}/runs/{ended.uuid}", 404)
    assert api.get("/stat/archiving/upcoming") == "0\n"


def test_a_run_under_way_is_cancelled(api: Api) -> None:
    task = api.post_task()
    uuid = task.rsplit("/", 1)[-1]
    found = run_table.get(NODE, uuid, run_table.first(NODE, uuid) or "")
    runner.begin(task_table.get(NODE, uuid), found, found.start)

    assert api.ask("DELETE", f"{task}/runs/{found.uuid}")[0] == 200

    assert api.get(f"{task}/runs/{found.uuid}")["state"] == "canceled"


@pytest.mark.parametrize("name", ["zz", "first", UNKNOWN])
def test_only_a_run_that_is_there_can_be_deleted(api: Api, name: str) -> None:
    assert api.ask("DELETE", f"{api.post_task(schedule=LATER)}/runs/{name}")[0] == 404


# --- results ----------------------------------------------------------------------------------------


def test_a_result_comes_in_three_formats(api: Api) -> None:
    task = api.post_task()
    path = f"{task}/runs/{api.run(task).uuid}/result"

    assert api.get(path)["succeeded"] is True
    assert "PT2S" in api.get(query(path, format="text/plain"))
    assert api.headers["Content-Type"].startswith("text/plain")
    assert re.search(r"<\w+", api.get(query(path, format="text/html")))
    assert api.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_a_failed_result_is_a_line(api: Api, kind: str) -> None:
    task = api.post_task(test={"type": "noop", "spec": {"data": {}, "fail": 1}})
    path = f"{task}/runs/{api.run(task).uuid}/result"

    assert "failed" in api.get(query(path, format=kind))


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/html"])
def test_a_run_that_failed_without_a_result_says_why(api: Api, kind: str) -> None:
    task = api.post_task(test=REFUSED)
    path = f"{task}/runs/{api.run(task).uuid}/result"
    status = 404 if kind == "application/json" else 200

    said = api.get(query(path, format=kind), status)

    assert "http://127.0.0.1:9/ could not be fetched" in said


@pytest.mark.parametrize(
    ("path", "status"),
    [("?format=text/csv", 400), ("", 404), ("?wait", 404), ("?wait=0", 404)],
)
def test_a_result_that_is_not_there_or_not_in_that_form(
    api: Api, path: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_page, "SECONDS_FOR_RESULT", 0.02)
    task = api.post_task(schedule=LATER)

    assert api.get(f"{bare(api.get(f'{task}/runs')[0])}/result{path}", status)


@pytest.mark.parametrize("name", ["zz", UNKNOWN])
def test_a_run_that_is_not_there_has_no_result(api: Api, name: str) -> None:
    task = api.post_task()
    api.run(task)

    assert api.get(f"{task}/runs/{name}/result", 404)


def test_the_first_run_of_a_task_has_its_result_by_that_name(api: Api) -> None:
    task = api.post_task()
    api.run(task)

    assert api.get(f"{task}/runs/first/result")["succeeded"] is True
    assert "PT2S" in api.get(f"{task}/runs/first/result?format=text/plain")


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [("", 10), ("=true", 10), ("=1", 10), ("=no", 0), ("=0", 0), ("=3", 3), ("=600", 25), ("=-5", 0)],
)
def test_a_wait_for_a_result_is_as_long_as_it_says(
    api: Api, monkeypatch: pytest.MonkeyPatch, wait: str, seconds: float
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(Request, "wait", lambda request, task, asked: waits.append(asked))
    task = api.post_task(schedule=LATER)

    assert api.get(f"{bare(api.get(f'{task}/runs')[0])}/result?wait{wait}", 404)

    assert waits == [seconds]


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("", "application/json"),
        (BROWSER, "text/html"),
        ("text/html", "text/html"),
        ("text/plain", "text/plain"),
        ("text/html, application/json", "application/json"),  # as welcome
        ("text/html;q=0.5, application/json", "application/json"),
        ("text/html;q=0, */*;q=0.1", "application/json"),
        ("text/html;q=x", "application/json"),
        ("image/png", "application/json"),
    ],
)
def test_a_result_comes_in_the_form_that_is_accepted(api: Api, accept: str, kind: str) -> None:
    task = api.post_task()
    path = f"{task}/runs/{api.run(task).uuid}/result"

    assert api.ask("GET", path, Accept=accept)[0] == 200

    assert api.headers["Content-Type"].startswith(kind)
    assert "Accept" in api.headers["Vary"]


def test_a_browser_gets_a_page_in_which_nothing_runs(api: Api) -> None:
    evil = "</pre><script>alert(1)</script>"
    task = api.post_task(test={"type": "noop", "spec": {"data": {"say": evil}}})
    path = f"{task}/runs/{api.run(task).uuid}/result"

    page = api.ask("GET", path, Accept=BROWSER)[1]

    assert page.startswith("<!DOCTYPE html>")
    assert evil not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in api.headers["Content-Security-Policy"]
    assert api.headers["X-Content-Type-Options"] == "nosniff"


def test_a_wait_for_a_result_waits_for_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    task = api.post_task()
    uuid = run_table.first(NODE, task.rsplit("/", 1)[-1])
    monkeypatch.setattr(router.time, "sleep", lambda seconds: api.run(task))

    assert api.get(f"{task}/runs/{uuid}/result?wait")["succeeded"] is True


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/html"])
def test_the_key_guards_every_form_of_a_result(api: Api, kind: str) -> None:
    task = api.post_task(test=NOOP, _key="sesame")
    path = f"{task}/runs/{api.run(task).uuid}/result"

    assert "hush" not in str(api.get(query(path, format=kind)))
    assert "hush" in str(api.get(query(path, format=kind, key="sesame")))
    assert api.get(query(path, format=kind, key="wrong"), 403)


def test_the_key_guards_the_run(api: Api) -> None:
    task = api.post_task(test=NOOP, _key="sesame")
    path = f"{task}/runs/{api.run(task).uuid}"

    assert "hush" not in str(api.get(path))
    assert "hush" in str(api.get(f"{path}?key=sesame"))
    assert api.get(f"{path}?key=wrong", 403)


def test_runs_still_being_agreed_on_are_hidden(api: Api) -> None:
    task = api.post_task(schedule=LATER)
    uuid = task.rsplit("/", 1)[-1]
    run = run_table.get(NODE, uuid, run_table.first(NODE, uuid) or "")
    run_table.delete(run)
    run_items.to_item(dataclasses.replace(run, state=State.SCHEDULING)).save()

    assert api.get(f"{task}/runs") == []
    assert api.get(f"{task}/runs/{run.uuid}", 404)
    assert api.get(f"{task}/runs/first?wait=0", 404)
    assert [one["state"] for one in api.get("/schedule")] == ["scheduling"]


def test_a_task_that_does_not_exist_has_no_runs_or_is_missing_by_the_level_of_who_asks(api: Api) -> None:
    unknown = "/tasks/00000000-0000-4000-8000-000000000000/runs"

    assert api.get(unknown) == api.get(f"{unknown}?api=6") == []
    assert api.get(f"{unknown}?api=7", 404)
    assert api.get(f"{api.post_task(schedule=LATER)}/runs?api=7")

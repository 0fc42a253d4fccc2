"""Cancelling many tasks, the reasons runs give, and how much time is free."""

import ast
import datetime as dt
import pathlib
from typing import Any

import pytest

import chalicelib
from chalicelib.domain.run import CODES
from chalicelib.domain.run_states import State
from chalicelib.domain.times import UTC, format_timestamp, parse_duration, parse_timestamp
from chalicelib.store import run_items
from chalicelib.store.transactions.booking import Booking, commit
from tests.api.conftest import Api
from tests.builders import NODE, run, task

LATER = {"start": "PT1H"}
EXCLUSIVE = {"schema": 1, "test": {"type": "idleex", "spec": {"duration": "PT10S"}}}


def cancel(api: Api, wanted: dict[str, Any], query: str = "") -> dict[str, Any]:
    status, answer = api.ask("POST", f"/tasks/cancel{query}", {"filter": wanted})
    assert status == 200, answer
    found: dict[str, Any] = answer
    return found


def enabled(api: Api) -> list[str]:
    return [href.removeprefix("http://node.test") for href in api.get("/tasks?enabled")]


def test_what_matches_is_cancelled_and_nothing_else(api: Api) -> None:
    mine = api.post_task(schedule={**LATER, "repeat": "PT1H"}, reference={"agent": "a"})
    other = api.post_task(schedule=LATER, reference={"agent": "b"})

    answer = cancel(api, {"test": "idle", "reference": {"agent": "a"}})

    assert answer == {
        "canceled": [f"http://node.test{mine}"],
        "refused": [],
        "dry-run": False,
        "complete": True,
    }
    assert enabled(api) == [other]
    assert api.get(f"{mine}?detail")["detail"]["enabled"] is False


def test_runs_of_tasks_cancelled_together_are_forgotten_by_the_planner(api: Api) -> None:
    from chalicelib.service.coordination.shard_planner import plan_task

    path = api.post_task(schedule=LATER)
    assert len(api.get(f"{path}/runs")) == 1

    cancel(api, {})
    plan_task(NODE, path.rsplit("/", 1)[-1], dt.datetime.now(UTC))

    assert api.get(f"{path}/runs") == []


def test_a_rehearsal_names_them_and_cancels_none(api: Api) -> None:
    path = api.post_task(schedule=LATER)

    answer = cancel(api, {}, "?dry-run")

    assert answer["dry-run"] is True
    assert answer["canceled"] == [f"http://node.test{path}"]
    assert enabled(api) == [path]


def test_what_is_cancelled_already_is_not_named_again(api: Api) -> None:
    api.post_task(schedule=LATER)

    assert len(cancel(api, {})["canceled"]) == 1
    assert cancel(api, {})["canceled"] == []


def test_others_tasks_are_refused_and_named(api: Api) -> None:
    mine, theirs, keyed = (
        task(hints={"requester": "192.0.2.7"}),
        task(hints={"requester": "192.0.2.9"}),
        task(hints={"requester": "192.0.2.9"}, document={**task().document, "_key": "sesame"}),
    )
    for one in (mine, theirs, keyed):
        commit(Booking(None, one, ()), one.added)
    api.call_from("192.0.2.7")

    described_dry_run = cancel(api, {}, "?dry-run&key=sesame")
    answer = cancel(api, {})

    assert set(described_dry_run["canceled"]) == {
        f"http://node.test/tasks/{one.uuid}" for one in (mine, keyed)
    }
    assert answer["canceled"] == [f"http://node.test/tasks/{mine.uuid}"]
    assert set(answer["refused"]) == {f"http://node.test/tasks/{one.uuid}" for one in (theirs, keyed)}
    assert set(enabled(api)) == {f"/tasks/{one.uuid}" for one in (theirs, keyed)}


def test_many_are_cancelled_a_page_at_a_time(api: Api) -> None:
    for _ in range(5):
        api.post_task(schedule=LATER)

    first = cancel(api, {}, "?limit=3")
    link = api.headers["Link"].split(">")[0].removeprefix("<http://node.test/tasks/cancel")
    second = cancel(api, {}, link)

    assert (len(first["canceled"]), first["complete"]) == (3, False)
    assert (len(second["canceled"]), second["complete"]) == (2, True)
    assert enabled(api) == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "filter"),
        ([], "/"),
        ({"filter": {"surprise": 1}}, "surprise"),
        ({"filter": {"test": 1}}, "/filter/test"),
        (
            {"filter": {"test": {"type": "rtt"}}},
            '/filter/test: must be the name of a test alone, such as "rtt"; what tasks hold goes into json;'
            ' not {"type": "rtt"}',
        ),
        ({"filter": {"tool": ["ping"]}}, '/filter/tool: must be the name of a tool alone, such as "ping"'),
        (
            {"filter": {"requester": None}},
            "/filter/requester: must be an address that tasks were",
        ),
        ({"filter": {"json": []}}, "/filter/json"),
        ({"filter": {}, "more": 1}, "more"),
    ],
)
def test_a_filter_that_is_none_cancels_nothing(api: Api, body: Any, complaint: str) -> None:
    path = api.post_task(schedule=LATER)

    status, text = api.ask("POST", "/tasks/cancel", body)

    assert status == 400
    assert complaint in text
    assert enabled(api) == [path]


# --- reasons ----------------------------------------------------------------------------------------


def codes_in_use() -> set[str]:
    """The first argument of every Reason(...) in the product, where it is written out."""
    here = pathlib.Path(str(chalicelib.__path__[0]))
    calls = [
        node
        for file in here.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reason"
    ]
    return {str(call.args[0].value) for call in calls if call.args and isinstance(call.args[0], ast.Constant)}


def test_every_reason_has_a_code_that_is_explained() -> None:
    used = codes_in_use()

    assert len(used) > 8
    assert used <= set(CODES)


def test_a_non_start_says_why_and_names_the_run_in_the_way_wherever_it_is_shown(api: Api) -> None:
    start = (dt.datetime.now(UTC) + dt.timedelta(hours=1)).replace(microsecond=0)
    document = {**EXCLUSIVE, "schedule": {"start": start.isoformat()}}
    _, first = api.ask("POST", "/tasks", document)
    _, second = api.ask("POST", "/tasks", document)
    holder = api.get(f"{first.removeprefix('http://node.test')}/runs/first")

    shown = [
        api.get(f"{second.removeprefix('http://node.test')}/runs/first"),
        api.get(f"{second.removeprefix('http://node.test')}/runs?expanded")[0],
        next(one for one in api.get("/schedule") if one["state"] == "nonstart"),
        next(one for one in api.get("/monitor") if one["state"] == "nonstart"),
    ]

    for one in shown:
        assert one["state"] == "nonstart"
        assert one["reason"]["code"] == "no-time"
        assert holder["href"].endswith(one["reason"]["blocking-run"])
        assert one["reason"]["message"]


def test_a_blocked_run_is_refused_with_the_run_in_the_way(api: Api) -> None:
    start = (dt.datetime.now(UTC) + dt.timedelta(hours=1)).replace(microsecond=0)
    path = api.ask("POST", "/tasks", {**EXCLUSIVE, "schedule": {"start": start.isoformat()}})[1]
    path = path.removeprefix("http://node.test")
    holder = api.get(f"{path}/runs/first")
    asked = {"Accept": "application/problem+json"}

    status, problem = api.ask("POST", f"{path}/runs", {"start-time": start.isoformat()}, **asked)

    assert status == 409
    assert holder["href"].endswith(problem["blocking-run"])
    assert problem["type"] == "urn:pscheduler:problem:blocked"


def test_a_cancelled_run_says_so(api: Api) -> None:
    owner = task(schedule=task().schedule)
    commit(Booking(None, owner, ()), owner.added)
    now = dt.datetime.now(UTC)
    going = run(owner, state=State.RUNNING).evolve(start=now, end=now + dt.timedelta(minutes=1))
    run_items.to_item(going).save()
    path = f"/tasks/{owner.uuid}/runs/{going.uuid}"

    assert api.ask("DELETE", path)[0] == 200

    shown = api.get(path)
    assert shown["state"] == "canceled"
    assert shown["reason"]["code"] == "canceled"


# --- availability -----------------------------------------------------------------------------------


def test_a_day_with_a_run_in_it_is_not_all_free(api: Api) -> None:
    start = (dt.datetime.now(UTC) + dt.timedelta(hours=1)).replace(microsecond=0)
    api.ask("POST", "/tasks", {**EXCLUSIVE, "schedule": {"start": start.isoformat()}})
    end = start + dt.timedelta(seconds=100)
    bounds = f"start={start.isoformat()}&end={end.isoformat()}".replace("+", "%2B")

    answer = api.get(f"/schedule/availability?{bounds}")

    assert (answer["start"], answer["end"]) == (format_timestamp(start), format_timestamp(end))
    taken = 100 - answer["free"]["exclusive"]["percent"]
    assert 10 <= taken < 30
    assert answer["free"]["normal"] == answer["free"]["exclusive"]
    assert answer["free"]["background"] == {"percent": 100.0, "total": "PT1M40S", "longest": "PT1M40S"}
    assert answer["availability"] == pytest.approx(answer["free"]["normal"]["percent"] / 100)


@pytest.mark.parametrize(("length", "is_past"), [("PT1H", False), ("P31D", False), ("-PT90S", True)])
def test_availability_of_what_is_next_begins_now(api: Api, length: str, is_past: bool) -> None:
    before = dt.datetime.now(UTC).replace(microsecond=0)

    answer = api.get(f"/schedule/availability?next={length}")

    start, end = parse_timestamp(answer["start"]), parse_timestamp(answer["end"])
    assert end - start == parse_duration(length.removeprefix("-"))
    assert before <= (end if is_past else start) <= dt.datetime.now(UTC)
    assert answer["availability"] == 1


def test_availability_is_that_of_the_horizon_unless_asked(api: Api) -> None:
    assert api.get("/schedule/availability")["free"]["exclusive"]["total"] == "P1D"


@pytest.mark.parametrize(
    "bounds",
    [
        "start=soon",
        "end=2001-01-01T00:00:00Z",
        "start=2026-01-01T00:00:00Z&end=2026-01-01T00:00:00Z",
        "start=2026-01-01T00:00:00Z&end=2026-03-01T00:00:00Z",
        "start=9999-12-31T23:00:00Z",
        "start=0001-01-01T00:00:00Z",
        "start=0001-01-01T00:00:00Z&end=0001-01-02T00:00:00Z",
        "next=soon",
        "next=PT0S",
        "next=P32D",
        "next=-P32D",
        "next=--P1D",
        "next=PT1H&start=2026-01-01T00:00:00Z",
        "next=PT1H&end=2026-01-01T00:00:00Z",
    ],
)
def test_a_stretch_that_is_none_is_refused(api: Api, bounds: str) -> None:
    status, text = api.ask("GET", f"/schedule/availability?{bounds}")

    assert status == 400, text
    assert text.startswith(("start: ", "end: ", "next: "))

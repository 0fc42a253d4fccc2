"""Tasks through the pages (docs/contract/api.md, Tasks)."""

from typing import Any

import pytest

from chalicelib.store import task_table as store
from tests.api.conftest import IDLE, Api
from tests.builders import NODE

LATER = {"start": "PT1H"}


def test_a_task_comes_back_as_posted_with_its_tool_and_its_href(api: Api) -> None:
    path = api.post_task(schedule=LATER)

    assert api.get(path) == {**IDLE, "schedule": LATER, "tool": "snooze", "href": f"http://node.test{path}"}


def test_detail_says_how_far_it_has_come(api: Api) -> None:
    path = api.post_task(schedule={**LATER, "repeat": "PT1H", "max-runs": 3, "slip": "PT5M"})

    detail = api.get(f"{path}?detail")["detail"]

    own = f"http://node.test{path}"
    assert detail["cli"] == ["--duration", "PT2S"]
    assert (detail["runs"], detail["runs-started"], detail["enabled"]) == (3, 0, True)
    assert (detail["anytime"], detail["exclusive"], detail["multi-result"]) == (True, False, False)
    assert (detail["duration"], detail["slip"], detail["post"]) == ("PT3S", "PT5M", "P0D")
    assert detail["hints"]["requester"] == "127.0.0.1"
    assert detail["first-run-href"] == f"{own}/runs/first"
    assert detail["next-run-href"] == f"{own}/runs/next"
    assert detail["runs-href"] == f"{own}/runs"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"schema": 6}, "/schema"),
        ({"schema": 1, "priority": 3}, "priority"),
        ({"test": {"type": "no-such", "spec": {}}}, "no test no-such"),
        ({"test": {"type": "idle", "spec": {}}}, "/test/spec"),
        ({"test": {"type": "idle", "spec": []}}, "/test/spec"),
        ({"test": {"type": "idle"}}, "spec"),
        ({"test": {"type": "idle", "spec": {"duration": "P1Y"}}}, "/test/spec/duration"),
        ({"schedule": {"until": "2001-01-01T00:00:00Z"}}, "/schedule/until: must be in the future"),
        ({"schedule": {"start": "PT2H", "until": "PT1H"}}, "/schedule/until: must be after"),
        ({"schedule": {"repeat": "PT0S"}}, "/schedule/repeat"),
        ({"schedule": {"schema": 2, "repeat-cron": "0 0 31 2 *"}}, "/schedule/repeat-cron: "),
        ({"schedule": {"schema": 2, "repeat-cron": "nonsense"}}, "/schedule/repeat-cron"),
        ({"schedule": {"max-runs": 0}}, "/schedule/max-runs"),
        ({"schedule": {"start": "soon"}}, "/schedule/start"),
        ({"archives": [{"archiver": "no-such", "data": {}}]}, "no archiver no-such"),
        ({"archives": [{"archiver": "bitbucket", "data": {"x": 1}}]}, "/archives/0/data"),
        ({"archives": [{"archiver": "bitbucket"}]}, "/archives/0"),
        (
            {"archives": [{"archiver": "bitbucket", "data": {}, "transform": {"script": "}{"}}]},
            "/archives/0/transform/script: must be a jq script that compiles",
        ),
        ({"schema": 2, "contexts": {"contexts": []}}, "as many lists as the task has participants: 1, not 0"),
        (
            {"schema": 2, "contexts": {"contexts": [[{"context": "no-such", "data": {}}]]}},
            "no context no-such",
        ),
        ({"lead-bind": "198.51.100.1"}, "/lead-bind"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_is_wrong_with_a_task_is_named_and_nothing_is_stored(
    api: Api, changes: dict[str, Any], complaint: str
) -> None:
    status, text = api.ask("POST", "/tasks", {**IDLE, **changes})

    assert status == 400, text
    assert complaint in text
    assert list(store.every(NODE)) == []


def test_having_no_tool_in_common_is_reported(api: Api) -> None:
    status, text = api.ask("POST", "/tasks", {**IDLE, "tools": ["sleep"]})

    assert status == 422
    assert "sleep declines" in text


def test_a_task_too_large_is_refused(api: Api) -> None:
    assert api.ask("POST", "/tasks", {**IDLE, "reference": "x" * 200_000})[0] == 413


def test_a_task_without_a_schedule_runs_at_once(api: Api) -> None:
    document = {name: value for name, value in IDLE.items() if name != "schedule"}

    status, _ = api.ask("POST", "/tasks", document)

    assert status == 200


def test_a_relative_start_is_resolved_once(api: Api) -> None:
    path = api.post_task(schedule=LATER)

    first = api.get(f"{path}?detail")["detail"]["start"]

    assert first == api.get(f"{path}?detail")["detail"]["start"]
    assert api.get(f"{path}/runs/first")["start-time"] == first


def test_expanded_sends_the_client_to_its_task(api: Api) -> None:
    status, _ = api.ask("POST", "/tasks?expanded&detail&pretty", IDLE)

    assert status == 303
    assert api.headers["Location"].endswith("?detail&pretty")


def test_private_members_are_null_without_the_key_and_whole_with_it(api: Api) -> None:
    path = api.post_task(_key="sesame", reference={"_secret": 1, "open": 2})

    assert api.get(path)["reference"] == {"_secret": None, "open": 2}
    assert api.get(path)["_key"] is None
    assert api.get(f"{path}?key=sesame")["reference"] == {"_secret": 1, "open": 2}
    assert api.get(f"{path}?key=wrong", 403)
    assert api.get("/tasks?expanded")[0]["reference"] == {"_secret": None, "open": 2}


def test_an_empty_key_is_none_and_opens_nothing(api: Api) -> None:
    api.call_from("192.0.2.1")
    test = {"type": "noop", "spec": {"data": {"_password": "hush"}}}
    path = api.post_task(_key="", reference={"_secret": 1}, test=test, schedule=LATER)
    run = api.get(f"{path}/runs/first")["href"].removeprefix("http://node.test")

    api.call_from("192.0.2.9")

    assert api.get(f"{path}?key=")["reference"] == {"_secret": None}
    assert "hush" not in str([api.get(f"{where}?key=") for where in (path, f"{path}/cli", run)])
    for method, where in (("DELETE", path), ("DELETE", run), ("PUT", run), ("POST", f"{path}/runs")):
        assert api.ask(method, f"{where}?key=", {})[0] == 403
    api.call_from("192.0.2.1")
    assert api.ask("DELETE", f"{path}?key=")[0] == 200


def test_the_command_line_shows_no_secrets_without_the_key(api: Api) -> None:
    spec = {"data": {"_password": "hush", "open": 1}}
    path = api.post_task(_key="sesame", test={"type": "noop", "spec": spec}, schedule=LATER)

    assert "hush" not in str(api.get(f"{path}/cli"))
    assert "hush" not in str(api.get(f"{path}?detail"))
    assert "hush" in str(api.get(f"{path}/cli?key=sesame"))


def test_lists_hold_what_was_asked_for(api: Api) -> None:
    mine = api.post_task(schedule=LATER, reference={"agent": "a", "tags": [1, 2]})
    api.post_task(schedule=LATER, reference={"agent": "b"})

    assert len(api.get("/tasks")) == 2
    assert api.get('/tasks?json={"reference":{"tags":[2]}}') == [f"http://node.test{mine}"]
    assert api.get('/tasks?json={"test":{"type":"rtt"}}') == []
    (found,) = api.get('/tasks?json={"reference":{"agent":"a"},"detail":{"enabled":true}}&expanded&detail')
    assert found["detail"]["runs"] == 1
    assert api.get("/tasks?json=[]") == []
    assert api.get("/tasks?json={", 400)


def test_a_search_tells_nothing_of_keys(api: Api) -> None:
    api.post_task(_key="sesame", schedule=LATER)

    assert api.get('/tasks?json={"_key":"sesame"}') == []


def test_a_cancelled_task_stays_and_is_planned_no_more(api: Api) -> None:
    path = api.post_task(schedule={**LATER, "repeat": "PT1H"})

    assert api.ask("DELETE", path)[0] == 200
    assert api.ask("DELETE", path)[0] == 200

    assert api.get(f"{path}?detail")["detail"]["enabled"] is False
    assert api.get('/tasks?json={"detail":{"enabled":true}}') == []
    assert api.get(f"{path}/runs") == []


def test_runtimes_of_a_background_task_are_what_was_asked_for(api: Api) -> None:
    path = api.post_task(schedule=LATER)

    (whole,) = api.get(f"{path}/runtimes?start=2026-01-01T00:00:00Z")

    assert whole == {"lower": "2026-01-01T00:00:00+00:00", "upper": None}
    assert api.get(f"{path}/runtimes?start=soon", 400)
    assert api.get(f"{path}/runtimes?priority=x", 400)


def test_a_host_beyond_ascii_is_kept_under_the_name_that_others_know(api: Api) -> None:
    test = {"type": "rtt", "spec": {"dest": "bücher.example", "count": 1}}

    task = api.post_task(test=test, tool="tcpping")

    found = api.get(task)

    assert found["test"]["spec"]["dest"] == "xn--bcher-kva.example"
    assert found["tool"] == "tcpping"


def test_a_task_is_the_same_in_a_list_by_itself_and_for_who_has_its_key(api: Api) -> None:
    path = api.post_task(reference={"public": 1, "_secret": {"a": 2}}, _key="secret")

    alone = api.get(path)
    (listed,) = api.get("/tasks?expanded")
    whole = api.get(f"{path}?key=secret")

    assert alone == listed
    assert alone["href"] == f"http://node.test{path}"
    assert alone["reference"] == {"public": 1, "_secret": None}
    assert whole == {**alone, "reference": {"public": 1, "_secret": {"a": 2}}, "_key": "secret"}

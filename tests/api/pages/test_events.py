"""The stream of events: in order, from a cursor on, and honest about what is not known any more."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.service.alerts import rules
from chalicelib.service.series import points
from chalicelib.store import changes, journal
from chalicelib.store.journal import Journal
from tests.api.conftest import Api
from tests.api.pages.test_alerts import LOSS, leave, put
from tests.builders import NODE, run, task


@pytest.fixture(autouse=True)
def _kept() -> Iterator[None]:
    points._current.clear()
    rules._seen.clear()
    journal.keep()
    yield
    journal.drop()


def ask(api: Api, query: str = "", **headers: str) -> list[dict[str, Any]]:
    status, text = api.ask("GET", f"/events{query}", **headers)
    assert status == 200, text
    return [json.loads(line) for line in text.splitlines()]


def begin(api: Api) -> str:
    (first,) = ask(api)
    assert first["type"] == "begin"
    cursor: str = first["cursor"]
    return cursor


def test_a_task_that_is_posted_is_told_of_with_its_run(api: Api) -> None:
    cursor = begin(api)

    path = api.post_task()

    added, placed = ask(api, f"?since={cursor}")[:2]
    assert (added["type"], added["state"], added["test"]) == ("task", "added", "idle")
    assert (placed["type"], placed["state"]) == ("run", "pending")
    assert added["href"] == placed["task-href"] == f"http://node.test{path}"
    assert api.get(placed["href"].removeprefix("http://node.test"))["state"] == "pending"


def test_a_run_is_told_of_until_it_is_over(api: Api) -> None:
    path = api.post_task()
    cursor = begin(api)

    api.run(path)

    states = [each["state"] for each in ask(api, f"?since={cursor}&type=run")]
    assert states[-1] == "finished"
    assert "running" in states


def test_a_task_that_is_cancelled_is_told_of(api: Api) -> None:
    path = api.post_task()
    cursor = begin(api)

    api.ask("DELETE", path)

    assert [each["state"] for each in ask(api, f"?since={cursor}&type=task")] == ["disabled"]


def test_a_result_is_told_of_with_its_numbers_and_the_alert_it_makes(api: Api) -> None:
    put(api, "/alert-rules/loss", LOSS)
    cursor = begin(api)

    alert = leave(0.5)

    result, alarm = ask(api, f"?since={cursor}")[:2]
    assert (result["type"], result["values"]) == ("result", {"loss.ratio": 0.5})
    assert result["series-href"].endswith(result["series"]["id"])
    assert (alarm["type"], alarm["id"], alarm["state"]) == ("alert", alert, "critical")


def test_one_goes_on_behind_the_cursor_and_hears_nothing_twice(api: Api) -> None:
    cursor = begin(api)
    api.post_task()
    first = ask(api, f"?since={cursor}")
    api.post_task()

    second = ask(api, f"?since={first[-1]['cursor']}")

    assert {each["cursor"] for each in first} & {each["cursor"] for each in second} == set()
    assert [each["type"] for each in second] == ["task", "run"]


def test_an_answer_holds_so_many_and_the_next_the_others(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.api.pages.event_stream.MOST", 3)
    cursor = begin(api)
    for _ in range(3):
        api.post_task()
    found = []
    while (more := ask(api, f"?since={cursor}"))[0]["type"] != "idle":
        found += more
        cursor = api.headers["Cursor"]

    assert [each["type"] for each in found] == ["task", "run"] * 3


def test_of_other_nodes_of_the_deployment_nothing_is_told(api: Api) -> None:
    cursor = begin(api)

    changes.run_written(run(task(node="elsewhere")))

    assert [each["type"] for each in ask(api, f"?since={cursor}")] == ["idle"]


def test_a_run_that_others_have_not_agreed_on_is_not_told_of(api: Api) -> None:
    from chalicelib.domain.run_states import State

    cursor = begin(api)

    changes.run_written(run(task(), state=State.SCHEDULING))

    assert [each["type"] for each in ask(api, f"?since={cursor}")] == ["idle"]


def test_a_node_that_was_started_anew_says_so(api: Api) -> None:
    cursor = begin(api)
    journal.drop()
    journal.keep()

    assert [each["type"] for each in ask(api, f"?since={cursor}")] == ["reset"]


def test_what_is_forgotten_is_said_to_be() -> None:
    kept = Journal(kept=3)
    for number in range(5):
        kept.note(NODE, "run", {"number": number})

    assert [event.members["number"] for event in kept.behind(NODE, 2, 10)] == [2, 3, 4]
    assert [kept.has_all_behind(number) for number in (1, 2, 5, 6)] == [False, True, True, False]


@pytest.mark.parametrize(
    "query", ["?since=x", "?since=a-1x", f"?since=a-{'9' * 400}", "?type=weather", "?wait=-1"]
)
def test_what_makes_no_sense_is_refused(api: Api, query: str) -> None:
    cursor = begin(api)
    asked = query if "since" in query else f"{query}&since={cursor}"

    assert api.ask("GET", f"/events{asked}")[0] == 400


def test_where_nothing_is_kept_that_is_said(api: Api) -> None:
    journal.drop()

    assert api.ask("GET", "/events")[0] == 501


def test_a_browser_gets_server_sent_events(api: Api) -> None:
    cursor = begin(api)
    api.post_task()

    _, text = api.ask("GET", "/events", Accept="text/event-stream", **{"Last-Event-ID": cursor})

    first = dict(line.split(": ", 1) for line in text.split("\n\n")[0].splitlines())
    assert (first["event"], json.loads(first["data"])["state"]) == ("task", "added")
    assert first["id"] == json.loads(first["data"])["cursor"]

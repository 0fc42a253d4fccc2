"""The stream of events: in order, from a cursor on, and honest about what is not known any more."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.test import Client

from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.service.alerts import rules
from chalicelib.service.series import points
from chalicelib.store import changes, journal, run_items, streams
from chalicelib.store.events import Forgotten
from chalicelib.store.journal import Journal
from tests.api.conftest import Api
from tests.api.pages.test_alerts import LOSS, leave, put
from tests.builders import NODE, run, task
from tests.streams import make_streams

on_machine = pytest.mark.parametrize("api", ["journal"], indirect=True)


@pytest.fixture(params=["journal", "streams"])
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    """The pages where one process serves the node, and where functions do, for whom there are streams."""
    request.getfixturevalue("moto_itself" if request.param == "streams" else "empty_aws")
    from app import app

    points._current.clear()
    rules._seen.clear()
    streams.forget()
    if request.param == "journal":
        journal.keep()
    else:
        make_streams()
    with Client(app) as client:
        yield Api(client)
    journal.drop()
    streams.forget()


def ask(api: Api, query: str = "", **headers: str) -> list[dict[str, Any]]:
    status, text = api.ask("GET", f"/events{query}", **headers)
    assert status == 200, text
    return [json.loads(line) for line in text.splitlines()]


def begin(api: Api) -> str:
    (first,) = ask(api)
    assert first["type"] == "begin"
    cursor: str = first["cursor"]
    return cursor


def write(new: Run) -> None:
    run_items.to_item(new).save()
    changes.run_written(new)


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

    write(run(task(node="elsewhere")))

    assert [each["type"] for each in ask(api, f"?since={cursor}")] == ["idle"]


def test_a_run_that_others_have_not_agreed_on_is_not_told_of(api: Api) -> None:
    cursor = begin(api)

    write(run(task(), state=State.SCHEDULING))

    assert [each["type"] for each in ask(api, f"?since={cursor}")] == ["idle"]


@on_machine
def test_a_node_that_was_started_anew_says_so(api: Api) -> None:
    cursor = begin(api)
    journal.drop()
    journal.keep()

    assert [each["type"] for each in ask(api, f"?since={cursor}")] == ["reset"]


def test_what_is_forgotten_is_said_to_be() -> None:
    kept = Journal(kept=3)
    cursors = [kept.begin()]
    for number in range(5):
        kept.note(NODE, "run", {"number": number})
        cursors.append(kept.begin())

    assert [event.members["number"] for event in kept.behind(NODE, cursors[2], 10).events] == [2, 3, 4]
    assert kept.behind(NODE, cursors[5], 10).events == []
    for unknown in (cursors[1], f"{kept.name}-6"):
        with pytest.raises(Forgotten):
            kept.behind(NODE, unknown, 10)


@pytest.mark.parametrize(
    "query", ["?since=x", "?since=s-", f"?since=a-{'9' * 400}", "?type=weather", "?wait=-1"]
)
def test_what_makes_no_sense_is_refused(api: Api, query: str) -> None:
    cursor = begin(api)
    asked = query if "since" in query else f"{query}&since={cursor}"

    assert api.ask("GET", f"/events{asked}")[0] == 400


def test_where_nothing_is_kept_that_is_said(empty_aws: None) -> None:
    from app import app

    streams.forget()

    with Client(app) as client:
        status, sentence = Api(client).ask("GET", "/events")

    assert (status, "has no stream" in sentence) == (501, True)


@on_machine
def test_a_browser_gets_server_sent_events(api: Api) -> None:
    cursor = begin(api)
    api.post_task()

    _, text = api.ask("GET", "/events", Accept="text/event-stream", **{"Last-Event-ID": cursor})

    first = dict(line.split(": ", 1) for line in text.split("\n\n")[0].splitlines())
    assert (first["event"], json.loads(first["data"])["state"]) == ("task", "added")
    assert first["id"] == json.loads(first["data"])["cursor"]

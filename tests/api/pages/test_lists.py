"""Lists in pages, and what of them is wanted."""

import base64
import datetime as dt
import itertools
import json
import re
import urllib.parse
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.api.http import negotiation
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.task_filter import TaskFilter
from chalicelib.domain.task_terms import of_filter
from chalicelib.service.node import posting_backfill
from chalicelib.store import postings, run_items, task_items
from chalicelib.store import run_table as run_store
from chalicelib.store import task_table as store
from chalicelib.store.models.task_models import PostingItem, TaskItem
from chalicelib.store.transactions.booking import Booking, commit
from tests.api.conftest import Api, query
from tests.builders import NODE, NOON, at, run, task
from tests.requests_sent import looked_at


def stored(count: int, **changes: Any) -> list[Task]:
    """So many tasks, a second apart."""
    made = [task(added=at(number), **changes) for number in range(count)]
    with TaskItem.batch_write() as batch:  # moto copies all tables for each transaction
        for one in made:
            batch.save(task_items.to_item(one, NOON))
    with PostingItem.batch_write() as batch:
        for posting in (posting for one in made for posting in postings.of_task(one)):
            batch.save(posting)
    return made


def runs_of(owner: Task, count: int, **changes: Any) -> list[Run]:
    made = [run(owner, 10 * number, **changes) for number in range(count)]
    for one in made:
        run_items.to_item(one).save()
    return made


def uuids(hrefs: list[Any]) -> list[str]:
    whole = [one if isinstance(one, str) else one["href"] for one in hrefs]
    return [href.rsplit("/", 1)[-1] for href in whole]


def next_page(api: Api) -> str | None:
    """The path in the Link of the last answer."""
    found = re.fullmatch(r'<http://node\.test(/[^>]+)>; rel="next"', api.headers.get("Link", ""))
    return found.group(1) if found else None


def pages(api: Api, path: str) -> list[list[Any]]:
    """All pages of a list."""
    found, here = [], path
    while here is not None:
        found.append(api.get(here))
        here = next_page(api)
    return found


def test_without_a_limit_the_whole_list_comes_and_leads_nowhere(api: Api) -> None:
    made = stored(3)

    assert uuids(api.get("/tasks")) == [one.uuid for one in made]
    assert next_page(api) is None


def flat(found: list[list[Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(found))


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (4, [4, 1]), (5, [5]), (9, [5])])
def test_pages_hold_the_list_in_its_order(api: Api, limit: int, sizes: list[int]) -> None:
    made = stored(5)

    found = pages(api, f"/tasks?limit={limit}")

    assert [len(page) for page in found] == sizes
    assert uuids(flat(found)) == [one.uuid for one in made]


def test_the_link_keeps_what_else_was_asked_for(api: Api) -> None:
    stored(3, document={**task().document, "reference": {"a b": "ü&=?"}})
    wanted = urllib.parse.quote(json.dumps({"a b": "ü&=?"}))

    found = pages(api, f"/tasks?limit=2&expanded&detail&reference={wanted}")

    assert [len(page) for page in found] == [2, 1]
    assert all(one["detail"]["runs"] == 0 for page in found for one in page)


def test_tasks_added_in_one_instant_are_each_listed_once(api: Api) -> None:
    made = [task(added=NOON) for _ in range(7)]
    for one in made:
        commit(Booking(None, one, ()), NOON)

    found = pages(api, "/tasks?limit=2")

    assert uuids(flat(found)) == sorted(one.uuid for one in made)


@given(data=st.data())
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_every_task_that_stays_is_visited_once_while_others_come_and_go(
    api: Api, data: st.DataObject
) -> None:
    listed = list(store.every(NODE))
    for one in listed:
        store.delete(one)
    made = stored(data.draw(st.integers(0, 12), "tasks"))
    staying = {one.uuid for one in made}
    visited: list[str] = []
    numbers = itertools.count()  # identifiers decide between equal times: made up, no two runs were alike

    here: str | None = f"/tasks?limit={data.draw(st.integers(1, 4), 'limit')}"
    while here is not None:
        visited += uuids(api.get(here))
        here = next_page(api)
        if made and data.draw(st.booleans(), "delete one"):
            gone = made.pop(data.draw(st.integers(0, len(made) - 1), "which"))
            store.delete(gone)
            staying.discard(gone.uuid)
        if data.draw(st.booleans(), "add one"):
            name = str(uuid.UUID(int=next(numbers)))
            late = task(uuid=name, added=at(data.draw(st.integers(0, 12), "when")))
            commit(Booking(None, late, ()), NOON)

    assert len(visited) == len(set(visited))
    assert staying <= set(visited)


def test_a_search_for_null_finds_all(api: Api) -> None:
    made = stored(2)

    assert uuids(api.get("/tasks?json=null")) == [one.uuid for one in made]
    assert api.get("/tasks?json=[]") == []


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "!!", "W10", "AAAA", "é", base64.urlsafe_b64encode(b"[" * 5000).decode()]
    + [
        base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
        for value in (
            None,
            ["tasks"],
            ["tasks", "soon", "x"],
            ["tasks", "2026-01-01T00:00:00", "x"],
            ["tasks", "0001-01-01T00:00:00+00:00", "x"],
            ["tasks", "9999-12-31T23:59:59-12:00", "x"],
            ["tasks", 1, 2],
            ["runs of x", "2026-01-01T00:00:00+00:00", "x"],
        )
    ],
)
def test_a_cursor_of_ones_own_making_is_refused(api: Api, cursor: str) -> None:
    status, text = api.ask("GET", f"/tasks?cursor={urllib.parse.quote(cursor)}")

    assert status == 400
    assert text.startswith("cursor: ")


@pytest.mark.parametrize("limit", ["0", "-1", "x", ""])
def test_a_limit_is_one_or_more(api: Api, limit: str) -> None:
    assert "limit" in api.get(f"/tasks?limit={limit}", 400)


def test_a_cursor_of_one_list_does_not_fit_another(api: Api) -> None:
    one, other = stored(2)
    for owner in (one, other):
        runs_of(owner, 2)
    api.get(f"/tasks/{one.uuid}/runs?limit=1")
    link = next_page(api)
    assert link is not None

    assert api.get(link.replace(one.uuid, other.uuid, 1), 400)


def test_what_is_wanted_of_tasks_can_be_said_singly(api: Api) -> None:
    noop = {**task().document, "test": {"type": "noop", "spec": {}}, "tool": "passthrough"}
    tagged = {**task().document, "reference": {"agent": "a", "tags": [1, 2], "_secret": 1}}
    (plain,), (other,), (mine,) = stored(1), stored(1, document=noop), stored(1, document=tagged)
    (off,) = stored(1, enabled=False)
    (theirs,) = stored(1, hints={"requester": "192.0.2.9"})

    def found(query: str) -> set[str]:
        return set(uuids(api.get(f"/tasks?{query}")))

    assert found("test=noop") == {other.uuid}
    assert found("tool=passthrough") == {other.uuid}
    assert found("enabled=no") == {off.uuid}
    assert found("enabled") == {plain.uuid, other.uuid, mine.uuid, theirs.uuid}
    assert found("requester=192.0.2.9") == {theirs.uuid}
    assert found('reference={"tags":[2]}') == {mine.uuid}
    assert found('reference={"_secret":1}') == set()
    assert found("test=idle&requester=192.0.2.1&enabled=true") == {plain.uuid, mine.uuid}
    assert found("test=no-such") == set()
    assert api.get("/tasks?reference={", 400)


def test_where_few_are_wanted_a_page_stops_looking_and_the_next_goes_on(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.api.http import pagination

    monkeypatch.setattr(pagination, "LOOKED_AT", 10)
    monkeypatch.setattr(pagination, "_CHUNK", 5)
    made = stored(25)
    wanted = task(added=at(100), document={**task().document, "priority": 5})  # which no term is made of
    commit(Booking(None, wanted, ()), NOON)

    found = pages(api, query("/tasks", limit="3", json='{"priority":5}'))

    assert len(made) == 25
    assert [len(page) for page in found] == [0, 0, 1]
    assert uuids(found[-1]) == [wanted.uuid]


def test_a_search_in_pages_finds_each_once_and_reads_what_it_shows(api: Api) -> None:
    tagged = {**task().document, "reference": {"agent": "a"}}
    stored(40)
    made = stored(7, document=tagged)

    found = pages(api, query("/tasks", limit="3", expanded="", json='{"reference":{"agent":"a"}}'))

    assert [len(page) for page in found] == [3, 3, 1]
    assert uuids(flat(found)) == [one.uuid for one in made]


def test_a_search_by_what_has_changed_finds_tasks_as_they_are(api: Api) -> None:
    one, other = stored(2)
    store.disable(one, NOON)

    for wanted, found in ((True, other), (False, one)):
        held = json.dumps({"test": {"type": "idle"}, "detail": {"enabled": wanted, "runs": 0}})
        (shown,) = api.get(query("/tasks", expanded="", detail="", json=held))
        assert (shown["href"].rsplit("/", 1)[-1], shown["detail"]["enabled"]) == (found.uuid, wanted)


def test_tasks_from_before_there_were_postings_are_found_while_and_after_they_get_theirs(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting_backfill, "AT_ONCE", 4)
    made = [task(added=at(number), document={**task().document, "reference": "old"}) for number in range(10)]
    for one in made:
        task_items.to_item(one, NOON).save()
    posting_backfill.forget()

    found = [uuids(api.get(query("/tasks", json='{"reference":"old"}'))) for _ in range(5)]

    assert found == [[one.uuid for one in made]] * 5
    assert posting_backfill.is_complete(NODE)
    assert len(list(postings.found(NODE, of_filter(TaskFilter(reference="old")), None, 100))) == 10


def test_runs_come_in_pages_too_and_whole_when_expanded(api: Api) -> None:
    (owner,) = stored(1)
    made = runs_of(owner, 5)

    found = pages(api, f"/tasks/{owner.uuid}/runs?limit=2&expanded")

    assert [len(page) for page in found] == [2, 2, 1]
    shown = flat(found)
    assert uuids(shown) == [one.uuid for one in made]
    assert shown[0] == api.get(f"/tasks/{owner.uuid}/runs/{made[0].uuid}")


def test_runs_that_start_together_are_each_listed_once(api: Api) -> None:
    (owner,) = stored(1)
    made = [run(owner, 10) for _ in range(5)]
    for one in made:
        run_items.to_item(one).save()

    assert uuids(flat(pages(api, f"/tasks/{owner.uuid}/runs?limit=2"))) == sorted(one.uuid for one in made)


def test_runs_of_one_state_can_be_asked_for(api: Api) -> None:
    (owner,) = stored(1)
    runs_of(owner, 2)
    (missed,) = runs_of(owner, 1, state=State.MISSED, end=dt.datetime.now(dt.timezone.utc))

    assert uuids(api.get(f"/tasks/{owner.uuid}/runs?state=missed")) == [missed.uuid]
    assert "state" in api.get(f"/tasks/{owner.uuid}/runs?state=lost", 400)


def test_expanded_runs_show_nothing_private_without_the_key(api: Api) -> None:
    (owner,) = stored(1, document={**task().document, "_key": "sesame"})
    (made,) = runs_of(owner, 1)
    secret = run_store.get(NODE, owner.uuid, made.uuid).with_documents(result={"_private": 1})
    run_items.to_item(secret).save()
    path = f"/tasks/{owner.uuid}/runs?expanded"

    assert api.get(path)[0]["result"] == {"_private": None}
    assert api.get(f"{path}&key=sesame")[0]["result"] == {"_private": 1}
    assert api.get(f"{path}&key=wrong", 403)


def test_expanded_runs_of_a_task_that_is_not_here_are_none(api: Api) -> None:
    assert api.get(f"/tasks/{task().uuid}/runs?expanded") == []


def test_an_answer_no_lambda_may_give_names_the_way_out(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(negotiation, "LARGEST_ANSWER", 3_000)
    (owner,) = stored(60)[:1]
    runs_of(owner, 60)

    for path in ("/tasks", f"/tasks/{owner.uuid}/runs"):
        text = api.get(path, 400)
        assert "limit" in text
        assert "cursor" in text
        assert len(flat(pages(api, f"{path}?limit=10"))) == 60
    assert api.ask("GET", "/openapi.json")[0] == 413


def test_a_page_reads_no_more_than_it_shows(api: Api) -> None:
    stored(50)
    reads = []
    here: str | None = "/tasks?limit=10"
    while here is not None:
        with looked_at() as numbers:
            api.get(here)
        reads.append(sum(numbers))
        here = next_page(api)

    assert len(reads) == 5
    assert max(reads) <= 3 * 11


def test_a_long_list_comes_whole_and_as_each_task_shows_itself(api: Api) -> None:
    private = {**task().document, "_key": "sesame", "reference": {"_hidden": 1, "shown": "\u00e9"}}
    made = stored(300, document=private)

    listed = api.get("/tasks?expanded")

    assert listed == api.get("/tasks?expanded&pretty")
    assert uuids(listed) == [one.uuid for one in made]
    assert listed[290] == api.get(f"/tasks/{made[290].uuid}")
    assert (listed[0]["_key"], listed[0]["reference"]) == (None, {"_hidden": None, "shown": "\u00e9"})
    detailed = api.get("/tasks?expanded&detail")
    assert detailed[290] == api.get(f"/tasks/{made[290].uuid}?detail")
    assert uuids(api.get("/tasks")) == [one.uuid for one in made]


def test_a_list_of_nothing_is_an_empty_array(api: Api) -> None:
    assert api.get("/tasks") == api.get("/tasks?expanded&pretty") == api.get("/tasks?limit=3") == []


def test_a_task_posted_is_listed_behind_all_others(api: Api) -> None:
    commit(Booking(None, task(added=NOON - dt.timedelta(days=1)), []), NOON)
    mine = api.post_task()

    assert uuids(api.get("/tasks"))[-1] == mine.rsplit("/", 1)[-1]

"""Posting a task once, however often one has to ask; and only asking what would come of it."""

import datetime as dt
import threading
from typing import Any

import pytest

from chalicelib.domain.errors import Unprocessable
from chalicelib.domain.times import UTC
from chalicelib.service.scheduling import reservation
from chalicelib.service.tasks import create
from chalicelib.store import task_table as store
from tests.api.conftest import IDLE, Api
from tests.builders import NODE

KEY = {"Idempotency-Key": "6f2c-1"}
LATER = {**IDLE, "schedule": {"start": "PT1H"}}
EXCLUSIVE = {"schema": 1, "test": {"type": "idleex", "spec": {"duration": "PT10S"}}}


def test_the_same_request_again_is_answered_with_the_same_task(api: Api) -> None:
    first = api.ask("POST", "/tasks", LATER, **KEY)
    second = api.ask("POST", "/tasks", dict(reversed(LATER.items())), **KEY)

    assert first == second
    assert len(list(store.every(NODE))) == 1


def test_another_body_under_the_same_key_is_refused(api: Api) -> None:
    api.ask("POST", "/tasks", LATER, **KEY)

    status, text = api.ask("POST", "/tasks", IDLE, **KEY)

    assert status == 422
    assert "Idempotency-Key" in text
    assert len(list(store.every(NODE))) == 1


def test_another_key_or_none_makes_another_task(api: Api) -> None:
    for headers in (KEY, {"Idempotency-Key": "other"}, {}, {}):
        api.ask("POST", "/tasks", LATER, **headers)

    assert len(list(store.every(NODE))) == 4


def test_a_refused_request_uses_up_no_key(api: Api) -> None:
    assert api.ask("POST", "/tasks", {**LATER, "surprise": 1}, **KEY)[0] == 400

    assert api.ask("POST", "/tasks", LATER, **KEY)[0] == 200


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "caf\u00e9"])
def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    assert api.ask("POST", "/tasks", LATER, **{"Idempotency-Key": key})[0] == 400


def test_a_key_is_free_again_after_a_day_even_if_its_item_is_still_there(empty_aws: None) -> None:
    now = dt.datetime.now(UTC)
    first = create.create(NODE, LATER, {}, now - dt.timedelta(hours=23), "key")

    assert create.create(NODE, LATER, {}, now, "key").uuid == first.uuid
    with pytest.raises(Unprocessable):
        create.create(NODE, IDLE, {}, now, "key")
    assert create.create(NODE, IDLE, {}, now + dt.timedelta(hours=2), "key").uuid != first.uuid


def test_many_at_the_same_time_make_one_task(empty_aws: None) -> None:
    made: list[str] = []
    together = threading.Barrier(8)

    def post() -> None:
        together.wait()
        made.append(create.create(NODE, EXCLUSIVE, {}, dt.datetime.now(UTC), "key").uuid)

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 8
    assert len(set(made)) == 1
    assert len(list(store.every(NODE))) == 1


class Crash(Exception):
    """The process ends here."""


def post_and_crash_at(step: str, now: dt.datetime) -> None:
    def crash(*_: Any) -> None:
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reservation, step, crash)
        create.create(NODE, LATER, {}, now, "key")


def test_a_crash_before_the_write_loses_nothing_and_one_after_it_doubles_nothing(empty_aws: None) -> None:
    now = dt.datetime.now(UTC)
    with pytest.raises(Crash):
        post_and_crash_at("commit", now)
    assert list(store.every(NODE)) == []
    with pytest.raises(Crash):
        post_and_crash_at("send", now)

    again = create.create(NODE, LATER, {}, now, "key")

    assert [task.uuid for task in store.every(NODE)] == [again.uuid]


def test_the_key_itself_is_not_stored(empty_aws: None) -> None:
    from chalicelib.store.models.node_models import NodeItem

    create.create(NODE, LATER, {}, dt.datetime.now(UTC), "a-secret-key")

    names = [item.name for item in NodeItem.scan()]

    assert any("#idempotency#" in name for name in names)
    assert not any("a-secret-key" in name for name in names)


def test_a_rehearsal_says_what_would_be_and_stores_nothing(api: Api) -> None:
    status, proposal = api.ask("POST", "/tasks?dry-run", {**LATER, "_key": "sesame"})

    assert status == 200
    assert proposal["task"]["tool"] == "snooze"
    assert proposal["task"]["_key"] is None
    assert proposal["task"]["detail"]["duration"] == "PT3S"
    assert proposal["start"] == proposal["task"]["detail"]["start"]
    assert proposal["start"] < proposal["end"]
    assert list(store.every(NODE)) == []


def test_a_rehearsal_finds_the_mistakes_a_post_would(api: Api) -> None:
    assert api.ask("POST", "/tasks?dry-run", {**IDLE, "surprise": 1})[0] == 400
    assert api.ask("POST", "/tasks?dry-run", {**IDLE, "tools": ["sleep"]})[0] == 422


def test_a_rehearsal_proposes_time_that_is_free_or_names_the_run_in_the_way(api: Api) -> None:
    start = (dt.datetime.now(UTC) + dt.timedelta(hours=1)).replace(microsecond=0)
    document = {**EXCLUSIVE, "schedule": {"start": start.isoformat()}}
    _, href = api.ask("POST", "/tasks", document)
    taken = api.get(f"{href.removeprefix('http://node.test')}/runs/first")

    _, fixed = api.ask("POST", "/tasks?dry-run", document)
    slipping = {**document["schedule"], "slip": "PT5M"}
    _, moved = api.ask("POST", "/tasks?dry-run", {**document, "schedule": slipping})

    assert fixed["start"] is None
    assert fixed["reason"]["code"] == "no-time"
    assert taken["href"].endswith(fixed["reason"]["blocking-run"])
    assert moved["start"] >= taken["end-time"]
    assert "reason" not in moved


def test_a_rehearsal_of_a_task_beyond_the_horizon_says_when_it_would_start(api: Api) -> None:
    _, proposal = api.ask("POST", "/tasks?dry-run", {**EXCLUSIVE, "schedule": {"start": "P3D"}})

    assert proposal["start"] == proposal["task"]["detail"]["start"]

"""Deliveries as they are attempted: when one is, what is handed over, and what it means for the run."""

from typing import Any

import pytest

from chalicelib.domain.delivery import Delivery
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.archiving import attempt
from chalicelib.store import delivery_table, run_items, run_table, task_table
from plugins import registry
from plugins.sdk.base import Outcome
from tests.builders import NODE, NOON, at, run, seconds, task

pytestmark = pytest.mark.usefixtures("moto_engine")


def finished(owner: Task) -> Run:
    """A run of the task that is over, both of them stored."""
    one = run(owner, state=State.FINISHED).with_documents(
        result_merged={"succeeded": True}, participant_data_full=[{"_token": "secret", "port": 1}]
    )
    task_table.to_item(owner, NOON).save()
    run_items.to_item(one).save()
    return one


def stored(one: Run, number: int = 0, **changes: Any) -> Delivery:
    """A delivery of a run's result that is due at noon."""
    spec = {"archiver": "bitbucket", "data": {}, "runs": "succeeded"}
    defaults = {
        "node": NODE,
        "run": one.uuid,
        "number": number,
        "task": one.task,
        "spec": spec,
        "added": NOON,
    }
    delivery = Delivery(**{**defaults, "next_attempt": NOON, **changes})
    delivery_table.to_item(delivery).save()
    return delivery


def keeping(duration: str | None) -> Task:
    document = {**task().document, "schema": 5}
    return task(document=document if duration is None else {**document, "keep-after-archive": duration})


def test_a_run_may_go_once_nothing_of_it_is_left_to_deliver() -> None:
    one = finished(keeping("PT1H"))
    before = run_table.get(NODE, one.task, one.uuid).purge_at
    for number in (0, 1):
        stored(one, number)

    attempt.deliver(NODE, one.uuid, 0, at(10))
    between = run_table.get(NODE, one.task, one.uuid).purge_at
    attempt.deliver(NODE, one.uuid, 1, at(20))

    assert between == before
    assert run_table.get(NODE, one.task, one.uuid).purge_at == at(20 + 3600)


def test_a_run_of_a_task_that_says_nothing_of_it_stays_as_long_as_any() -> None:
    one = finished(keeping(None))
    before = run_table.get(NODE, one.task, one.uuid).purge_at
    stored(one)

    attempt.deliver(NODE, one.uuid, 0, at(10))

    assert delivery_table.get(NODE, one.uuid, 0).completed
    assert run_table.get(NODE, one.task, one.uuid).purge_at == before


def test_a_delivery_that_is_tried_again_holds_on_to_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    again = Outcome(False, "not now", retry=seconds(600))
    monkeypatch.setitem(vars(registry.archivers()["bitbucket"]), "deliver", lambda parcel: again)
    one = finished(keeping("PT1H"))
    before = run_table.get(NODE, one.task, one.uuid).purge_at
    stored(one)

    attempt.deliver(NODE, one.uuid, 0, at(10))

    assert delivery_table.get(NODE, one.uuid, 0).next_attempt == at(610)
    assert run_table.get(NODE, one.task, one.uuid).purge_at == before


@pytest.mark.parametrize(
    ("changes", "attempts", "archived"),
    [
        ({}, 1, True),
        ({"next_attempt": at(10)}, 1, True),  # due at this very second
        ({"next_attempt": at(11)}, 0, False),
        ({"next_attempt": None, "completed": True}, 0, False),
        ({"deadline": at(10), "attempts": 1}, 1, False),  # its time to live has passed
        ({"deadline": at(11), "attempts": 1}, 2, True),
        ({"silent": 3, "attempts": 3}, 3, False),  # three attempts have never reported
        ({"silent": 2, "attempts": 2}, 3, True),
    ],
)
def test_a_delivery_is_attempted_when_it_is_due(
    changes: dict[str, Any], attempts: int, archived: bool
) -> None:
    one = finished(keeping(None))
    stored(one, **changes)

    attempt.deliver(NODE, one.uuid, 0, at(10))

    after = delivery_table.get(NODE, one.uuid, 0)
    assert (after.attempts, after.archived) == (attempts, archived)


def test_one_that_is_not_there_is_nothing_to_deliver() -> None:
    attempt.deliver(NODE, "no-such-run", 0, NOON)

    assert delivery_table.of_run(NODE, "no-such-run") == []


def test_an_archiver_is_handed_what_anybody_may_see() -> None:
    test = {"type": "snmpget", "spec": {"dest": "192.0.2.7", "_community": "sesame"}}
    archives = [{"archiver": "http", "data": {"_url": "http://u:sesame@h/"}}]
    document = {
        **task().document,
        "test": test,
        "_key": "sesame",
        "archives": archives,
        "reference": {"a": 1, "_token": "sesame"},
    }
    owner = task(document=document)
    one = finished(owner)

    told = attempt.document(stored(one), owner, one)

    assert "sesame" not in str(told)
    assert "secret" not in str(told)
    assert told["test"] == {"type": "snmpget", "spec": {"dest": "192.0.2.7", "_community": None}}
    assert told["task"]["_key"] is None
    assert not {"archives"} & set(told["task"])
    assert not {"participant-data", "participant-data-full", "result"} & set(told["run"])
    assert told["reference"] == {"a": 1, "_token": None}
    assert told["result"] == {"succeeded": True}
    assert told["schedule"] == {"start": "2026-11-23T12:00:00+00:00", "duration": "PT3S"}
    assert told["run"]["href"] == f"{told['task']['href']}/runs/{one.uuid}"
    assert told["run"]["task-href"] == told["task"]["href"]


def test_a_host_that_an_archive_names_is_where_the_links_lead() -> None:
    owner = task()
    one = finished(owner)
    spec = {"archiver": "bitbucket", "data": {}, "uri-host": "node.example"}

    told = attempt.document(stored(one, spec=spec), owner, one)

    assert told["task"]["href"] == f"https://node.example/pscheduler/tasks/{owner.uuid}"

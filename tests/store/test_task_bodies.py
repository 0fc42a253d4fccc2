"""The text of a task: read back as it was, and shown without being read."""

import json
from typing import Any

import pytest

from chalicelib.domain.documents import sanitized
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.task import Task
from chalicelib.store import raw_items, task_bodies, task_items, task_table
from chalicelib.store.models.task_models import TaskItem
from tests.builders import NODE, NOON, at, seconds, task

PLAIN = task().document


def read_back(one: Task, text: str) -> Task:
    return Task(node=NODE, uuid=one.uuid, added=one.added, **task_bodies.read(text))


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"reference": {"text": 'quotes ", \\" and braces }},"shown":{ and \u00e9 \U0001f600'}},
        {"archives": [{"archiver": "http", "data": {"_url": "http://secret"}}]},
        {"_key": "sesame"},
        {"participants": ["here", "there"]},
    ],
)
def test_a_text_is_read_back_and_shows_what_everybody_may_see(members: dict[str, Any]) -> None:
    one = task(document={**PLAIN, **members}, cli=["--duration", "PT2S"])

    text = task_bodies.written(one)
    shown = task_bodies.shown(text)

    assert read_back(one, text) == one
    assert shown is not None
    assert json.loads(shown) == sanitized(one.shown)
    assert "secret" not in shown
    assert "sesame" not in shown


def test_what_is_shown_is_not_stored_twice_where_nothing_is_hidden() -> None:
    open_text, private_text = (
        task_bodies.written(task(document={**PLAIN, **members})) for members in ({}, {"_key": "sesame"})
    )

    assert "document" not in json.loads(open_text)
    assert "document" in json.loads(private_text)


@pytest.mark.parametrize("members", [{}, {"_key": "sesame"}], ids=["nothing hidden", "something hidden"])
@pytest.mark.parametrize("gone", [(), ("test", "tool"), ("shown-length", "shown", "test", "tool")])
@pytest.mark.parametrize(
    ("participant", "cli"),
    [
        (0, ["--duration", "PT2S"]),
        (0, []),
        (0, ['quotes " and ]', "back\\slash", "\u00e9"]),
        (1, ["--duration", "PT2S"]),
    ],
)
def test_what_lists_show_besides_is_read_of_texts_of_any_age(
    members: dict[str, Any], gone: tuple[str, ...], participant: int, cli: list[str]
) -> None:
    both = ["here", "there"]
    one = task(document={**PLAIN, **members}, cli=cli, participants=both, participant=participant)
    body = json.loads(task_bodies.written(one))
    if "shown" in gone:
        body = {"document": body.get("document", body["shown"]), **body}
    left = {name: value for name, value in body.items() if name not in gone}

    found = task_bodies.beside(json.dumps(left, separators=(",", ":")))

    assert (found.test, found.tool, found.participant) == ("idle", "snooze", participant)
    assert json.loads(found.cli) == cli
    assert list(found.participants) == (both if participant else [])


def test_texts_of_before_are_read_and_shown_too(empty_aws: None) -> None:
    one = task(document={**PLAIN, "_key": "sesame"})
    body = json.loads(task_bodies.written(one))
    old = json.dumps({name: value for name, value in body.items() if not name.startswith("shown")})
    item = task_items.to_item(one, NOON)
    item.body = old
    item.save()

    (listed,) = task_table.listing(NODE)

    assert task_table.get(NODE, one.uuid).document == one.document
    assert json.loads(listed.shown) == sanitized(one.shown)


def test_a_raw_item_says_what_the_model_would(empty_aws: None) -> None:
    one = task(added=at(0.000001), plan_at=at(7), runs_started=3, enabled=False, duration=seconds(9))
    item = task_items.to_item(one, NOON)
    item.save()

    raw = raw_items.get(TaskItem, {"task": item.task})

    assert raw is not None
    for name in TaskItem.get_attributes():
        assert getattr(raw, name) == getattr(item, name), name
    assert raw_items.get(TaskItem, {"task": "no-such"}) is None


def test_many_items_are_read_beyond_what_one_request_may_ask_for(empty_aws: None) -> None:
    made = [task() for _ in range(130)]
    for one in made:
        task_items.to_item(one, NOON).save()

    assert task_table.get_many(NODE, [*(one.uuid for one in made), "gone"]).keys() == {
        one.uuid for one in made
    }


@pytest.mark.parametrize("made_up", [True, False])
def test_all_that_is_fixed_of_a_task_is_in_its_text(made_up: bool) -> None:
    one = task(
        document={**PLAIN, "_key": "sesame"},
        schedule=Schedule(
            start=at(10),
            slip=seconds(5),
            sliprand=True,
            repeat=seconds(60),
            until=at(7200),
            max_runs=9,
        ),
        participants=("here", "there"),
        participant=1,
        participant_key="key",
        key_is_made_up=made_up,
        duration=seconds(7),
        post=seconds(2),
        scheduling_class="normal",
        url="https://here.example.org/pscheduler",
        hints={"requester": "192.0.2.1"},
        cli=["--duration", "PT2S"],
        diags="diags",
        limit_diags="limits",
    )

    assert read_back(one, task_bodies.written(one)) == one


def test_a_schedule_by_cron_is_in_its_text() -> None:
    one = task(schedule=Schedule(cron="0 * * * *"), cli=[])

    assert read_back(one, task_bodies.written(one)) == one

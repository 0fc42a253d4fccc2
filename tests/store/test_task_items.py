"""Tasks as items, and back."""

from typing import Any

import pytest

from chalicelib.domain.repeat import Progress, Schedule
from chalicelib.domain.task import Task
from chalicelib.store import task_table
from chalicelib.store.task_items import PostedTask
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NODE, NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")


def stored(one: Task) -> Task:
    commit(Booking(None, one, ()), NOON)
    return one


def test_a_task_comes_back_as_it_went_in() -> None:
    one = task(
        schedule=Schedule(at(9), seconds(60), True, seconds(600), "* * * * *", at(9000), 7),
        progress=Progress(2, at(9), at(12)),
        participants=("here", "there"),
        participant=1,
        participant_key="secret",
        post=seconds(1),
        cli=["--duration", "PT2S"],
        diags="fine",
        limit_diags="none",
        runs_started=1,
        plan_at=at(30),
    )

    stored(one)

    assert task_table.get(NODE, one.uuid) == task_table.glance(NODE, one.uuid) == one


@pytest.mark.parametrize("changes", [{"plan_reason": "why"}, {"started_until": at(9), "runs_started": 3}])
def test_what_changes_of_a_task_comes_back_as_well(changes: dict[str, Any]) -> None:
    one = stored(task(**changes, plan_at=at(30)))

    assert task_table.get(NODE, one.uuid) == one


@pytest.mark.parametrize("members", [{}, {"_key": "sesame"}], ids=["nothing hidden", "something hidden"])
def test_a_search_looks_at_what_was_posted(members: dict[str, Any]) -> None:
    one = stored(task(document={**task().document, **members}, enabled=False))

    (found,) = task_table.listing(NODE)

    assert found.place == (one.added, one.uuid)
    assert found.fixed()["document"] == one.document
    assert found.posted() == PostedTask(one.document, one.hints, False)


@pytest.mark.parametrize(
    ("kind", "is_anytime"),
    [("background", True), ("background-multi", True), ("normal", False), ("exclusive", False)],
)
def test_it_is_known_of_a_task_whether_its_runs_conflict(kind: str, is_anytime: bool) -> None:
    one = stored(task(scheduling_class=kind))

    assert task_table.find(NODE, one.uuid).is_anytime is is_anytime

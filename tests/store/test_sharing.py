"""Tasks that others take part in: stored, and enabled, with what undoes it."""

import pytest

from chalicelib.domain.errors import Conflict, NotFound, Repeated
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.task import Task
from chalicelib.store import changes, idempotency_records, shards, task_table
from chalicelib.store.idempotency_records import IdempotencyRecord
from chalicelib.store.transactions import sharing
from tests.builders import NODE, NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Task, str]]:
    told: list[tuple[Task, str]] = []
    monkeypatch.setattr(changes, "task_changed", lambda *what: told.append(what))
    return told


def record(one: Task) -> IdempotencyRecord:
    return IdempotencyRecord(NODE, "name", "fingerprint", one.uuid, at(60))


def test_a_task_is_stored_disabled_and_enabled_as_it_is_to_be_planned(heard: list[tuple[Task, str]]) -> None:
    one = task(enabled=False, schedule=Schedule(start=at(9), repeat=seconds(60)))
    sharing.insert(one, NOON)
    on = one.evolve(enabled=True, plan_at=at(5), plan_reason="why")

    assert sharing.enable(on, NOON, idempotency_record=record(one)) is on

    assert task_table.get(NODE, one.uuid) == on
    assert task_table.due(shards.of(one.uuid), at(5), 9) == [(NODE, one.uuid)]
    assert idempotency_records.find(NODE, "name", at(1)) == record(one)
    assert heard == [(one, "added"), (on, "enabled")]


def test_of_two_under_one_key_the_second_is_told_of_the_first(heard: list[tuple[Task, str]]) -> None:
    first, second = (task(enabled=False) for _ in range(2))
    for one in (first, second):
        sharing.insert(one, NOON)
    sharing.enable(first.evolve(enabled=True), NOON, idempotency_record=record(first))
    heard.clear()

    with pytest.raises(Repeated) as error:
        sharing.enable(second.evolve(enabled=True), at(1), idempotency_record=record(second))

    assert error.value.task == first.uuid
    assert not task_table.get(NODE, second.uuid).enabled
    assert heard == []
    sharing.enable(second.evolve(enabled=True), at(60), idempotency_record=record(second))
    assert task_table.get(NODE, second.uuid).enabled


@pytest.mark.parametrize("is_wanted_once", [True, False])
def test_a_task_that_is_gone_is_not_enabled(is_wanted_once: bool) -> None:
    one = task()

    with pytest.raises(Conflict, match=f"Task {one.uuid} changed meanwhile"):
        sharing.enable(one, NOON, idempotency_record=record(one) if is_wanted_once else None)

    with pytest.raises(NotFound):
        task_table.get(NODE, one.uuid)

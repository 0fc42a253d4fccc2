"""Errands in the store. On moto."""

import pytest

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.outbox_request import RETRY, STRAGGLING, Errand, withdrawal
from chalicelib.domain.task import KEEP
from chalicelib.store import outbox_table, task_table
from chalicelib.store.transactions import sharing
from tests.builders import NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("moto_engine")


@pytest.fixture
def errand() -> Errand:
    document = {**task().document, "lead-bind": "192.0.2.9"}
    shared = task(participants=("a", "b"), participant_key="k", document=document)
    return withdrawal(shared, "b", NOON, run="r")


def test_a_withdrawal_deletes_what_it_is_about_with_the_key(errand: Errand) -> None:
    outbox_table.add([errand])

    found = outbox_table.get(errand.uuid)

    assert found == errand
    assert (found.method, found.host, found.args, found.bind) == ("DELETE", "b", {"key": "k"}, "192.0.2.9")
    assert found.path.endswith("/runs/r")


def test_an_errand_is_due_until_it_is_done_and_taken_by_one_alone(errand: Errand) -> None:
    outbox_table.add([errand])
    assert outbox_table.due(at(-1), 10) == []
    assert outbox_table.due(NOON, 10) == [errand.uuid]

    begun = outbox_table.claim(errand, at(1))

    with pytest.raises(Conflict):
        outbox_table.claim(errand, at(1))
    assert outbox_table.due(at(300), 10) == []
    assert outbox_table.due(at(1) + RETRY, 10) == [errand.uuid]
    outbox_table.explain(begun, "nobody there")
    assert (outbox_table.get(errand.uuid).attempts, outbox_table.get(errand.uuid).error) == (
        1,
        "nobody there",
    )
    outbox_table.delete([errand])
    assert outbox_table.due(at(1) + RETRY, 10) == []
    with pytest.raises(NotFound):
        outbox_table.get(errand.uuid)


def test_those_never_attempted_are_counted_apart(errand: Errand) -> None:
    other = withdrawal(task(), "c", NOON)
    outbox_table.add([errand, other])
    outbox_table.claim(errand, NOON)

    assert (outbox_table.backlog(), outbox_table.length()) == (1, 2)


@pytest.mark.parametrize(
    ("status", "after", "done"),
    [
        (200, 0, True),
        (302, 0, True),
        (404, 60, False),  # what was asked for before may still be under way there
        (404, STRAGGLING.total_seconds(), True),
        (410, STRAGGLING.total_seconds(), True),
        (403, STRAGGLING.total_seconds(), False),
        (500, 0, False),
    ],
)
def test_an_answer_ends_an_errand_or_not(errand: Errand, status: int, after: float, done: bool) -> None:
    assert errand.is_done(status, at(after)) is done


def test_an_errand_is_hopeless_once_all_is_forgotten_anyway(errand: Errand) -> None:
    assert not errand.is_hopeless(NOON + KEEP - seconds(1))
    assert errand.is_hopeless(NOON + KEEP)


def test_a_task_and_its_errands_are_stored_together_or_not_at_all(errand: Errand) -> None:
    one = task(enabled=False)
    sharing.insert(one, NOON, [errand])

    with pytest.raises(Conflict):
        sharing.insert(one, NOON, [withdrawal(one, "d", NOON)])

    assert outbox_table.length() == 1
    on = sharing.enable(one.evolve(enabled=True).replanned(NOON), NOON, [errand])
    assert (outbox_table.length(), task_table.get(one.uuid).enabled, on.plan_at) == (0, True, NOON)
    off = task_table.disable(on, NOON, [errand])
    assert (outbox_table.length(), task_table.get(one.uuid).enabled, off.plan_at) == (1, False, None)
    with pytest.raises(Conflict):
        task_table.disable(on, NOON, [withdrawal(one, "d", NOON)])
    assert outbox_table.length() == 1


def test_a_task_is_leased_to_one_planner() -> None:
    one = task().replanned(NOON)
    sharing.insert(one, NOON)

    leased = task_table.lease(one, at(120), NOON)

    assert task_table.get(one.uuid).plan_at == at(120) == leased.plan_at
    with pytest.raises(Conflict):
        task_table.lease(one, at(130), NOON)

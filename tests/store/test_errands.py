"""Errands in the store. On moto."""

import pytest

from chalicelib.domain.errand import RETRY, STRAGGLING, Errand, withdrawal
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.task import KEEP
from chalicelib.store import errands, sharing, tasks
from tests.builders import NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("moto_engine")


@pytest.fixture
def errand() -> Errand:
    document = {**task().document, "lead-bind": "192.0.2.9"}
    shared = task(participants=("a", "b"), participant_key="k", document=document)
    return withdrawal(shared, "b", NOON, run="r")


def test_a_withdrawal_deletes_what_it_is_about_with_the_key(errand: Errand) -> None:
    errands.add([errand])

    found = errands.get(errand.uuid)

    assert found == errand
    assert (found.method, found.host, found.args, found.bind) == ("DELETE", "b", {"key": "k"}, "192.0.2.9")
    assert found.path.endswith("/runs/r")


def test_an_errand_is_due_until_it_is_done_and_taken_by_one_alone(errand: Errand) -> None:
    errands.add([errand])
    assert errands.due(at(-1), 10) == []
    assert errands.due(NOON, 10) == [errand.uuid]

    begun = errands.claim(errand, at(1))

    with pytest.raises(Conflict):
        errands.claim(errand, at(1))
    assert errands.due(at(300), 10) == []
    assert errands.due(at(1) + RETRY, 10) == [errand.uuid]
    errands.explain(begun, "nobody there")
    assert (errands.get(errand.uuid).attempts, errands.get(errand.uuid).error) == (1, "nobody there")
    errands.delete([errand])
    assert errands.due(at(1) + RETRY, 10) == []
    with pytest.raises(NotFound):
        errands.get(errand.uuid)


def test_those_never_attempted_are_counted_apart(errand: Errand) -> None:
    other = withdrawal(task(), "c", NOON)
    errands.add([errand, other])
    errands.claim(errand, NOON)

    assert (errands.backlog(), errands.length()) == (1, 2)


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

    assert errands.length() == 1
    on = sharing.enable(one.evolve(enabled=True).replanned(NOON), NOON, [errand])
    assert (errands.length(), tasks.get(one.uuid).enabled, on.plan_at) == (0, True, NOON)
    off = tasks.disable(on, NOON, [errand])
    assert (errands.length(), tasks.get(one.uuid).enabled, off.plan_at) == (1, False, None)
    with pytest.raises(Conflict):
        tasks.disable(on, NOON, [withdrawal(one, "d", NOON)])
    assert errands.length() == 1


def test_a_task_is_leased_to_one_planner() -> None:
    one = task().replanned(NOON)
    sharing.insert(one, NOON)

    leased = tasks.lease(one, at(120), NOON)

    assert tasks.get(one.uuid).plan_at == at(120) == leased.plan_at
    with pytest.raises(Conflict):
        tasks.lease(one, at(130), NOON)

"""Runs, written and read back, on moto."""

import random
import string

import pytest

from chalicelib.domain.errors import BadTransition, NotFound, StaleRun
from chalicelib.domain.run import Documents, Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN, Task
from chalicelib.infrastructure import blobs
from chalicelib.store import run_table, shards
from chalicelib.store.models import RunItem, key
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NODE, NOON, at, run, task

pytestmark = pytest.mark.usefixtures("moto_engine")


@pytest.fixture
def owner() -> Task:
    return task()


def stored(owner: Task, *all_of_them: Run) -> None:
    commit(Booking(None, owner, all_of_them), NOON)


def due(why: str, seconds: float) -> list[str]:
    found = [each for shard in shards.every() for each in run_table.due(why, shard, at(seconds), 10)]
    return [each.run for each in found]


def waiting(one: Run) -> run_table.Due:
    """A run as the dispatcher finds it."""
    return run_table.Due(NODE, one.task, one.uuid, one.start, "", shards.of(one.uuid))


def incompressible(size: int) -> str:
    generator = random.Random(1)
    return "".join(generator.choices(string.printable, k=size))


def test_a_run_comes_back_as_it_went_in(owner: Task) -> None:
    one = run(
        owner,
        priority=-3,
        errors="oh",
        dispatched=True,
        documents=Documents(
            {"a": 1}, [{"a": 1}], {"b": 2}, [{"b": 2}], {"c": 3}, [{}], "fine", {"code": "x"}
        ),
    )

    stored(owner, one)

    assert run_table.get(NODE, owner.uuid, one.uuid) == one


def test_a_run_of_another_task_is_not_found(owner: Task) -> None:
    one = run(owner)
    stored(owner, one)

    with pytest.raises(NotFound):
        run_table.get(NODE, "another", one.uuid)


def test_runs_are_listed_by_their_start(owner: Task) -> None:
    late, early, middle = run(owner, 20), run(owner, 0), run(owner, 10)
    stored(owner, late, early, middle)

    assert [one.uuid for one in run_table.in_order(NODE, owner.uuid)] == [early.uuid, middle.uuid, late.uuid]
    assert [one.uuid for one in run_table.in_order(NODE, owner.uuid, at(10), at(19))] == [middle.uuid]
    assert [one.uuid for one in run_table.in_order(NODE, owner.uuid, at(1), backwards=True)] == [
        late.uuid,
        middle.uuid,
    ]


def test_first_and_next_pass_over_runs_still_being_agreed_on(owner: Task) -> None:
    hidden, early, late = run(owner, 0, state=State.SCHEDULING), run(owner, 5), run(owner, 9)
    stored(owner, hidden, early, late)

    assert run_table.first(NODE, owner.uuid) == early.uuid
    assert run_table.first(NODE, owner.uuid, at(6)) == late.uuid
    assert run_table.first(NODE, owner.uuid, at(10)) is None


def test_a_change_is_written_over_what_it_was_made_from_and_nothing_else(owner: Task) -> None:
    one = run(owner, dispatched=True)
    stored(owner, one)
    running = run_table.change(one.evolve(state=State.RUNNING))

    with pytest.raises(StaleRun):
        run_table.change(one.evolve(state=State.MISSED))

    assert run_table.get(NODE, owner.uuid, one.uuid) == running
    assert running.revision == 1


def test_a_state_that_may_not_follow_is_never_written(owner: Task) -> None:
    with pytest.raises(BadTransition):
        run(owner, state=State.FAILED).evolve(state=State.RUNNING)


def test_a_large_result_goes_to_the_bucket_and_comes_back(owner: Task) -> None:
    one = run(owner)
    stored(owner, one)
    large = {"text": incompressible(600_000)}

    changed = run_table.change(one.evolve(state=State.RUNNING).with_documents(result=large))

    found = run_table.get(NODE, owner.uuid, one.uuid)
    assert found.documents.result == large
    assert found.documents_at is not None
    assert RunItem.get(key(NODE, owner.uuid), one.uuid).documents is None
    run_table.delete(found)
    with pytest.raises(Exception, match="NoSuchKey"):
        blobs.get(found.documents_at)
    assert changed.revision == found.revision


def test_a_result_just_small_enough_stays_in_the_table(owner: Task) -> None:
    one = run(owner, documents=Documents(result=incompressible(250_000)))
    stored(owner, one)

    assert run_table.get(NODE, owner.uuid, one.uuid).documents_at is None


@pytest.mark.parametrize(
    ("changes", "why", "when"),
    [
        ({"state": State.SCHEDULING}, run_table.AGREE, 0),
        (
            {"state": State.SCHEDULING, "added": at(-150)},
            run_table.AGREE,
            -30,
        ),  # two minutes to agree, no more
        ({"state": State.PENDING, "awaiting": True}, run_table.AGREE, 0),
        ({"state": State.PENDING, "awaiting": True, "added": at(-900)}, run_table.AGREE, -300),
        ({"state": State.PENDING}, run_table.DISPATCH, 0),
        ({"state": State.PENDING, "dispatched": True}, run_table.GIVE_UP, 30),
        ({"state": State.RUNNING, "dispatched": True}, run_table.GIVE_UP, 33),
        ({"state": State.CLEANUP, "dispatched": True}, run_table.GIVE_UP, 63),
        ({"state": State.FINISHED}, run_table.PURGE, 3 + KEEP_AFTER_LAST_RUN.total_seconds()),
        ({"state": State.NONSTART}, run_table.PURGE, 3 + KEEP_AFTER_LAST_RUN.total_seconds()),
        ({"state": State.FINISHED, "purge_at": at(50)}, run_table.PURGE, 50),
    ],
)
def test_no_state_waits_for_ever(owner: Task, changes: dict[str, object], why: str, when: float) -> None:
    one = run(owner, **changes)
    stored(owner, one)

    assert due(why, when - 1) == []
    assert due(why, when) == [one.uuid]


def test_a_run_is_claimed_for_dispatch_by_one_alone(owner: Task) -> None:
    one = run(owner)
    stored(owner, one)

    run_table.claim(waiting(one))

    with pytest.raises(StaleRun):
        run_table.claim(waiting(one))
    assert due(run_table.DISPATCH, 60) == []
    assert due(run_table.GIVE_UP, 30) == [one.uuid]


def test_a_change_made_before_a_claim_does_not_undo_it(owner: Task) -> None:
    one = run(owner)
    stored(owner, one)
    run_table.claim(waiting(one))

    with pytest.raises(StaleRun):
        run_table.change(one.with_documents(participant_data_full=[{}]))

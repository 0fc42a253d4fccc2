"""Runs that somebody has to look at by a known time."""

import pytest

from chalicelib.domain.errors import StaleRun
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.store import due_runs, run_items, run_table, shards
from chalicelib.store.due_runs import Due
from chalicelib.store.transactions.booking import Booking, commit
from tests import due
from tests.builders import NODE, NOON, at, run, task

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture
def owner() -> Task:
    return task()


def stored(owner: Task, *all_of_them: Run) -> None:
    commit(Booking(None, owner, all_of_them), NOON)


@pytest.mark.parametrize(
    ("changes", "why", "when"),
    [
        ({"state": State.SCHEDULING}, run_items.AGREE, 0),
        (
            {"state": State.SCHEDULING, "added": at(-150)},
            run_items.AGREE,
            -30,
        ),  # two minutes to agree, no more
        ({"state": State.PENDING, "awaiting": True}, run_items.AGREE, 0),
        ({"state": State.PENDING, "awaiting": True, "added": at(-900)}, run_items.AGREE, -300),
        ({"state": State.PENDING}, run_items.DISPATCH, 0),
        ({"state": State.PENDING, "dispatched": True}, run_items.GIVE_UP, 30),
        ({"state": State.RUNNING, "dispatched": True}, run_items.GIVE_UP, 30),  # as before it began
        ({"state": State.RUNNING}, run_items.DISPATCH, 0),
        ({"state": State.RUNNING, "end": at(31)}, run_items.GIVE_UP, 61),
        ({"state": State.RUNNING, "end": at(30)}, run_items.DISPATCH, 0),
        ({"state": State.RUNNING, "leased_until": at(90)}, run_items.GIVE_UP, 90),
        ({"state": State.CLEANUP, "dispatched": True}, run_items.GIVE_UP, 63),
    ],
)
def test_no_state_waits_for_ever(owner: Task, changes: dict[str, object], why: str, when: float) -> None:
    one = run(owner, **changes)
    stored(owner, one)

    assert due.runs(why, at(when - 1)) == []
    assert due.runs(why, at(when)) == [one.uuid]


def test_a_run_is_filed_for_when_it_is_to_be_over_and_changes_in_nothing_else(owner: Task) -> None:
    one = run(owner, 5, state=State.RUNNING)
    stored(owner, one)

    due_runs.file_to_be_given_up(one)

    assert due.runs(run_items.DISPATCH, at(99)) == []
    assert (due.runs(run_items.GIVE_UP, at(37)), due.runs(run_items.GIVE_UP, at(38))) == ([], [one.uuid])
    assert run_table.get(NODE, owner.uuid, one.uuid).revision == one.revision
    with pytest.raises(StaleRun, match=f"Run {one.uuid} changed meanwhile"):
        due_runs.file_to_be_given_up(one.evolve(revision=5))


def test_of_what_is_due_it_is_known_what_is_not_over(owner: Task) -> None:
    pending, begun = run(owner, 1), run(owner, 2, state=State.RUNNING)
    over = [run(owner, 3, state=State.FINISHED), run(owner, 4, state=State.FAILED)]
    stored(owner, pending, begun, *over)
    found = [each for shard in shards.every() for each in due_runs.due(run_items.DISPATCH, shard, at(9), 9)]

    assert len(found) == 4
    assert due_runs.not_over(found) == {pending.uuid, begun.uuid}


def test_what_is_due_says_whose_it_is_and_where_it_was_found(owner: Task) -> None:
    one = run(owner, 5, lane="lane")
    stored(owner, one, run(owner, 9))
    shard = shards.of(one.uuid)

    def found(since: float, until: float, limit: int | None = None) -> list[Due]:
        return list(due_runs.between(run_items.DISPATCH, shard, at(since), at(until), limit))

    assert found(5, 5) == [Due(NODE, owner.uuid, one.uuid, at(5), "lane", shard)]
    assert found(6, 5) == found(6, 8) == []
    assert due_runs.due(run_items.DISPATCH, shard, at(9), 1) == found(0, 9, 1) == found(5, 5)


@pytest.mark.parametrize(
    ("most", "found"), [(1, [0]), (2, [0, 5, 5, 5]), (4, [0, 5, 5, 5]), (9, [0, 5, 5, 5, 9])]
)
def test_what_is_due_at_an_instant_is_found_together(
    owner: Task, most: int, found: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "of", lambda uuid: 1)
    stored(owner, *(run(owner, start) for start in (0, 5, 5, 5, 9, 10)))

    found_together = due_runs.together(run_items.DISPATCH, 1, NOON, at(9), most)

    assert [each.at for each in found_together] == [at(seconds) for seconds in found]

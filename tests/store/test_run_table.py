"""Runs, written and read back."""

import dataclasses
import random
import string
from collections.abc import Iterable
from typing import Any

import pytest

from chalicelib.domain.errors import BadTransition, NotFound, StaleRun
from chalicelib.domain.names import NodeName, RunId
from chalicelib.domain.run import Documents, Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN, Task
from chalicelib.domain.times import INSTANT
from chalicelib.infrastructure import blobs
from chalicelib.store import changes, run_items, run_table
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.run_table import Standing
from chalicelib.store.transactions.booking import Booking, commit
from tests import due
from tests.builders import NODE, NOON, at, run, task

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture
def owner() -> Task:
    return task()


def stored(owner: Task, *all_of_them: Run) -> None:
    commit(Booking(None, owner, all_of_them), NOON)


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

    for look in (run_table.get, run_table.glance):
        with pytest.raises(NotFound, match=f"There is no run {one.uuid} of task another"):
            look(NODE, "another", one.uuid)
    assert run_table.glance(NODE, owner.uuid, one.uuid) == one


def test_runs_are_listed_by_their_start(owner: Task) -> None:
    late, early, middle = run(owner, 20), run(owner, 0), run(owner, 10)
    stored(owner, late, early, middle)

    assert [one.uuid for one in run_table.in_order(NODE, owner.uuid)] == [early.uuid, middle.uuid, late.uuid]
    assert [one.uuid for one in run_table.in_order(NODE, owner.uuid, at(10), at(19))] == [middle.uuid]
    assert [one.uuid for one in run_table.in_order(NODE, owner.uuid, at(1), backwards=True)] == [
        late.uuid,
        middle.uuid,
    ]
    assert uuids(run_table.between(NODE, owner.uuid, at(0), at(10))) == {early.uuid, middle.uuid}
    assert uuids(run_table.between(NODE, owner.uuid, at(10), at(0))) == set()


def uuids(found: Iterable[Run]) -> set[str]:
    return {one.uuid for one in found}


@pytest.mark.parametrize(
    ("start", "end", "after", "found"),
    [
        (None, None, None, [0, 1, 2, 3]),
        (None, None, 0, [1, 2, 3]),  # of two that start together the one behind
        (None, None, 1, [2, 3]),
        (at(9), None, 0, [2, 3]),
        (at(-9), at(9), 0, [1, 2]),
        (None, None, 3, []),
    ],
)
def test_a_list_goes_on_behind_a_run(
    owner: Task, start: Any, end: Any, after: int | None, found: list[int]
) -> None:
    listed = [run(owner, second, uuid=f"{number}") for number, second in enumerate((5, 5, 9, 20))]
    stored(owner, *listed)
    place = None if after is None else (listed[after].start, listed[after].uuid)

    behind = run_table.behind(NODE, owner.uuid, start, end, place, page_size=1)

    assert [int(one.uuid) for one in behind] == found


def test_long_lists_are_read_in_growing_parts(owner: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(owner, *(run(owner, second) for second in range(30)))
    asked: list[int] = []
    summaries = run_table.summaries

    def counted(node: NodeName, pairs: Any, consistent: bool = False) -> dict[RunId, Run]:
        asked.append(len(pairs))
        return summaries(node, pairs[1:], consistent)  # the first of each is gone

    monkeypatch.setattr(run_table, "summaries", counted)
    found = list(run_table.in_order(NODE, owner.uuid))

    assert asked == [4, 20, 6]
    assert [one.start for one in found] == [at(second) for second in range(30) if second not in (0, 4, 24)]


def test_what_a_list_shows_of_a_run_is_all_but_its_documents(owner: Task) -> None:
    reason = {"code": "late"}
    one = run(
        owner, 5, priority=-3, errors="oh", documents=Documents({"a": 1}, reason=reason), state=State.MISSED
    )
    begun = run(owner, 6, state=State.RUNNING, added=at(1))
    stored(owner, one, begun)

    found = run_table.summaries(NODE, [(owner.uuid, one.uuid), (owner.uuid, begun.uuid)])

    assert found == {
        one.uuid: dataclasses.replace(one, documents=Documents(reason=reason)),
        begun.uuid: dataclasses.replace(begun, began=True),
    }


def test_first_and_next_pass_over_runs_still_being_agreed_on(owner: Task) -> None:
    hidden, early, late = run(owner, 0, state=State.SCHEDULING), run(owner, 5), run(owner, 9)
    stored(owner, hidden, early, late)

    assert run_table.first(NODE, owner.uuid) == early.uuid
    assert run_table.first(NODE, owner.uuid, at(5)) == early.uuid
    assert run_table.first(NODE, owner.uuid, at(6)) == late.uuid
    assert run_table.first(NODE, owner.uuid, at(10)) is None


def test_a_change_is_written_over_what_it_was_made_from_and_nothing_else(owner: Task) -> None:
    one = run(owner, dispatched=True)
    stored(owner, one)
    running = run_table.change(one.evolve(state=State.RUNNING))

    with pytest.raises(StaleRun, match=f"Run {one.uuid} changed meanwhile"):
        run_table.change(one.evolve(state=State.MISSED))
    with pytest.raises(StaleRun, match=f"Run {one.uuid} changed meanwhile"):
        run_table.delete(one)

    assert run_table.get(NODE, owner.uuid, one.uuid) == running
    assert running.revision == 1
    run_table.delete(running)
    assert run_table.get_many(NODE, owner.uuid, [one.uuid]) == {}


def test_whoever_waits_hears_of_a_change(owner: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    one = run(owner)
    stored(owner, one)
    heard: list[Run] = []
    monkeypatch.setattr(changes, "run_written", heard.append)

    changed = run_table.change(one.evolve(state=State.RUNNING))

    assert heard == [changed]


def test_one_instance_of_an_agent_takes_a_run(owner: Task) -> None:
    one = run(owner, 5, dispatched=True)
    stored(owner, one)

    taken = run_table.take(one, "first")

    assert taken == one.evolve(holder="first", revision=1) == run_table.get(NODE, owner.uuid, one.uuid)
    assert due.runs(run_items.GIVE_UP, at(37)) == []
    assert due.runs(run_items.GIVE_UP, at(38)) == [one.uuid]  # half a minute after its end
    for stale in (one, taken):
        with pytest.raises(StaleRun, match=f"Run {one.uuid} changed meanwhile"):
            run_table.take(stale, "second")


@pytest.mark.parametrize(
    ("changes", "is_held"),
    [
        ({}, True),
        ({"holder": "other"}, False),
        ({"holder": None}, False),
        ({"state": State.RUNNING}, True),
        ({"state": State.CLEANUP}, False),
        ({"state": State.FINISHED}, False),
        ({"state": State.FINISHED, "received": 3}, True),
        ({"state": State.FINISHED, "received": 3, "holder": "other"}, False),
    ],
)
def test_a_run_is_held_until_it_is_over_or_was_reported(
    owner: Task, changes: dict[str, Any], is_held: bool
) -> None:
    one, other = run(owner, **{"holder": "one", **changes}), run(task())
    stored(owner, one)

    found = run_table.standing(NODE, [(owner.uuid, one.uuid), (other.task, other.uuid)])

    assert found == {one.uuid: Standing(one.state, one.holder, bool(one.received))}
    assert found[one.uuid].is_held_by("one") is is_held


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
    ("changes", "when"),
    [
        ({"state": State.SCHEDULING}, 0),
        ({"state": State.PENDING}, 30),
        ({"state": State.RUNNING}, 33),  # after its end
        ({"state": State.RUNNING, "leased_until": at(90)}, 90),
        ({"state": State.PENDING, "holder": "someone"}, 33),
        ({"state": State.CLEANUP}, 63),
    ],
)
def test_a_run_is_given_up_when_its_state_has_lasted_too_long(
    owner: Task, changes: dict[str, object], when: float
) -> None:
    assert run_items.given_up_at(run(owner, **changes)) == at(when)


@pytest.mark.parametrize("state", [state for state in State if state.is_final])
def test_a_run_that_is_over_waits_for_nothing_and_expires(owner: Task, state: State) -> None:
    one = run(owner, state=state, dispatched=True)
    stored(owner, one)

    item = RunItem.get(key(NODE, owner.uuid), one.uuid)

    assert (run_items.due_for(one), item.due, item.due_at) == (None, None, None)
    assert item.expires == (one.end + KEEP_AFTER_LAST_RUN).timestamp()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"state": State.FINISHED}, run_items.DISPATCH),
        ({"state": State.FAILED}, run_items.DISPATCH),
        ({"state": State.FINISHED, "end": at(31)}, None),  # filed by its end since it began
        ({"state": State.FINISHED, "leased_until": at(90)}, None),
        ({"state": State.FINISHED, "holder": "someone"}, None),
        ({"state": State.CANCELED}, None),  # it may be to come
        ({"state": State.MISSED}, None),
        ({"state": State.NONSTART}, None),
    ],
)
def test_a_run_that_ends_where_it_was_filed_stays_there(
    owner: Task, changes: dict[str, object], where: str | None
) -> None:
    due_for = run_items.due_for(run(owner, **changes))

    assert due_for == (where and (where, NOON))


def test_a_run_that_may_go_sooner_or_later_expires_then(owner: Task) -> None:
    one = run(owner, state=State.FINISHED, purge_at=at(50))
    stored(owner, one)

    assert RunItem.get(key(NODE, owner.uuid), one.uuid).expires == at(50).timestamp()
    assert run_table.get(NODE, owner.uuid, one.uuid).purge_at == at(50)


def test_what_has_expired_counts_as_gone_until_it_is(owner: Task) -> None:
    usual, sooner = run(owner, state=State.FINISHED), run(owner, 1, state=State.FINISHED, purge_at=at(50))
    longer = run(owner, 2, state=State.FINISHED, purge_at=at(5) + 2 * KEEP_AFTER_LAST_RUN)
    still = run(owner, 3, state=State.PENDING)
    stored(owner, usual, sooner, longer, still)
    listed = list(run_table.in_order(NODE, owner.uuid))
    later = at(5) + KEEP_AFTER_LAST_RUN

    assert not usual.is_forgotten(at(60))
    assert sooner.is_forgotten(at(60))
    assert [one.uuid for one in run_table.kept(listed, at(40))] == [one.uuid for one in listed]
    assert [one.uuid for one in run_table.kept(listed, later)] == [longer.uuid, still.uuid]
    assert run_table.first(NODE, owner.uuid, now=later) == longer.uuid


def test_a_run_whose_documents_have_gone_is_not_there(owner: Task) -> None:
    one = run(owner, documents=Documents(result=incompressible(600_000)))
    stored(owner, one)
    blobs.delete(run_table.get(NODE, owner.uuid, one.uuid).documents_at or "")

    with pytest.raises(NotFound):
        run_table.get(NODE, owner.uuid, one.uuid)
    assert run_table.get_many(NODE, owner.uuid, [one.uuid]) == {}


def test_a_run_that_begins_moves_nothing_in_the_indexes(owner: Task) -> None:
    one = run(owner)
    stored(owner, one)
    before = _filed(owner, one)

    run_table.change(one.evolve(state=State.RUNNING))

    assert _filed(owner, one) == before
    assert run_table.get(NODE, owner.uuid, one.uuid).state is State.RUNNING


def test_a_run_that_finishes_is_where_it_was_in_the_indexes(owner: Task) -> None:
    one = run(owner)
    stored(owner, one)
    *before, _ = _filed(owner, one)

    begun = run_table.change(one.evolve(state=State.RUNNING))
    run_table.change(begun.evolve(state=State.FINISHED))

    assert _filed(owner, one) == (*before, "finished")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({}, "finished"),
        ({"end": NOON + run_items.BRIEF}, "finished"),
        ({"end": NOON + run_items.BRIEF + INSTANT}, "pending"),
        ({"state": State.RUNNING}, "finished"),
        ({"state": State.RUNNING, "leased_until": at(3600)}, "pending"),  # its agent is away
        ({"state": State.FAILED}, "failed"),
        ({"state": State.SCHEDULING}, "scheduling"),
    ],
)
def test_a_brief_run_is_filed_as_finished_from_the_beginning(
    owner: Task, changes: dict[str, object], where: str
) -> None:
    assert run_items.to_item(run(owner, **changes)).state_key == key(NODE, where)


@pytest.mark.parametrize("end", [State.FINISHED, State.CANCELED, State.OVERDUE, State.MISSED])
def test_that_a_run_began_is_known_however_it_ends(owner: Task, end: State) -> None:
    one, other = run(owner), run(owner, 9)
    stored(owner, one, other)

    run_table.change(run_table.change(one.evolve(state=State.RUNNING)).evolve(state=end))

    ended = run_table.get(NODE, owner.uuid, one.uuid)
    assert (ended.state, ended.began) == (end, True)
    assert [each.began for each in run_table.in_order(NODE, owner.uuid)] == [True, False]


def _filed(owner: Task, one: Run) -> tuple[object, ...]:
    item = RunItem.get(key(NODE, owner.uuid), one.uuid)
    return item.due, item.due_at, item.state_key, item.state

"""Runs counted and listed by their state."""

import datetime as dt
import pathlib

import pytest

from bench.capacity_units import counted
from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.times import INSTANT, UTC
from chalicelib.settings import settings
from chalicelib.store import run_counts, run_items, run_table
from chalicelib.store.run_counts import SPARE, within
from chalicelib.store.transactions.booking import Booking, commit
from local import environment
from local.engine import Engine
from tests.builders import NODE, NOON, at, run, task

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture
def placed() -> list[Run]:
    """Runs of two tasks: pending at 0, 10 and 20 s, finished at -10 s, a non-starter at 15 s."""
    one, other = task(), task()
    mine = [run(one, 0), run(one, 20), run(one, -10, state=State.FINISHED)]
    others = [run(other, 10), run(other, 15, state=State.NONSTART, errors="No time", priority=3)]
    for owner, its in ((one, mine), (other, others)):
        commit(Booking(None, owner, its), NOON)
    return [*mine, *others]


def starts(found: object) -> list[float]:
    return [(each.start - NOON).total_seconds() for each in found]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("state", "start", "end", "count"),
    [
        (State.PENDING, None, None, 3),
        (State.PENDING, at(0), at(10), 2),  # both bounds are included
        (State.PENDING, at(1), None, 2),
        (State.PENDING, at(20), at(0), 0),  # the wrong way round holds nothing
        (State.FINISHED, None, at(0), 1),
        (State.CANCELED, None, None, 0),
        (State.PENDING, dt.datetime(1, 1, 1, tzinfo=UTC), dt.datetime.max.replace(tzinfo=UTC), 3),
    ],
)
def test_runs_in_a_state_are_counted(
    placed: list[Run], state: State, start: dt.datetime | None, end: dt.datetime | None, count: int
) -> None:
    assert run_counts.count(NODE, state, NOON, start, end) == count


LATEST = settings().head_start + SPARE.total_seconds()
"""How many seconds from now a run starts at the latest that may have begun."""


def test_those_to_come_and_those_that_may_have_begun_are_counted_once_each() -> None:
    owner = task()
    placed = [
        run(owner, LATEST, state=State.RUNNING),
        run(owner, LATEST),
        run(owner, LATEST + INSTANT.total_seconds()),
        run(owner, 3600),
        run(owner, 3600, end=at(7200)),  # is filed elsewhere
    ]
    commit(Booking(None, owner, placed), NOON)

    assert (count(State.PENDING), count(State.RUNNING)) == (4, 1)
    assert run_counts.count(NODE, State.PENDING, NOON, at(LATEST), at(LATEST)) == 1
    assert run_counts.count(NODE, State.PENDING, NOON, None, at(3599)) == 2
    assert run_counts.count(NODE, State.PENDING, NOON, at(LATEST + 1)) == 2
    assert run_counts.count(NODE, State.RUNNING, NOON, None, at(LATEST - 1)) == 0
    assert run_counts.count(NodeName("another"), State.PENDING, NOON) == 0


def test_what_is_filed_as_finished_is_counted_apart_from_what_is_to_come() -> None:
    owner = task()
    early, late = run(owner, 0, state=State.FINISHED), run(owner, 5, state=State.FINISHED)
    commit(Booking(None, owner, [early, late, run(owner, 3), run(owner, 4, state=State.FAILED)]), NOON)

    assert run_counts.filed(NODE, State.FINISHED, None, None) == 2
    assert run_counts.filed(NODE, State.FINISHED, at(1), None) == 1
    assert run_counts.filed(NODE, State.FAILED, None, at(4)) == 1
    assert run_counts.filed(NODE, State.PENDING, None, at(3)) == 1


def test_a_list_goes_on_behind_a_run_whichever_state_it_is_in(placed: list[Run]) -> None:
    both = within([State.PENDING, State.NONSTART])
    ten = next(one for one in placed if one.start == at(10))

    def behind(place: tuple[dt.datetime, str] | None, size: int | None = None) -> list[float]:
        return starts(run_counts.behind(NODE, both, NOON, place, size))

    assert behind(None) == behind(None, 1) == [0, 10, 15, 20]
    assert behind((ten.start, ten.uuid)) == [15, 20]
    assert behind((ten.start, "")) == [10, 15, 20]
    assert behind((at(20), "~")) == []


def test_a_run_moves_from_one_count_to_the_other(placed: list[Run]) -> None:
    run_table.change(run_table.get(NODE, placed[0].task, placed[0].uuid).evolve(state=State.RUNNING))

    assert (count(State.PENDING), count(State.RUNNING)) == (2, 1)


def count(state: State) -> int:
    return run_counts.count(NODE, state, NOON)


def test_one_that_runs_is_told_from_those_to_come_wherever_they_are_listed(placed: list[Run]) -> None:
    run_table.change(run_table.get(NODE, placed[0].task, placed[0].uuid).evolve(state=State.RUNNING))

    running = run_counts.in_order(NODE, within([State.RUNNING]), NOON)
    pending = run_counts.behind(NODE, within([State.PENDING]), NOON, None)

    assert [(run.uuid, run.state) for run in running] == [(placed[0].uuid, State.RUNNING)]
    assert {run.state for run in pending} == {State.PENDING}


def test_runs_in_several_states_come_in_one_order(placed: list[Run]) -> None:
    both = (State.PENDING, State.NONSTART)

    assert starts(run_counts.in_order(NODE, within(both), NOON)) == [0, 10, 15, 20]
    assert starts(run_counts.in_order(NODE, within(both), NOON, backwards=True)) == [20, 15, 10, 0]
    assert starts(run_counts.in_order(NODE, within(both, at(10)), NOON, limit=2)) == [10, 15]
    assert starts(run_counts.in_order(NODE, within(both, end=at(15)), NOON, backwards=True, limit=1)) == [15]


def test_what_is_listed_says_how_it_ended(placed: list[Run]) -> None:
    (found,) = run_counts.in_order(NODE, within([State.NONSTART]), NOON)

    assert (found.errors, found.priority, found.end) == ("No time", 3, at(18))


def test_a_brief_run_that_finished_leaves_those_to_come(placed: list[Run]) -> None:
    begun = run_table.change(placed[0].evolve(state=State.RUNNING))
    run_table.change(begun.evolve(state=State.FINISHED))

    assert (count(State.PENDING), count(State.RUNNING), count(State.FINISHED)) == (2, 0, 2)
    assert starts(run_counts.in_order(NODE, within([State.FINISHED]), NOON)) == [-10, 0]
    latest = run_counts.in_order(NODE, within([State.FINISHED]), NOON, backwards=True, limit=1)
    assert starts(latest) == [0]


def test_of_all_states_together_each_run_is_listed_once(placed: list[Run]) -> None:
    run_table.change(run_table.get(NODE, placed[0].task, placed[0].uuid).evolve(state=State.RUNNING))

    everything = run_counts.in_order(NODE, within(State), NOON)

    assert [run.state.value for run in everything] == [
        *("finished", "running", "pending", "nonstart", "pending")
    ]


def test_each_state_is_listed_within_its_own_bounds(placed: list[Run]) -> None:
    found = run_counts.in_order(NODE, [(State.FINISHED, at(-5), None), (State.PENDING, None, at(10))], NOON)

    assert starts(found) == [0, 10]


def test_one_that_takes_long_is_found_among_those_not_over_however_long_ago_it_began() -> None:
    owner = task()
    long_ago = -run_items.BRIEF_UNTIL.total_seconds() - 60
    brief, long = run(owner, long_ago), run(owner, long_ago, end=at(600))
    commit(Booking(None, owner, [brief, long]), NOON)

    assert [one.uuid for one in run_counts.in_order(NODE, within([State.PENDING]), NOON)] == [long.uuid]
    assert count(State.PENDING) == 1


def test_what_an_earlier_version_filed_as_pending_is_found_as_it_is(
    placed: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_items, "_filed_under", lambda run: State(run_items._shown(run.state)))
    owner = task()
    old = [run(owner, -1900), run(owner, 30), run(owner, -1800, state=State.FINISHED)]
    commit(Booking(None, owner, old), NOON)

    assert (count(State.PENDING), count(State.FINISHED)) == (5, 2)


def test_listing_those_that_finished_reads_no_items(
    placed: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_table, "summaries", None)

    assert starts(run_counts.in_order(NODE, within([State.FINISHED]), NOON)) == [-10]


def test_counting_sends_back_no_items(placed: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []
    from botocore.client import BaseClient

    real = BaseClient._make_api_call
    monkeypatch.setattr(
        BaseClient,
        "_make_api_call",
        lambda self, name, sent: asked.append({"name": name, **sent}) or real(self, name, sent),  # type: ignore[func-returns-value]
    )

    run_counts.count(NODE, State.FINISHED, NOON)

    assert [(one["name"], one["IndexName"], one["Select"]) for one in asked] == [("Query", "states", "COUNT")]


def test_looking_for_those_not_over_costs_what_began_of_late(tmp_path: pathlib.Path) -> None:
    owner = task()
    over = [run(owner, -2 * number - 5, state=State.FINISHED) for number in range(900)]  # half an hour
    with Engine(tmp_path / "state.sqlite", synchronous="OFF"):
        environment.create_everything()
        commit(Booking(None, owner, [run(owner, -20), *over[:80]]), NOON)
        for first in range(80, 900, 80):
            commit(Booking(None, task(), over[first : first + 80]), NOON)

        with counted() as all_of_it:
            run_counts.filed(NODE, State.FINISHED, None, None)
        with counted() as cost:
            found = starts(run_counts.in_order(NODE, within([State.PENDING], end=NOON), NOON))

    assert found == [-20]
    assert cost.reads < all_of_it.reads / 2

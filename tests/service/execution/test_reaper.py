"""What becomes of a run that has waited too long, by its state and by who has it."""

import datetime as dt
import logging
from typing import Any

import pytest

from chalicelib.domain.agent_protocol import PATIENCE
from chalicelib.domain.delivery import Delivery
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN
from chalicelib.domain.times import format_timestamp
from chalicelib.service.execution import one_by_one, overdue, reaper, run_expiry
from chalicelib.service.node import heartbeats, node_directory
from chalicelib.service.scheduling import dispatch
from chalicelib.store import delivery_table, node_registry, run_items, run_table, shards, task_table
from chalicelib.store.transactions.booking import Booking, commit
from tests import signs_of_life
from tests.builders import NODE, NOON, at, run, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")

END = 3
"""Seconds after noon at which runs of these tests end."""


def stored(**changes: Any) -> Run:
    owner = task(**changes.pop("owner", {}))
    one = run(owner, **changes)
    commit(Booking(None, owner, [one]), NOON)
    return run_table.get(NODE, owner.uuid, one.uuid)


def given_up(one: Run, now: dt.datetime) -> Run:
    reaper.give_up(NODE, one.task, one.uuid, now)
    return run_table.get(NODE, one.task, one.uuid)


@pytest.mark.parametrize(
    ("state", "ended", "code", "errors"),
    [
        (State.PENDING, State.MISSED, "not-started", "No runner had taken it in time"),
        (State.RUNNING, State.OVERDUE, "no-result", "Its runner never reported"),
        (State.CLEANUP, State.FAILED, "no-merge", "Its results were never merged"),
    ],
)
def test_a_run_that_waited_too_long_ends_with_a_reason(
    state: State, ended: State, code: str, errors: str
) -> None:
    one = stored(state=state, dispatched=True)
    late = run_items.given_up_at(one)
    assert given_up(one, late - seconds(0.001)) == one

    found = given_up(one, late)

    assert (found.state, found.documents.reason, found.errors) == (
        ended,
        {"code": code, "message": errors},
        errors,
    )
    assert given_up(one, late + seconds(60)) == found


@pytest.mark.parametrize(
    ("changes", "now", "ended", "code"),
    [
        ({"state": State.PENDING}, 30, State.MISSED, "agent-unreachable"),
        ({"state": State.CLEANUP, "holder": "one"}, END + 60, State.FAILED, "no-merge"),
        ({"state": State.PENDING, "holder": "one"}, END + 30, END + 120, None),
        ({"state": State.RUNNING, "holder": "one"}, END + 119, END + 120, None),
        ({"state": State.RUNNING, "holder": "one"}, END + 120, END + PATIENCE.total_seconds(), None),
        ({"holder": "one"}, END + PATIENCE.total_seconds() - 1, END + PATIENCE.total_seconds(), None),
        ({"holder": "one"}, END + PATIENCE.total_seconds(), State.OVERDUE, "no-result"),
    ],
)
def test_an_agent_is_waited_for_that_has_taken_a_run(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], now: float, ended: Any, code: str | None
) -> None:
    monkeypatch.setattr(node_directory, "runs_at_agent", lambda node: node == NODE)
    one = stored(dispatched=True, **changes)

    found = given_up(one, at(now))

    if code is None:
        assert (found.state, found.leased_until, found.revision) == (one.state, at(ended), one.revision + 1)
        return
    assert (found.state, found.documents.reason["code"]) == (ended, code)
    assert found.began is one.began  # as far as anybody knows


@pytest.mark.parametrize(
    ("contact", "is_heard_of"),
    [
        (None, False),
        ({"at": END}, False),
        ({"at": END + 1}, True),
        ({"at": END + 1, "waiting": 0}, True),
        ({"at": END + 1, "waiting": 2}, False),  # its result may be among them
    ],
)
def test_an_agent_that_was_there_without_a_result_is_not_waited_for(
    contact: dict[str, Any] | None, is_heard_of: bool
) -> None:
    one = stored(dispatched=True, holder="one")
    if contact is not None:
        node_registry.note_contact(NODE, {**contact, "at": format_timestamp(at(contact["at"]))})

    found = given_up(one, at(END + 30))

    assert found.state is (State.OVERDUE if is_heard_of else State.PENDING)
    if is_heard_of:
        assert found.errors == "Its agent took it and never reported"


@pytest.mark.parametrize(
    ("changes", "now", "is_sent"),
    [
        ({"state": State.RUNNING, "leased_until": at(90)}, 90, True),
        ({"state": State.PENDING, "dispatched": True}, 3599, True),
        ({"state": State.PENDING, "dispatched": True}, 3600, False),
        ({"state": State.RUNNING, "leased_until": at(3600)}, 3600, False),  # there is nothing more to measure
    ],
)
def test_a_run_that_streams_is_sent_again_while_there_is_something_to_measure(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], now: float, is_sent: bool
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(dispatch, "send_again", lambda *what: sent.append(what))
    one = stored(owner={"scheduling_class": "background-multi", "duration": seconds(3600)}, **changes)

    found = given_up(one, at(now))

    assert sent == ([(one, at(now))] if is_sent else [])
    assert found.state.is_final is not is_sent


def test_a_run_on_which_nobody_agreed_is_seen_to_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    expired: list[Any] = []
    monkeypatch.setattr(run_expiry, "give_up", lambda *what: expired.append(what))
    one = stored(state=State.SCHEDULING)

    reaper.give_up(NODE, one.task, one.uuid, NOON)

    assert expired == [(task_table.get(NODE, one.task), one, NOON)]


def delivery(one: Run) -> Delivery:
    return Delivery(NODE, one.uuid, 0, one.task, {"archiver": "bitbucket", "data": {}}, NOON)


def test_a_run_is_forgotten_with_what_was_delivered_of_it() -> None:
    one = stored(state=State.FINISHED)
    delivery_table.to_item(delivery(one)).save()

    reaper.forget_run(NODE, one.task, one.uuid, NOON)

    assert delivery_table.of_run(NODE, one.uuid) == []
    with pytest.raises(NotFound):
        run_table.get(NODE, one.task, one.uuid)


def test_a_task_is_forgotten_with_the_runs_left_of_it() -> None:
    one = stored(state=State.FINISHED)

    reaper.forget_task(NODE, one.task, NOON)

    for gone in (lambda: task_table.get(NODE, one.task), lambda: run_table.get(NODE, one.task, one.uuid)):
        with pytest.raises(NotFound):
            gone()


@pytest.mark.parametrize("error", [None, Conflict("lost"), NotFound("gone"), ValueError("broken")])
def test_what_fails_holds_up_nothing_else(error: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    done: list[Any] = []

    def work(*what: object) -> None:
        done.append(what)
        if error is not None:
            raise error

    with caplog.at_level(logging.INFO):
        one_by_one.alone(work, "a", 1)

    assert done == [("a", 1)]
    if isinstance(error, ValueError):
        assert [record.message for record in caplog.records] == ["work failed for ('a', 1)"]
    else:
        lines = [] if error is None else [f"Nothing to do: {error}"]
        assert [record.message for record in caplog.records] == lines


@pytest.fixture
def one_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "of", lambda uuid: 0)
    monkeypatch.setattr(overdue, "look", lambda *_: False)


@pytest.mark.usefixtures("one_shard")
@pytest.mark.parametrize(("most", "has_more"), [(1, True), (2, True), (3, False)])
def test_a_shard_that_may_have_more_says_so(most: int, has_more: bool) -> None:
    runs = [stored(dispatched=True) for _ in range(2)]

    assert reaper.reap(0, at(60), most) is has_more

    states = [run_table.get(NODE, one.task, one.uuid).state for one in runs]
    assert states.count(State.MISSED) == min(most, 2)


@pytest.mark.usefixtures("one_shard")
def test_who_has_no_time_left_leaves_the_rest() -> None:
    for _ in range(2):
        stored(dispatched=True)
    left = iter([True, False])

    assert reaper.reap(0, at(60), 9, lambda: next(left))

    assert reaper.reap(0, at(60), 9) is False
    assert reaper.reap(1, at(60), 9, lambda: False) is False


@pytest.mark.usefixtures("one_shard")
def test_runs_and_tasks_are_seen_to_by_why_they_wait() -> None:
    agreeing = stored(state=State.SCHEDULING, owner={"participant": 1, "participants": ("a", "b")})
    old = stored(state=State.FINISHED)
    task_table.disable(task_table.get(NODE, old.task), NOON)
    later = NOON + KEEP_AFTER_LAST_RUN + seconds(60)

    reaper.reap(0, NOON)
    assert run_table.get(NODE, agreeing.task, agreeing.uuid).state is State.NONSTART

    reaper.reap(0, later)
    with pytest.raises(NotFound):
        task_table.get(NODE, old.task)


def test_a_tick_says_that_it_was_there_and_leaves_full_shards_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left: list[Any] = []
    monkeypatch.setattr(reaper.shard_work, "most", lambda most: most + 1)
    monkeypatch.setattr(reaper.shard_work, "leave", lambda *what: left.append(what))
    asked: list[Any] = []
    monkeypatch.setattr(reaper, "reap", lambda *what, **how: asked.append((*what, how)) or what[0] == 2)
    signs_of_life.leave("ticker", NOON)

    beats: list[Any] = []
    monkeypatch.setattr(heartbeats, "beat", lambda *what: beats.append(what))

    reaper.tick(NOON)

    assert asked == [(shard, NOON, reaper.ITEMS_PER_SHARD + 1, {"forgets": True}) for shard in shards.every()]
    assert left == [("reap", [2])]
    assert beats == [("ticker", NOON)]


def test_nothing_is_forgotten_while_the_clock_may_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "_beats", {})
    one = stored(state=State.FINISHED, owner={"plan_at": None})
    late = one.end + 2 * KEEP_AFTER_LAST_RUN

    reaper.tick(late)
    assert task_table.get(NODE, one.task)
    signs_of_life.leave("ticker", late + seconds(60))
    reaper.tick(late + seconds(60))

    with pytest.raises(NotFound):
        task_table.get(NODE, one.task)

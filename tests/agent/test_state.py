"""What an agent keeps on disk, and for how long."""

import datetime as dt
import pathlib
import sqlite3
import stat
from collections.abc import Iterator
from typing import Any

import pytest

from agent.agent_state import (
    OFFERED,
    OVER,
    REFUSED,
    STARTED,
    TAKEN,
    State,
)
from agent.spool import MOST_IN_MEMORY, Spool
from agent.state_file import CannotUse, is_locked, locked
from agent.state_records import Identity, Result
from chalicelib.domain.assignment import Assignment
from chalicelib.domain.errors import StorageFull
from chalicelib.domain.times import SECOND, UTC
from tests.agent.coordinator import SECRET, assignment

NOON = dt.datetime(2026, 11, 26, 12, tzinfo=UTC)
ME = Identity("https://c.example.org/pscheduler", "ams", "ams.example.org", SECRET)


@pytest.fixture
def state(tmp_path: pathlib.Path) -> Iterator[State]:
    made = State(tmp_path)
    yield made
    made.close()


def offered(state: State, start: dt.datetime = NOON, **members: Any) -> str:
    document = assignment(start, **members)
    state.offer(Assignment.from_json(document), document)
    return str(document["run"])


def taken(state: State, start: dt.datetime = NOON, **members: Any) -> str:
    run = offered(state, start, **members)
    state.take([run])
    return run


def result(run: str, number: int = 1, final: bool = True, **local: Any) -> Result:
    return Result("task", run, number, NOON, {"result": {"succeeded": True}, **local}, final)


def test_who_the_agent_is_survives_a_restart(tmp_path: pathlib.Path) -> None:
    before = State(tmp_path)
    before.enroll(ME)
    instance = before.instance
    before.close()
    after = State(tmp_path)

    assert (after.identity(), after.instance) == (ME, instance)


def test_a_state_left_is_nobody_and_another_instance(state: State) -> None:
    state.enroll(ME)
    before = state.instance
    taken(state)
    state.forget_all()

    assert (state.identity(), state.count()) == (None, 0)
    assert state.instance != before


def test_the_secret_is_for_its_owner_alone(tmp_path: pathlib.Path, state: State) -> None:
    state.enroll(ME)
    files = [path for path in tmp_path.iterdir() if path.name.startswith("agent.sqlite")]

    assert files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert SECRET not in repr(state.identity())


def test_two_processes_never_share_a_state(tmp_path: pathlib.Path) -> None:
    with locked(tmp_path), pytest.raises(CannotUse, match="Another agent"), locked(tmp_path):
        pass
    assert not is_locked(tmp_path)


def test_a_state_of_another_version_is_left_alone(tmp_path: pathlib.Path) -> None:
    State(tmp_path).close()
    with sqlite3.connect(tmp_path / "agent.sqlite") as database:
        database.execute("PRAGMA user_version = 99")

    with pytest.raises(CannotUse, match="another version"):
        State(tmp_path)


def test_a_run_goes_through_its_stages_once(state: State) -> None:
    run = offered(state)

    assert not state.begin(run)  # not yet acknowledged
    state.take([run])
    assert [each.stage for each in state.held(OFFERED, TAKEN)] == [TAKEN]
    assert state.begin(run)
    assert not state.begin(run)
    state.add(result(run))
    (over,) = state.held(STARTED, OVER)
    assert (over.stage, over.assignment) == (OVER, None)
    state.sent(state.next_result() or result(run))
    assert (state.held(OVER), state.waiting()) == ([], 0)


def test_what_is_offered_again_stays_as_it_is(state: State) -> None:
    document = assignment(NOON)
    for _ in range(2):
        state.offer(Assignment.from_json(document), document)
        state.take([document["run"]])
        state.begin(document["run"])

    assert [each.stage for each in state.held(OFFERED, TAKEN, STARTED)] == [STARTED]


def test_the_next_to_start_comes_first(state: State) -> None:
    later, sooner = taken(state, NOON + 5 * SECOND), taken(state, NOON)
    offered(state, NOON - SECOND)

    assert state.next_start() == NOON
    assert [each.run for each in state.due(NOON + 5 * SECOND)] == [sooner, later]
    assert [each.run for each in state.due(NOON)] == [sooner]


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [(0, 2, 1), (1, 1.5, 1), (2, 3, 0), (-1, 0, 0), (-1, 5, 1)],
)
def test_runs_beside_another_are_counted(state: State, start: float, end: float, count: int) -> None:
    run = taken(state, NOON)

    assert state.beside("another", NOON + start * SECOND, NOON + end * SECOND) == count
    assert state.beside(run, NOON, NOON + SECOND) == 0


@pytest.mark.parametrize("way", ["reported", "refused", "cancelled"])
def test_private_members_are_on_disk_no_longer_than_the_run(
    tmp_path: pathlib.Path, state: State, way: str
) -> None:
    run = taken(state, spec={"schema": 1, "_password": "squeamish-ossifrage", "duration": "PT1S"})
    state.begin(run)
    on_disk = lambda: any(b"squeamish" in path.read_bytes() for path in tmp_path.iterdir())  # noqa: E731

    assert on_disk()
    if way == "reported":
        state.add(result(run))
    elif way == "refused":
        state.refuse(run, "agent-clock", "It is off.")
    else:
        state.forget(run)
    assert not on_disk()


def test_a_refusal_is_kept_until_it_is_told(state: State) -> None:
    run = offered(state)
    state.refuse(run, "agent-policy", "Not here.")

    (refused,) = state.held(REFUSED)
    assert (refused.run, refused.code, refused.message) == (run, "agent-policy", "Not here.")


def test_a_run_that_streams_remembers_how_far_it_came(state: State) -> None:
    run = taken(state, streams=True)
    state.begin(run)
    state.add(result(run, 1, final=False))
    state.add(result(run, 2, final=False))

    (held,) = state.held(STARTED)
    assert (held.number, held.came_to, state.waiting()) == (2, NOON, 2)


class FullDisk(State):
    """A state that has no room while ``full``."""

    full = False

    def add(self, result: Result) -> None:
        if self.full:
            raise StorageFull("The state cannot be written: database or disk is full")
        super().add(result)

    def forget(self, run: str) -> None:
        if self.full:
            raise StorageFull("The state cannot be written: database or disk is full")
        super().forget(run)

    def sent(self, result: Result) -> None:
        if self.full:
            raise StorageFull("The state cannot be written: database or disk is full")
        super().sent(result)


def test_results_are_kept_in_memory_while_the_disk_is_full_and_in_order(tmp_path: pathlib.Path) -> None:
    state = FullDisk(tmp_path)
    spool = Spool(state)
    spool.add(result("a"))
    state.full = True
    spool.add(result("b"))
    waiting = spool.waiting()
    state.full = False
    spool.add(result("c"))  # behind what is in memory
    spool.to_disk()
    sent = []
    while (first := spool.first(0)) is not None:
        sent.append(first.run)
        spool.done(first)

    assert waiting == (2, 1)
    assert sent == ["a", "b", "c"]
    assert spool.waiting() == (0, 0)


def test_a_result_that_is_acknowledged_is_not_sent_again_though_the_disk_is_full(
    tmp_path: pathlib.Path,
) -> None:
    state = FullDisk(tmp_path)
    spool = Spool(state)
    spool.add(result("a"))
    spool.add(result("b"))
    state.full = True
    first = spool.first(0)
    assert first is not None
    spool.done(first)
    second = spool.first(0)
    assert second is not None

    assert (second.run, spool.waiting()) == ("b", (1, 0))
    state.full = False
    spool.to_disk()
    assert state.waiting() == 1


def test_memory_is_bounded_and_what_is_lost_is_counted(tmp_path: pathlib.Path) -> None:
    state = FullDisk(tmp_path)
    state.full = True
    spool = Spool(state)
    large = "x" * (MOST_IN_MEMORY // 2)
    for _ in range(3):
        spool.add(result("a", diags=large))

    assert (spool.waiting()[1], spool.lost) == (1, 2)


def test_a_run_reported_from_memory_is_forgotten_once_there_is_room(tmp_path: pathlib.Path) -> None:
    state = FullDisk(tmp_path)
    spool = Spool(state)
    run = taken(state)
    state.begin(run)
    state.full = True
    spool.add(result(run))
    first = spool.first(0)
    assert first is not None
    spool.done(first)
    before = state.held(STARTED)
    state.full = False
    spool.to_disk()

    assert (len(before), state.held(STARTED, OVER)) == (1, [])

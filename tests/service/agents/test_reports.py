"""What an agent's tools came to: known again, too late, one by one, and never more than can be."""

from typing import Any

import pytest

from chalicelib.domain.agent_protocol import streamed
from chalicelib.domain.errors import Conflict, Invalid, StaleRun, Unavailable
from chalicelib.domain.result_size import DIAGS, LARGEST_RESULT
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_timestamp
from chalicelib.service.agents import reports
from chalicelib.service.agents.reports import take
from chalicelib.store import run_items, run_table, task_items, task_table
from tests.builders import NODE, NOON, at, run, seconds, task
from tests.service.machines import FakeMachine

pytestmark = pytest.mark.usefixtures("empty_aws")
TASK = task(duration=seconds(60))
STREAM = task(duration=seconds(600), scheduling_class="background-multi")
DONE = {"succeeded": True, "diags": "", "error": None, "result": {"succeeded": True, "time-slept": "PT2S"}}


def stored(owner: Task = TASK, start: float = 0, **changes: Any) -> Run:
    one = run(owner, start, **{"dispatched": True, "holder": "one", "state": State.RUNNING, **changes})
    task_items.to_item(owner, NOON).save()
    run_items.to_item(one).save()
    return now_of(one)


def now_of(one: Run) -> Run:
    return run_table.get(NODE, one.task, one.uuid)


def report(one: Run, now: float = 60, **changes: Any) -> str:
    said = {
        "instance": "one",
        "task": one.task,
        "run": one.uuid,
        "number": 1,
        "at": format_timestamp(at(now)),
        "local": {"result": DONE, "errors": None, "diags": ""},
        "final": True,
        **changes,
    }
    return take(NODE, said, FakeMachine(at(now)))


# --- the last one --------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "counted"), [(State.RUNNING, 0), (State.PENDING, 1)])
def test_the_last_result_is_the_runs_and_its_beginning_is_counted_once(state: State, counted: int) -> None:
    one = stored(state=state)

    assert report(one, number=7) == "result"

    ended = now_of(one)
    assert (ended.state, ended.began, ended.received) == (State.FINISHED, True, 7)
    assert ended.documents.result == DONE
    assert task_table.get(NODE, TASK.uuid).runs_started == counted


def test_what_went_wrong_with_the_tool_is_the_runs_error() -> None:
    one = stored()

    report(one, local={"result": None, "errors": "x" * 99_000, "diags": "y" * DIAGS * 3})

    ended = now_of(one)
    assert ended.state is State.FAILED
    assert (ended.errors or "").startswith("x" * 1000)
    assert len(ended.errors or "") < DIAGS * 1.1


def test_a_result_is_bounded_as_one_of_this_host() -> None:
    local = reports._local({"result": "x" * (LARGEST_RESULT + 1), "errors": None, "diags": "y" * DIAGS * 3})

    assert local.result["succeeded"] is False
    assert local.errors is None
    assert DIAGS * 0.9 < len(local.diags) < DIAGS * 1.1
    with pytest.raises(Invalid) as failed:
        reports._local({"result": {}, "errors": 5})
    assert failed.value.pointer == "/local/errors"


@pytest.mark.parametrize("state", [State.OVERDUE, State.MISSED, State.CANCELED])
def test_a_result_that_comes_too_late_is_kept_once_and_changes_no_state(state: State) -> None:
    one = stored(state=state)

    assert [report(one, 90), report(one, 95, local={"result": {}})] == ["late", "known"]

    ended = now_of(one)
    assert (ended.state, ended.received, ended.documents.result) == (state, one.received, None)
    assert ended.documents.late == {
        "at": format_timestamp(at(90)),
        "local": {"result": DONE, "errors": None, "diags": ""},
    }


def test_a_result_that_was_received_is_known() -> None:
    one = stored()
    report(one)
    before = now_of(one)

    assert report(one, local={"result": {"succeeded": False}}) == "known"
    assert now_of(one) == before


def test_a_result_of_nothing_goes_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert report(run(TASK)) == "gone"

    assert f"A result of nothing: There is no task {TASK.uuid}" in caplog.messages


def test_a_result_is_taken_from_who_has_the_run() -> None:
    one = stored(holder="two")

    with pytest.raises(Conflict) as failed:
        report(one)

    assert failed.value.message == f"Run {one.uuid} was not taken by this instance of the agent"
    assert now_of(one) == one


@pytest.mark.parametrize("how", ["raised", "dropped"])
@pytest.mark.parametrize(("times", "is_kept"), [(4, True), (5, False)])
def test_a_run_that_changes_meanwhile_is_concluded_as_it_is_then(
    monkeypatch: pytest.MonkeyPatch, how: str, times: int, is_kept: bool
) -> None:
    one, left = stored(state=State.PENDING), [times]
    conclude = reports.results.conclude

    def overtaken(*arguments: Any) -> bool:
        if left[0]:
            left[0] -= 1
            if how == "raised":
                raise StaleRun("It changed meanwhile")
            return False
        return conclude(*arguments)

    monkeypatch.setattr(reports.results, "conclude", overtaken)

    if is_kept:
        assert report(one) == "result"
    else:
        with pytest.raises(Unavailable) as failed:
            report(one)
        assert failed.value.message == f"Run {one.uuid} keeps changing"

    assert task_table.get(NODE, TASK.uuid).runs_started == is_kept


# --- one by one ----------------------------------------------------------------------------------


def added(one: Run) -> list[Run]:
    return [each for each in run_table.in_order(NODE, one.task) if each.uuid != one.uuid]


def test_each_streamed_result_is_a_run_of_its_own_however_often_it_is_handed_over() -> None:
    one = stored(STREAM)

    kept = [report(one, 30, number=number, final=False) for number in (1, 2, 1)]

    assert kept == ["result", "result", "known"]
    assert {each.uuid for each in added(one)} == {streamed(one.uuid, number) for number in (1, 2)}
    assert now_of(one) == one


@pytest.mark.parametrize(
    ("said", "now", "start"),
    [(20, 30, 20), (-5, 30, 10), (40, 30, 30), (40, 5, 10), (0, 5, 10)],
)
def test_a_streamed_result_is_of_a_time_between_the_start_of_its_run_and_now(
    said: float, now: float, start: float
) -> None:
    one = stored(STREAM, start=10)

    report(one, now, at=format_timestamp(at(said)), final=False)

    assert [each.start for each in added(one)] == [at(start)]


@pytest.mark.parametrize(
    ("number", "now", "most"),
    [(600, 10, None), (601, 10, 600), (601, 0, 600), (600, 0, None), (700, 20, None), (701, 20, 700)],
)
def test_there_are_ten_results_a_second_at_most_and_those_of_a_minute_more(
    number: int, now: float, most: int | None
) -> None:
    one = stored(STREAM, start=10)

    if most is None:
        assert report(one, now, number=number, final=False) == "result"
        return
    with pytest.raises(Invalid) as failed:
        report(one, now, number=number, final=False)
    assert failed.value.message == f"/number: must be at most {most} by now: 10 results a second"


def test_a_test_with_one_result_streams_none() -> None:
    with pytest.raises(Invalid) as failed:
        report(stored(), final=False)

    assert failed.value.message == "/final: must be true: this test has one result"


def test_a_streamed_result_of_a_task_that_is_gone_meanwhile_goes_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(*_: Any) -> None:
        raise StaleRun("The task is gone")

    one = stored(STREAM)
    monkeypatch.setattr(reports.results, "add", gone)

    assert report(one, 30, final=False) == "gone"
    assert added(one) == []

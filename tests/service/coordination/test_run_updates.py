"""What participants tell each other about a run: done once, and never against what there is."""

from typing import Any

import pytest

from chalicelib.domain.errors import Conflict, Invalid, StaleRun
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.infrastructure import queues
from chalicelib.service.coordination.run_updates import update
from chalicelib.store import run_items, run_table, task_items
from tests.builders import NODE, NOON, at, run, task

pytestmark = pytest.mark.usefixtures("empty_aws")
TASK = task(participants=("a", "b"), participant=1)
FULL = [{"a": 1}, {"b": 2}]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that are sent to their runner."""
    found: list[str] = []
    monkeypatch.setattr(queues, "announce_at", lambda queue, some: found.extend(one.run for one, _ in some))
    return found


def stored(start: float = 60, full: Any = None, **changes: Any) -> Run:
    one = run(TASK, start, **changes).with_documents(participant_data_full=full)
    task_items.to_item(TASK, NOON).save()
    run_items.to_item(one).save()
    return now_of(one)


def now_of(one: Run) -> Run:
    return run_table.get(NODE, one.task, one.uuid)


# --- the data of all -----------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "dispatched"), [(179, True), (180, False)])
def test_once_all_have_agreed_a_run_is_its_runners(sent: list[str], start: float, dispatched: bool) -> None:
    one = stored(start, awaiting=True)

    written = update(TASK, one, {"part-data-full": FULL}, NOON)

    assert now_of(one) == written
    assert (written.awaiting, written.dispatched) == (False, dispatched)
    assert written.documents.participant_data_full == FULL
    assert sent == [one.uuid] * dispatched


def test_what_is_told_again_changes_nothing(sent: list[str]) -> None:
    one = stored(full=FULL)

    assert update(TASK, one, {"part-data-full": FULL}, NOON) is one
    assert (now_of(one), sent) == (one, [])


@pytest.mark.parametrize(
    ("changes", "full"),
    [
        ({}, [{}, {}]),  # other data
        ({"state": State.RUNNING}, [{}, {}]),
        ({"state": State.CANCELED, "awaiting": True}, FULL),
    ],
)
def test_other_data_is_kept_and_starts_nothing(sent: list[str], changes: dict[str, Any], full: Any) -> None:
    one = stored(full=FULL, **changes)

    written = update(TASK, one, {"part-data-full": full}, NOON)

    assert now_of(one) == written
    assert written.documents.participant_data_full == full
    assert (written.state, written.awaiting, sent) == (one.state, one.awaiting, [])


def test_data_that_was_there_before_all_agreed_is_no_agreement_yet(sent: list[str]) -> None:
    one = stored(full=FULL, awaiting=True)

    assert not update(TASK, one, {"part-data-full": FULL}, NOON).awaiting
    assert sent == [one.uuid]


def test_data_may_be_taken_back(sent: list[str]) -> None:
    assert (
        update(TASK, stored(full=FULL), {"part-data-full": None}, NOON).documents.participant_data_full
        is None
    )
    assert update(TASK, stored(awaiting=True), {"part-data-full": None}, NOON).awaiting is False


@pytest.mark.parametrize("member", ["part-data-full", "result-full"])
@pytest.mark.parametrize("value", ["x", {}, [], [1], [1, 2, 3]])
def test_there_is_an_element_for_each_participant(member: str, value: Any) -> None:
    one = stored(state=State.RUNNING)

    with pytest.raises(Invalid) as failed:
        update(TASK, one, {member: value, "succeeded": True}, NOON)

    assert failed.value.message == f"/{member}: must be an array with an element for each participant"


@pytest.mark.parametrize(
    ("body", "is_known"),
    [
        ({"start-time": "2026-11-23T12:01:00Z"}, True),  # its lead did not hear the first answer
        ({"start-time": "2026-11-23T12:01:01Z"}, False),
        ({}, False),
        ({"succeeded": True}, False),
    ],
)
def test_a_run_that_exists_takes_data_or_results(body: dict[str, Any], is_known: bool) -> None:
    one = stored(60)

    if is_known:
        assert update(TASK, one, body, NOON) is one
        return
    with pytest.raises(Invalid) as failed:
        update(TASK, one, body, NOON)
    assert failed.value.message == (
        "/: must have part-data-full, or result-full with succeeded: the run exists already"
    )


# --- results -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("succeeded", "state", "reason"),
    [
        (True, State.FINISHED, None),
        (
            False,
            State.FAILED,
            {
                "code": "reported-failed",
                "message": "Its results were put with succeeded false: participant 1: x",
            },
        ),
    ],
)
def test_results_end_a_run(succeeded: bool, state: State, reason: Any) -> None:
    one = stored(state=State.RUNNING)
    full = [{"a": 1}, {"error": "x"}]
    body = {"result-full": full, "succeeded": succeeded}

    ended = update(TASK, one, body, NOON)

    assert now_of(one) == ended
    assert (ended.state, ended.documents.result_full, ended.documents.reason) == (state, full, reason)
    assert update(TASK, ended, body, NOON) is ended


def test_a_reason_there_is_stays() -> None:
    one = stored(state=State.RUNNING).with_documents(reason={"code": "late"})

    assert update(TASK, one, {"result-full": FULL, "succeeded": False}, NOON).documents.reason == {
        "code": "late"
    }


@pytest.mark.parametrize("succeeded", [None, 1, "true"])
def test_results_say_whether_they_are_a_success(succeeded: Any) -> None:
    with pytest.raises(Invalid) as failed:
        update(TASK, stored(state=State.RUNNING), {"result-full": FULL, "succeeded": succeeded}, NOON)

    assert failed.value.message == "/succeeded: must be true or false"


@pytest.mark.parametrize("state", [State.PENDING, State.NONSTART, State.CANCELED])
def test_a_run_that_is_not_under_way_takes_no_results(state: State) -> None:
    with pytest.raises(Invalid) as failed:
        update(TASK, stored(state=state), {"result-full": FULL, "succeeded": True}, NOON)

    assert failed.value.message == f"/result-full: a run that is {state.value} takes no results"


@pytest.mark.parametrize(
    ("documents", "body", "complaint"),
    [
        (
            {"result_full": FULL},
            {"result-full": [1, 2], "succeeded": True},
            "/result-full: the run is over, and has other results",
        ),
        (
            {"result_merged": {"succeeded": True}},
            {"result-full": FULL, "succeeded": False},
            "/succeeded: contradicts the merged result of the run",
        ),
        (
            {"result_merged": {}},
            {"result-full": FULL, "succeeded": True},
            "/succeeded: contradicts the merged result of the run",
        ),
        ({"result_merged": {"succeeded": True}}, {"result-full": FULL, "succeeded": True}, None),
        ({}, {"result-full": FULL, "succeeded": True}, None),
    ],
)
def test_results_that_contradict_those_there_are_do_not_take_their_place(
    documents: dict[str, Any], body: dict[str, Any], complaint: str | None
) -> None:
    one = run_table.change(
        stored(state=State.RUNNING).with_documents(**documents).evolve(state=State.FINISHED)
    )

    if complaint is None:
        assert update(TASK, one, body, NOON).documents.result_full == FULL
        return
    with pytest.raises(Conflict) as failed:
        update(TASK, one, body, NOON)
    assert failed.value.message == complaint


# --- others, at the same time --------------------------------------------------------------------


@pytest.mark.parametrize(("times", "is_done"), [(5, True), (6, False)])
def test_a_change_is_made_on_the_run_as_it_then_is(
    monkeypatch: pytest.MonkeyPatch, sent: list[str], times: int, is_done: bool
) -> None:
    one, left, change = stored(awaiting=True), [times], run_table.change

    def overtaken(made: Run) -> Run:
        if left[0]:
            left[0] -= 1
            change(now_of(one).evolve(errors=f"{left[0]}"))
        return change(made)

    monkeypatch.setattr(run_table, "change", overtaken)

    if is_done:
        assert update(TASK, one, {"part-data-full": FULL}, at(1)).errors == "0"
    else:
        with pytest.raises(StaleRun):
            update(TASK, one, {"part-data-full": FULL}, at(1))

    assert now_of(one).awaiting is not is_done
    assert sent == [one.uuid] * is_done

"""Runs that an agent takes, refuses and begins: of two that change one, one is too late."""

from typing import Any

import pytest

from chalicelib.domain.errors import Conflict, StaleRun, Unavailable
from chalicelib.domain.names import RunId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.agents import claims
from chalicelib.service.agents.claims import claim, start
from chalicelib.service.agents.offers import Offer
from chalicelib.service.node import pause
from chalicelib.service.scheduling import placement
from chalicelib.store import run_items, run_table, task_items, task_table, timeline
from chalicelib.store.transactions.booking import New
from tests.builders import NODE, NOON, at, exclusive_task, run, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")
TASK = task(duration=seconds(60))


def stored(owner: Task = TASK, start: float = 10, **changes: Any) -> Run:
    """A run that its agent can take, stored with its task."""
    one = run(owner, start, **{"dispatched": True, **changes})
    task_items.to_item(owner, NOON).save()
    run_items.to_item(one).save()
    return now_of(one)


def now_of(one: Run) -> Run:
    return run_table.get(NODE, one.task, one.uuid)


def named(one: Run, **more: Any) -> dict[str, Any]:
    return {"task": one.task, "run": one.uuid, **more}


def asked(instance: str = "one", **more: Any) -> dict[str, Any]:
    return {"instance": instance, **more}


@pytest.fixture
def overtaken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often somebody else is faster, whatever is changed of a run; counted down."""
    left = [0]

    def faster(real: Any) -> Any:
        def change(*arguments: Any) -> Any:
            if left[0]:
                left[0] -= 1
                raise StaleRun("It changed meanwhile")
            return real(*arguments)

        return change

    monkeypatch.setattr(run_table, "take", faster(run_table.take))
    monkeypatch.setattr(run_table, "change", faster(run_table.change))
    monkeypatch.setattr(claims.results, "give_up", faster(claims.results.give_up))
    return left


# --- taking --------------------------------------------------------------------------------------


def test_what_is_free_is_taken_and_of_the_rest_is_said_why_not() -> None:
    free, theirs, over = stored(), stored(holder="two"), stored(state=State.CANCELED)
    gone = run(TASK)

    told = claim(NODE, asked(take=[named(one) for one in (free, theirs, over, gone)]), NOON)

    assert told == {
        "taken": [free.uuid],
        "gone": [
            {"run": theirs.uuid, "message": "Another instance of the agent has taken it"},
            {"run": over.uuid, "message": "It is canceled"},
            {"run": gone.uuid, "message": "It was cancelled"},
        ],
    }
    assert [now_of(one).holder for one in (free, theirs, over)] == ["one", "two", None]


def test_runs_of_several_tasks_are_taken_together() -> None:
    other = task(duration=seconds(60))
    ours, theirs = stored(), stored(other)
    off = stored(task(enabled=False))

    told = claim(NODE, asked(take=[named(ours), named(theirs), named(off)]), NOON)

    assert told["taken"] == [ours.uuid, theirs.uuid]
    assert told["gone"] == [{"run": off.uuid, "message": "Its task was cancelled"}]


@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING])
def test_what_an_instance_has_already_is_its_own_however_late_it_asks(state: State) -> None:
    one = stored(holder="one", state=state)

    assert claim(NODE, asked(take=[named(one)]), at(9999))["taken"] == [one.uuid]
    assert claim(NODE, asked(), NOON) == {"taken": [], "gone": []}


@pytest.mark.parametrize(("times", "taken"), [(3, True), (4, False)])
def test_a_run_that_changes_meanwhile_is_taken_as_it_is_then(
    overtaken: list[int], times: int, taken: bool
) -> None:
    one = stored()
    overtaken[0] = times

    told = claim(NODE, asked(take=[named(one)]), NOON)

    if taken:
        assert told == {"taken": [one.uuid], "gone": []}
    else:
        assert told == {"taken": [], "gone": [{"run": one.uuid, "message": "It keeps changing"}]}


def test_a_run_that_another_took_meanwhile_is_gone() -> None:
    one = stored()
    run_table.take(one, "two")

    assert claims._take(TASK, one, "one", NOON) == "Another instance of the agent has taken it"
    assert claims._take(TASK, None, "one", NOON) == "It was cancelled"


def test_what_is_offered_is_taken_where_it_can_be() -> None:
    free, theirs = stored(), stored(holder="two")

    assert claims.take_offered([Offer(TASK, free), Offer(TASK, theirs)], "one", NOON) == [free.uuid]
    assert now_of(free).holder == "one"


# --- refusing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "after"),
    [
        ({}, "agent-policy", State.NONSTART),
        ({}, "agent-late", State.MISSED),
        ({"holder": "one"}, "agent-tool", State.NONSTART),
        ({"holder": "one", "state": State.RUNNING}, "agent-tool", State.MISSED),  # it has begun
        ({"holder": "two"}, "agent-policy", State.PENDING),
        ({"holder": "one", "state": State.FINISHED}, "agent-policy", State.FINISHED),
        ({"state": State.CANCELED}, "agent-policy", State.CANCELED),
    ],
)
def test_a_run_that_is_nobody_elses_and_not_over_is_refused(
    changes: dict[str, Any], code: str, after: State
) -> None:
    one = stored(**changes)

    told = claim(NODE, asked(refuse=[named(one, code=code, message="No")]), NOON)

    assert told == {"taken": [], "gone": []}
    ended = now_of(one)
    assert ended.state is after
    is_refused = after is not changes.get("state", State.PENDING)
    assert ended.documents.reason == ({"code": code, "message": "No"} if is_refused else None)


@pytest.mark.parametrize("message", [{}, {"message": ""}])
def test_a_refusal_need_not_say_why(message: dict[str, str]) -> None:
    one = stored()

    claim(NODE, asked(refuse=[named(one, code="agent-policy", **message)]), NOON)

    assert now_of(one).documents.reason["message"] == "Its agent gave no details"


def test_the_time_of_a_refused_run_is_free_for_others() -> None:
    owner = exclusive_task(duration=seconds(60))
    (one,) = placement.place_next(owner.replanned(NOON), NOON, New()).runs
    assert timeline.read_entries(NODE, one.start, one.end)

    claim(NODE, asked(refuse=[named(one, code="agent-policy")]), NOON)

    assert timeline.read_entries(NODE, one.start, one.end) == []


@pytest.mark.parametrize(("times", "after"), [(3, State.NONSTART), (4, State.PENDING)])
def test_a_run_that_changes_meanwhile_is_refused_as_it_is_then(
    overtaken: list[int], times: int, after: State
) -> None:
    one = stored()
    overtaken[0] = times

    claim(NODE, asked(refuse=[named(one, code="agent-policy")]), NOON)

    assert now_of(one).state is after


def test_what_is_gone_is_refused_once_and_what_follows_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one, gone = stored(), run(TASK)
    looked: list[Any] = []
    get = run_table.get
    monkeypatch.setattr(run_table, "get", lambda *names: (looked.append(names), get(*names))[1])

    with caplog.at_level("INFO"):
        claim(NODE, asked(refuse=[named(each, code="agent-policy") for each in (gone, one)]), NOON)

    assert looked == [(NODE, TASK.uuid, gone.uuid), (NODE, TASK.uuid, one.uuid)]
    assert f"Nothing to refuse: There is no run {gone.uuid} of task {TASK.uuid}" in caplog.messages
    assert now_of(one).state is State.NONSTART


# --- beginning -----------------------------------------------------------------------------------


def begin(one: Run, instance: str = "one") -> str | None:
    return start(NODE, asked(instance, **named(one)), at(10))


def test_a_run_that_was_taken_begins_and_is_counted() -> None:
    one = stored(holder="one")

    assert [begin(one), begin(one)] == [None, None]  # the answer may not have been heard

    assert now_of(one).state is State.RUNNING
    assert task_table.get(NODE, TASK.uuid).runs_started == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"holder": None}, "It was not taken by this instance of the agent"),
        ({"holder": "two"}, "It was not taken by this instance of the agent"),
        ({"holder": "two", "state": State.RUNNING}, "It was not taken by this instance of the agent"),
        ({"state": State.MISSED}, "It is missed"),
        ({"state": State.FINISHED}, "It is finished"),
    ],
)
def test_a_run_that_was_not_taken_or_is_over_does_not_begin(changes: dict[str, Any], why: str) -> None:
    one = stored(**{"holder": "one", **changes})

    assert begin(one) == why
    assert now_of(one) == one


def test_a_run_of_a_task_that_was_cancelled_does_not_begin() -> None:
    one = stored(task(enabled=False, duration=seconds(60)), holder="one")

    assert begin(one) == "It was cancelled"
    assert now_of(one).state is State.CANCELED


def test_a_run_that_is_gone_does_not_begin() -> None:
    assert begin(run(TASK)) == "It was cancelled"


def test_a_node_that_is_paused_lets_nothing_begin() -> None:
    one = stored(holder="one")
    pause.pause(NODE, None)

    assert begin(one) == "The node was paused"

    ended = now_of(one)
    assert (ended.state, ended.documents.reason["code"]) == (State.MISSED, "paused")


def test_a_run_that_changes_meanwhile_begins_as_it_is_then(overtaken: list[int]) -> None:
    one = stored(holder="one")
    overtaken[0] = 3
    assert begin(one) is None

    other = stored(holder="one")
    overtaken[0] = 4
    with pytest.raises(Unavailable) as failed:
        begin(other)

    assert failed.value.message == f"Run {other.uuid} keeps changing"
    assert not isinstance(failed.value, Conflict)
    assert now_of(other).state is State.PENDING


def test_a_run_is_named_with_its_task() -> None:
    one = stored(holder="one")

    assert start(NODE, asked(task=RunId("another"), run=one.uuid), at(10)) == "It was cancelled"

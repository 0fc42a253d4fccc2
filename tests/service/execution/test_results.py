"""What is stored of a run that is done, or will not be: once, with what it came to and why."""

import logging
from typing import Any

import pytest

from chalicelib.domain.assignment import LocalResult
from chalicelib.domain.conflicts import Range
from chalicelib.domain.delivery import Delivery
from chalicelib.domain.errors import StaleRun
from chalicelib.domain.run import Documents, Reason, Run, occupation
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.service.alerts import watch
from chalicelib.service.archiving import announce, selection
from chalicelib.service.coordination import collection
from chalicelib.service.coordination.collection import Collected
from chalicelib.service.execution import results
from chalicelib.service.node import heartbeats
from chalicelib.service.scheduling import dispatch
from chalicelib.store import delivery_table, run_table, task_table, timeline
from chalicelib.store.transactions.booking import Booking, Time, commit
from plugins import registry
from tests.builders import NODE, NOON, at, exclusive_task, run, seconds, task
from tests.service.machines import FakeMachine

pytestmark = pytest.mark.usefixtures("empty_aws")

WELL: JSON = registry.tools()["snooze"].idle(task().spec)[1]
BADLY: JSON = {"succeeded": False, "error": "oh", "diags": ""}


def stored(owner: Task, **changes: Any) -> Run:
    """A run that has begun, with its time."""
    one = run(owner, **{"state": State.RUNNING, "began": True, "dispatched": True, **changes})
    taken = occupation(one, owner)
    guards = timeline.snapshot(NODE, [Range(one.start, one.end)]).guards
    commit(Booking(None, owner, [one], [Time(taken, guards)] if taken else []), NOON)
    return one


def read(one: Run) -> Run:
    return run_table.get(NODE, one.task, one.uuid)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Who is told of a run that is over, in order: those who watch, and those who deliver."""
    heard: list[Any] = []
    monkeypatch.setattr(watch, "leave", lambda owner, one, now: heard.append(("watch", owner, one, now)))
    monkeypatch.setattr(announce, "at_once", lambda due: heard.append(("deliver", list(due))))
    return heard


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is asked for of deliveries; each run has one."""
    asked: list[Any] = []

    def one_each(kind: str) -> Any:
        def select(owner: Task, one: Run, now: Any) -> list[Delivery]:
            asked.append((kind, one.state, now))
            return [Delivery(NODE, one.uuid, 0, one.task, {"archiver": "bitbucket", "data": {}}, now)]

        return select

    for kind in ("of_result", "of_event"):
        monkeypatch.setattr(selection, kind, one_each(kind))
    return asked


@pytest.mark.parametrize(
    ("changes", "local", "state"),
    [
        ({}, LocalResult(WELL), State.FINISHED),
        ({}, LocalResult(None, "why"), State.FAILED),
        ({"participant": 1, "participants": ("a", "b")}, LocalResult(BADLY), State.FINISHED),
        ({"participant": 1, "participants": ("a", "b")}, LocalResult(None, "why"), State.FAILED),
        ({"scheduling_class": "background-multi"}, LocalResult(None, "why"), State.FINISHED),
    ],
)
def test_a_run_is_finished_where_its_result_is_one(
    changes: dict[str, Any], local: LocalResult, state: State
) -> None:
    owner = task(**changes)
    one = stored(owner)

    assert results.conclude(owner, one, local, FakeMachine(at(2)))

    found = read(one)
    assert (found.state, found.documents.result, found.errors) == (state, local.result, local.errors)
    is_merged = owner.is_lead and not owner.is_multi_result
    assert (found.documents.result_merged is not None) is is_merged
    assert (found.documents.clock_survey is not None) is (is_merged and state is State.FAILED)


def test_time_that_a_run_did_not_need_is_free() -> None:
    owner = exclusive_task(duration=seconds(60))
    one = stored(owner)

    assert results.conclude(owner, one, LocalResult(WELL), FakeMachine(at(20)))

    assert read(one).end == at(20)
    (entry,) = timeline.read_entries(NODE, at(0), at(60))
    assert at(20) < entry.end < at(60)


def test_a_run_that_was_cancelled_meanwhile_stays_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    owner = exclusive_task(duration=seconds(60))
    one = stored(owner)
    run_table.change(one.evolve(state=State.CANCELED))

    assert not results.conclude(owner, one, LocalResult(WELL), FakeMachine(at(20)))

    assert (read(one).state, read(one).documents.result) == (State.CANCELED, None)
    (entry,) = timeline.read_entries(NODE, at(0), at(60))
    assert entry.end == at(60)
    assert dropped(one) in [record.message for record in caplog.records]


def dropped(one: Run) -> str:
    return f"Run {one.uuid} was changed while its tool worked; its result is dropped"


@pytest.mark.parametrize(("now", "until"), [(2, 3), (9, 9)])
@pytest.mark.parametrize("is_changed", [True, False])
def test_the_lead_keeps_its_result_until_the_time_of_all_is_over(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    now: float,
    until: float,
    is_changed: bool,
) -> None:
    caplog.set_level(logging.INFO)
    sent: list[Any] = []
    monkeypatch.setattr(dispatch, "send_when_over", lambda *what: sent.append(what))
    monkeypatch.setattr(collection, "latest", lambda owner, one, now: at(500))
    owner = task(participants=("a", "b"))
    one = stored(owner)
    if is_changed:
        run_table.change(one.evolve(priority=1))

    kept = results.conclude(owner, one, LocalResult(WELL, "why", "diags"), FakeMachine(at(now)))

    assert kept is not is_changed
    if is_changed:
        assert (sent, read(one).state) == ([], State.RUNNING)
        assert dropped(one) in [record.message for record in caplog.records]
        return
    found = read(one)
    assert (found.state, found.documents.result, found.errors) == (State.CLEANUP, WELL, "why")
    assert found.leased_until == at(500)
    assert sent == [(found, at(until), "diags")]


@pytest.mark.parametrize(
    ("own", "others", "errors"),
    [
        (None, [], None),
        ("mine", [], "mine"),
        (None, ["b: away"], "b: away"),
        ("mine", ["b: away", "c: away"], "mine\nb: away\nc: away"),
    ],
)
def test_why_there_is_no_result_is_said_for_each_participant(
    monkeypatch: pytest.MonkeyPatch, own: str | None, others: list[str], errors: str | None
) -> None:
    full = [WELL, None]
    asked: list[Any] = []

    def collected(owner: Task, one: Run, entry: JSON, machine: Any) -> Collected:
        asked.append(entry)
        return Collected(full, others)

    monkeypatch.setattr(collection, "results", collected)
    monkeypatch.setattr(collection, "clocks", lambda owner, machine: [{"time": "now"}])
    owner = task(participants=("a", "b"))
    one = stored(owner, state=State.CLEANUP)
    local = LocalResult(WELL, own)

    assert results.merge(owner, one.evolve(errors=own), local, FakeMachine(at(9)))

    found = read(one)
    assert (found.errors, found.documents.result_full) == (errors, full)
    assert asked == [local.entry()]
    succeeded = found.documents.result_merged["succeeded"]
    assert (found.state, found.documents.clock_survey) == (
        (State.FINISHED, None) if succeeded else (State.FAILED, [{"time": "now"}])
    )


def test_a_result_that_cannot_be_merged_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Any) -> JSON:
        raise ValueError("oh")

    monkeypatch.setattr(results, "bounded", broken)
    owner = task()
    one = stored(owner)

    assert results.conclude(owner, one, LocalResult(WELL), FakeMachine(at(2)))

    assert read(one).state is State.FAILED
    assert read(one).documents.result_merged == {
        "succeeded": False,
        "error": "The results could not be merged: ValueError('oh')",
        "diags": "",
    }
    assert [record.message for record in caplog.records] == [
        f"The tool snooze could not merge run {one.uuid}"
    ]


@pytest.mark.parametrize("streams", [True, False])
def test_a_result_is_told_once_it_is_stored(
    told: list[Any], due: list[Any], streams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[Any] = []
    monkeypatch.setattr(heartbeats, "note", lambda *what: noted.append(what))
    owner = task(scheduling_class="background-multi" if streams else "background")
    one = stored(owner)

    written = results.record(owner, one.evolve(state=State.FINISHED), at(9))

    assert written == read(one) == one.evolve(state=State.FINISHED, revision=1)
    stored_ones = delivery_table.of_run(NODE, one.uuid)
    assert due == ([] if streams else [("of_result", State.FINISHED, at(9))])
    assert len(stored_ones) == len(due)
    assert told == [("watch", owner, written, at(9)), ("deliver", stored_ones)]
    assert noted == [(NODE, heartbeats.LAST_FINISHED, at(9))]


@pytest.mark.parametrize("uuid", [None, "aaaaaaaa-0000-4000-8000-000000000000"])
def test_one_result_of_a_task_that_streams_is_a_run_of_no_length(
    told: list[Any], due: list[Any], uuid: Any
) -> None:
    owner = task(scheduling_class="background-multi", document={**task().document, "priority": 5})
    commit(Booking(None, owner, ()), NOON)

    results.add(owner, BADLY, at(5), uuid)

    (found,) = run_table.in_order(NODE, owner.uuid)
    whole = run_table.get(NODE, owner.uuid, found.uuid)
    assert whole == run(
        owner,
        5,
        uuid=uuid or found.uuid,
        end=at(5),
        state=State.FINISHED,
        added=at(5),
        dispatched=True,
        documents=Documents(result_merged=BADLY),
    )
    deliveries = delivery_table.of_run(NODE, found.uuid)
    assert due == [("of_result", State.FINISHED, at(5))]
    assert told == [("watch", owner, whole, at(5)), ("deliver", deliveries)]
    assert task_table.get(NODE, owner.uuid).progress.runs == 1
    if uuid:
        with pytest.raises(StaleRun):
            results.add(owner, BADLY, at(6), uuid)


@pytest.mark.parametrize(
    ("changes", "result", "errors"),
    [
        ({}, {"succeeded": False, "diags": "too late"}, "too late"),
        ({"documents": Documents(result=WELL), "errors": "oh"}, WELL, "oh"),
    ],
)
def test_a_run_that_will_not_be_says_why(
    told: list[Any], due: list[Any], changes: dict[str, Any], result: JSON, errors: str
) -> None:
    owner = task()
    one = stored(owner, **changes)

    written = results.give_up(owner, one, State.OVERDUE, Reason("late", "too late"), at(9))

    assert written == read(one)
    assert (written.state, written.errors) == (State.OVERDUE, errors)
    assert written.documents == Documents(result=result, reason={"code": "late", "message": "too late"})
    assert due == [("of_event", State.OVERDUE, at(9))]
    assert told == [("watch", owner, written, at(9)), ("deliver", delivery_table.of_run(NODE, one.uuid))]
    with pytest.raises(StaleRun):
        results.give_up(owner, one, State.FAILED, Reason("late", "too late"), at(9))

"""What a run is as it is placed, what stands in its place where it may not be, and the time it takes up."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.domain.conflicts import Occupation
from chalicelib.domain.errors import Blocked, Forbidden
from chalicelib.domain.names import RunId
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Documents, Reason, Run, occupation
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.alerts import watch
from chalicelib.service.archiving import announce, selection
from chalicelib.service.limits import admission, quota_ledger
from chalicelib.service.limits.admission import RunRuling
from chalicelib.service.node import agent_facts, heartbeats
from chalicelib.service.scheduling import reservation
from chalicelib.service.scheduling.reservation import Placed
from chalicelib.store import delivery_table, run_table, task_table, timeline
from chalicelib.store.transactions.booking import Booking, New, Time, commit
from plugins import registry
from tests.builders import NODE, NOON, at, exclusive_task, run, seconds, task
from tests.builders import occupation as taken

pytestmark = pytest.mark.usefixtures("empty_aws")

RUN = RunId("aaaaaaaa-0000-4000-8000-000000000000")
BOTH = ("a", "b")


@pytest.fixture
def ruling(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have the limits say something else of all runs."""

    def rule(passed: bool, priority: int | None = None) -> None:
        said = RunRuling(passed, "diags", priority, "why")
        monkeypatch.setattr(admission, "judge_run", lambda *_: said)

    return rule


@pytest.mark.parametrize(
    ("changes", "start", "is_dispatched"),
    [({}, 60, True), ({}, 180, False), ({"hints": {"requester": "192.0.2.9"}}, 600, False)],
)
def test_a_run_of_one_participant_is_to_come(
    ruling: Any, changes: dict[str, Any], start: float, is_dispatched: bool
) -> None:
    ruling(True, 7)
    owner = task(**changes, duration=seconds(9))

    one = reservation.new_run(owner, at(start), at(0), RUN)

    data = registry.tools()["snooze"].participant_data(0, owner.spec, agent_facts.host(NODE))
    assert one == run(
        owner,
        start,
        uuid=RUN,
        end=at(start + 9),
        added=at(0),
        priority=7,
        documents=Documents(participant_data=data, participant_data_full=[data], limit_diags="diags"),
        dispatched=is_dispatched,
        lane=owner.lane,
    )
    assert reservation.new_run(owner, at(start), at(0)).uuid != one.uuid


@pytest.mark.parametrize(("participant", "state"), [(0, State.SCHEDULING), (1, State.PENDING)])
def test_a_run_of_several_waits_for_them_to_agree(participant: int, state: State) -> None:
    one = reservation.new_run(task(participants=BOTH, participant=participant), at(60), at(0))

    assert (one.state, one.awaiting, one.dispatched) == (state, True, False)
    assert one.documents.participant_data_full is None
    assert one.documents.participant_data is not None


@pytest.mark.parametrize("uuid", [None, RUN])
def test_in_place_of_a_run_that_the_limits_refuse_there_is_one_that_says_so(ruling: Any, uuid: Any) -> None:
    ruling(False)
    owner = task(document={**task().document, "priority": 5})

    one = reservation.new_run(owner, at(60), at(0), uuid)

    message = "The limits of this node refuse the run: why\ndiags"
    assert one == run(
        owner,
        60,
        uuid=uuid or one.uuid,
        state=State.NONSTART,
        added=at(0),
        priority=5,
        errors=message,
        documents=Documents(limit_diags="diags", reason={"code": "limits", "message": message}),
    )


def test_who_places_the_run_of_an_instant_gives_it_the_same_identifier() -> None:
    one, other = task(), task()

    assert reservation.id_at(one, at(5)) == reservation.id_at(one, at(5))
    assert len({reservation.id_at(*each) for each in ((one, at(5)), (one, at(6)), (other, at(5)))}) == 3


def test_a_run_that_another_participant_has_made_has_ones_own_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reservation, "_participant_data", lambda owner: {"number": owner.participant})
    here, there = task(participants=BOTH), task(participants=BOTH, participant=1, node="other")
    made = run(here, 5, documents=Documents(participant_data={"number": 0}, limit_diags="diags"))

    found = reservation.as_participant(there, made)

    documents = Documents(participant_data={"number": 1}, limit_diags="diags")
    assert found == dataclasses.replace(made, node=there.node, documents=documents)


@pytest.mark.parametrize(
    ("kind", "state", "takes_time"),
    [
        ("exclusive", State.PENDING, True),
        ("normal", State.PENDING, True),
        ("background", State.PENDING, False),
        ("exclusive", State.NONSTART, False),
    ],
)
def test_a_run_that_is_to_be_takes_up_its_time(kind: str, state: State, takes_time: bool) -> None:
    owner = exclusive_task(scheduling_class=kind)
    one = run(owner, 10, state=state)

    found = reservation.time_for(owner, one, NOON)

    assert [time.occupation for time in found] == ([occupation(one, owner)] if takes_time else [])
    assert all(time.guards == timeline.snapshot(NODE, [RANGE]).guards for time in found)


RANGE = reservation.Range(at(10), at(13))


def test_who_is_in_the_way_is_named() -> None:
    there = taken(0, 20)
    timeline.entry(NODE, there).save()
    sentence = f"The time is taken by run {there.run} of task {there.task}"
    owner = exclusive_task()

    with pytest.raises(Blocked, match=sentence) as blocked:
        reservation.time_for(owner, run(owner, 10), NOON)
    assert blocked.value.run == there.run
    with pytest.raises(Blocked, match=sentence):
        reservation.require_time_at(owner, at(19), NOON)
    reservation.require_time_at(owner, at(20), NOON)
    reservation.require_time_at(task(), at(10), NOON)  # one in the background is in nobody's way


@pytest.mark.parametrize(("priority", "is_blocked"), [(4, True), (5, True), (6, False)])
def test_a_run_of_a_higher_priority_may_have_the_time(priority: int, is_blocked: bool) -> None:
    timeline.entry(NODE, taken(30, 40, priority=5)).save()
    owner = exclusive_task(document={**exclusive_task().document, "priority": priority})

    if is_blocked:
        with pytest.raises(Blocked):
            reservation.require_time_at(owner, at(30), NOON)
    else:
        reservation.require_time_at(owner, at(30), NOON)


def test_time_that_was_given_back_meanwhile_is_looked_at_again() -> None:
    there = taken(10, 13)
    timeline.entry(NODE, there).save()
    timeline.snapshot(NODE, [RANGE])
    timeline.reference(NODE, there).delete()  # which this process does not hear of
    owner = exclusive_task()

    assert len(reservation.time_for(owner, run(owner, 10), NOON)) == 1


@pytest.mark.parametrize(("end", "left"), [(11, 11), (13, 13), (20, 13), (10, None)])
def test_the_time_after_a_new_end_is_given_back(end: float, left: float | None) -> None:
    owner = exclusive_task()
    one = run(owner, 10)
    booked = occupation(one, owner)
    assert booked is not None
    timeline.entry(NODE, booked).save()

    reservation.give_back(owner, one, at(end))
    reservation.give_back(task(), one, at(10))  # it takes up none

    assert [entry.end for entry in timeline.read_entries(NODE, at(0), at(60))] == ([at(left)] if left else [])


def test_of_the_time_that_is_free_that_of_runs_that_are_to_be_is_taken() -> None:
    owner = exclusive_task()
    there, refused, other = run(owner, 10), run(owner, 20, state=State.NONSTART), run(owner, 30)
    times = [
        Time(Occupation(one.start, one.end, True, None, one.task, one.uuid), None)
        for one in (there, refused, other)
    ]  # type: ignore[arg-type]

    assert reservation._of([there, refused], times) == times[:1]


@pytest.fixture
def charged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is charged, and given back; there is enough for runs before second 100."""
    ledger: list[Any] = []

    def charge(owner: Task, start: Any, now: Any) -> list[str]:
        if start >= at(100):
            raise Forbidden("The quota is used up")
        ledger.append(start)
        return [f"{(start - NOON).total_seconds():g}"]

    monkeypatch.setattr(quota_ledger, "charge_run", charge)
    monkeypatch.setattr(quota_ledger, "give_back", lambda node, charges: ledger.append((node, charges)))
    return ledger


def test_in_place_of_a_run_beyond_a_quota_there_is_one_that_says_so(charged: list[Any]) -> None:
    owner = task()
    fits, refused, beyond = run(owner, 10), run(owner, 20, state=State.NONSTART), run(owner, 100)

    with reservation.within_quotas(owner, [fits, refused, beyond], at(1)) as allowed:
        pass

    assert allowed[:2] == [fits, refused]
    reason = Reason("limits", "The quota is used up")
    wanted = reservation.nonstarter(owner, at(100), at(1), reason)
    assert allowed[2] == dataclasses.replace(wanted, uuid=beyond.uuid)
    assert charged == [at(10)]


def test_what_was_not_booked_is_not_charged(charged: list[Any]) -> None:
    owner = task()

    with (
        pytest.raises(KeyboardInterrupt),
        reservation.within_quotas(owner, [run(owner, 10), run(owner, 20)], NOON),
    ):
        raise KeyboardInterrupt

    assert charged == [at(10), at(20), (NODE, ["10", "20"])]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is done once runs are placed, but for sending them."""
    done: list[Any] = []
    monkeypatch.setattr(watch, "leave", lambda *what: done.append(("watch", *what)))
    monkeypatch.setattr(announce, "at_once", lambda due: done.append(("deliver", list(due))))
    monkeypatch.setattr(heartbeats, "note", lambda *what: done.append(("note", *what)))
    monkeypatch.setattr(reservation, "send", lambda runs, now: done.append(("send", list(runs), now)))
    return done


def refused(owner: Task, start: float) -> Run:
    return reservation.nonstarter(owner, at(start), NOON, Reason("no-time", "why"))


def test_runs_are_sent_noted_and_watched_once_they_are_placed(heard: list[Any]) -> None:
    owner = task(schedule=Schedule(repeat=seconds(60)), started_until=NOON)
    runs = [run(owner, 60), refused(owner, 120)]

    placed = reservation.write(owner, NOON, runs, New())

    assert placed == Placed(owner.counting([at(60), at(120)], NOON), runs)
    assert task_table.get(NODE, owner.uuid) == placed.task
    assert heard == [
        ("deliver", []),
        ("send", runs, NOON),
        ("note", NODE, heartbeats.LAST_SCHEDULED, NOON),
        ("watch", placed.task, runs[1], NOON),
    ]


def test_what_is_to_be_delivered_of_a_run_that_could_not_be_placed_is_stored_with_it(
    heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = {"archiver": "bitbucket", "data": {}}
    owner = task()

    def due(_: Task, runs: Sequence[Run], now: Any) -> Any:
        return [delivery_table.Delivery(NODE, one.uuid, 0, one.task, archive, now) for one in runs]

    monkeypatch.setattr(selection, "of_nonstarters", due)
    one = refused(owner, 60)

    reservation.write(owner, NOON, [one], New())

    assert heard[0] == ("deliver", delivery_table.of_run(NODE, one.uuid))
    assert len(heard[0][1]) == 1


@pytest.mark.parametrize("write", [reservation.write, reservation.write_singly])
def test_without_runs_a_task_is_written_where_it_is_planned_at_another_time(
    heard: list[Any], write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = task(schedule=Schedule(start=at(9 * 86400), repeat=seconds(86400)), started_until=NOON)
    commit(Booking(None, owner, ()), NOON)

    replanned = write(owner, NOON, []).task

    assert task_table.get(NODE, owner.uuid) == replanned == owner.replanned(NOON) != owner
    written: list[Any] = []
    for name in ("commit",):
        monkeypatch.setattr(reservation, name, lambda *what: written.append(what))
    monkeypatch.setattr(reservation.booking, "write_singly", lambda *what: written.append(what))
    assert write(replanned, NOON, []) == Placed(replanned, [])
    assert written == []
    assert ("send", [], NOON) in heard
    assert not any(what[0] in ("note", "watch") for what in heard)


def test_runs_placed_singly_are_counted_and_sent(heard: list[Any]) -> None:
    owner = task(schedule=Schedule(repeat=seconds(60)), started_until=NOON)
    commit(Booking(None, owner, ()), NOON)
    runs = [run(owner, 60), run(owner, 120)]

    placed = reservation.write_singly(owner, NOON, runs)

    assert placed == Placed(owner.counting([at(60), at(120)], NOON), runs)
    assert task_table.get(NODE, owner.uuid) == placed.task
    assert len(list(run_table.in_order(NODE, owner.uuid))) == 2
    assert heard == [("send", runs, NOON), ("note", NODE, heartbeats.LAST_SCHEDULED, NOON)]


def test_runs_that_somebody_placed_are_counted_and_sent(heard: list[Any]) -> None:
    owner = task(schedule=Schedule(repeat=seconds(60)), started_until=NOON)
    commit(Booking(None, owner, ()), NOON)
    left = [run(owner, 60)]

    placed = reservation.adopt(owner, NOON, left)

    assert placed == Placed(owner.counting([at(60)], NOON), left)
    assert task_table.get(NODE, owner.uuid) == placed.task
    assert heard == [("send", left, NOON)]

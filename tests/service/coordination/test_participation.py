"""Who has to agree to what is done with a task, and what differs between the three kinds."""

import datetime as dt
import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chalicelib.domain.errors import (
    Conflict,
    Invalid,
    NotFound,
    PeerBusy,
    PeerError,
    PeerForgot,
    Refused,
    TimedOut,
)
from chalicelib.domain.names import NodeName, RunId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_timestamp
from chalicelib.domain.tool_choice import Offer
from chalicelib.infrastructure import peer_http
from chalicelib.infrastructure.peer_http import Call, Reply
from chalicelib.service.coordination import cohosted, invitation, participation, planner
from chalicelib.service.coordination.cohosted_participation import CoHosted
from chalicelib.service.coordination.participation import kind, of
from chalicelib.service.coordination.participation_base import Alone, Known
from chalicelib.service.coordination.remote_participation import Remote
from chalicelib.service.node import registration
from chalicelib.service.peers.peer_client import Deadline
from chalicelib.service.scheduling import placement
from chalicelib.service.scheduling.reservation import Placed
from chalicelib.store import node_registry, outbox_table, run_items, run_table, task_items, task_table
from chalicelib.store.transactions.booking import New
from tests import due
from tests.builders import NODE, NOON, at, run, seconds, task
from tests.service.machines import FakeMachine

pytestmark = pytest.mark.usefixtures("no_time_passes")
AMS, BRU, CPH = map(NodeName, ("ams.example", "bru.example", "cph.example"))
HERE, THERE = (AMS, BRU, CPH), (AMS, "elsewhere.example", BRU)


@pytest.fixture(autouse=True)
def _registered(empty_aws: None) -> None:
    for name, where in ((AMS, "here"), (BRU, "here"), (CPH, "agent")):
        registration.add(name, where, NOON)


class Peers:
    """Others that all answer the same."""

    def __init__(self) -> None:
        self.answer: Any = {}
        self.asked: list[Call] = []

    def ask(self, calls: Sequence[Call]) -> list[Reply | PeerError]:
        self.asked += calls
        found = self.answer
        is_given = isinstance(found, Reply | PeerError)
        return [found if is_given else Reply(call.host, 200, json.dumps(found)) for call in calls]


@pytest.fixture
def peers() -> Iterator[Peers]:
    found = Peers()
    with peer_http.use(found):
        yield found


def shared(participants: Sequence[str] = THERE, **changes: Any) -> Task:
    return task(**{"node": AMS, "participants": participants, "participant_key": "k", **changes})


def stored(one: Task, start: float = 60, **changes: Any) -> Run:
    made = run(one, start, **changes)
    task_items.to_item(one, NOON).save()
    run_items.to_item(made).save()
    return made


@pytest.mark.parametrize(
    ("participants", "number", "expected"),
    [
        ((AMS,), 0, Alone),
        (HERE, 0, CoHosted),
        (THERE, 0, Remote),
        ((BRU, AMS), 0, Remote),  # one node under two names agrees with nobody
        (HERE, 1, Alone),  # its lead sees to it
        (THERE, 2, Alone),
    ],
)
def test_who_has_to_agree_follows_from_the_participants(
    participants: tuple[str, ...], number: int, expected: type
) -> None:
    assert kind(AMS, participants, number) is expected
    one = shared(participants, participant=number)
    assert of(one) == expected(one)
    assert of(one).have_to_agree is (expected is Remote)


# --- tools ---------------------------------------------------------------------------------------


def test_offers_are_of_this_node_first_and_then_of_each_other(peers: Peers, monkeypatch: Any) -> None:
    asked: list[Any] = []
    known = Known([Offer("own")], lambda node: [Offer(node)])
    deadline = Deadline(5.0)
    document = {"test": {"type": "idle"}, "lead-bind": "192.0.2.9"}
    monkeypatch.setattr(invitation, "offers", lambda *told: (asked.append(told), [[Offer("theirs")]])[1])

    assert Alone.offers(known, (), document, deadline) == [[Offer("own")]]
    assert CoHosted.offers(known, (BRU, "gone.example", CPH), document, deadline) == [
        [Offer("own")],
        [Offer(BRU)],
        [],
        [Offer(CPH)],
    ]
    assert Remote.offers(known, ("b",), document, deadline) == [[Offer("own")], [Offer("theirs")]]
    assert asked == [(("b",), {"type": "idle"}, "192.0.2.9", deadline)]


# --- placing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "said", "has_trace"),
    [
        (ZeroDivisionError(), "The first run of task {} is left to the planner", True),
        (Conflict("It changed"), "Task {} is not to be planned any more: It changed", False),
    ],
)
def test_a_task_is_taken_in_even_where_its_first_run_cannot_be_placed(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: Exception,
    said: str,
    has_trace: bool,
) -> None:
    def broken(*_: Any) -> Task:
        raise trouble

    caplog.set_level("INFO")

    one, deadline, new = shared(), Deadline(5.0), New()
    told: list[Any] = []
    invited = one.evolve(plan_at=at(5))
    monkeypatch.setattr(invitation, "invite", lambda *given: (told.append(given), invited)[1])
    monkeypatch.setattr(planner, "plan_first", broken)

    assert of(one).take_in(NOON, new, deadline) == Placed(invited)

    assert told == [(one, NOON, deadline, new.idempotency_record)]
    assert [bool(each.exc_info) for each in caplog.records if each.message == said.format(one.uuid)] == [
        has_trace
    ]
    planned = one.evolve(plan_at=at(9))
    monkeypatch.setattr(planner, "plan_first", lambda *given: (told.append(given), planned)[1])
    assert of(one).take_in(NOON, new, deadline) == Placed(planned)
    assert told[-1] == (invited, NOON, deadline)


def test_runs_are_placed_until_the_horizon_is_full_or_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spent, asked = [0.0], []
    monkeypatch.setattr(Deadline, "spent", property(lambda deadline: spent[0]))
    monkeypatch.setattr(Deadline, "left", property(lambda deadline: 10 - spent[0]))

    def place(one: Task, now: dt.datetime) -> Placed:
        asked.append((one.plan_at, now))
        spent[0] += 3
        return Placed(one.evolve(plan_at=at(len(asked))), [run(one)])

    monkeypatch.setattr(placement, "place_next", place)
    one = task(plan_at=at(0))

    of(one).fill(at(1), Deadline(10))
    assert asked == [(at(0), at(1)), (at(1), at(4)), (at(2), at(7)), (at(3), at(10))]  # then it is over

    asked.clear()
    spent[0] = 0.0
    of(one.evolve(plan_at=at(2))).fill(at(1), Deadline(10))
    assert asked == []  # it is not due
    monkeypatch.setattr(placement, "place_next", lambda one, now: (asked.append(now), Placed(one))[1])
    of(one).fill(at(1), Deadline(10))
    assert asked == [at(1)]  # there was nothing to place


def test_what_takes_waiting_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    left, delegated = [], []
    monkeypatch.setattr(planner, "delegate", lambda *told: delegated.append(told))
    one = shared(plan_at=NOON)

    of(one).fill(NOON, Deadline(5), left.append)
    assert (left, delegated) == ([one], [])
    of(one).fill(NOON, Deadline(5))
    assert delegated == [(one, NOON)]
    assert of(one).place_next(NOON) == Placed(one)


def test_a_run_asked_for_by_hand_starts_at_a_whole_second(monkeypatch: pytest.MonkeyPatch) -> None:
    one, told = shared(HERE), []
    made = run(one)
    monkeypatch.setattr(cohosted, "place_at", lambda *given: (told.append(given), Placed(one, [made]))[1])

    assert of(one).place_at(at(60.5), NOON, made.uuid) is made
    assert told == [(one, at(60), NOON, made.uuid)]


def test_a_run_is_placed_once_under_its_uuid(monkeypatch: pytest.MonkeyPatch) -> None:
    one = task()
    made = stored(one)

    def taken(*_: Any) -> Placed:
        raise Conflict("Taken")

    assert participation.place_once(one, at(100), NOON, RunId(str(uuid.uuid4()))).start == at(100)
    monkeypatch.setattr(placement, "place_at", taken)
    assert participation.place_once(one, at(60.5), NOON, made.uuid) == run_table.get(
        NODE, one.uuid, made.uuid
    )
    for start, name in ((61, made.uuid), (60, "none")):
        with pytest.raises(Conflict):
            participation.place_once(one, at(start), NOON, RunId(name))


# --- cancelling and withdrawing ------------------------------------------------------------------


def test_others_are_told_that_a_task_is_cancelled(peers: Peers) -> None:
    one = shared()
    stored(one)

    participation.cancel(AMS, one.uuid, NOON)

    assert not task_table.get(AMS, one.uuid).enabled
    assert list(run_table.in_order(AMS, one.uuid)) == []
    requests = [outbox_table.get(AMS, each) for each in due.outbox_requests(AMS, NOON)]
    assert sorted((each.host, each.path) for each in requests) == sorted(
        (host, f"/tasks/{one.uuid}") for host in THERE[1:]
    )
    with pytest.raises(NotFound):
        participation.cancel(AMS, run(one).uuid, NOON)  # type: ignore[arg-type]


@pytest.mark.parametrize("participants", [(AMS,), HERE])
def test_runs_beyond_so_many_are_left_to_the_queue(participants: tuple[str, ...]) -> None:
    one = shared(participants)
    for number in range(len(participants)):
        node = (AMS, BRU, CPH)[number]
        task_items.to_item(one.evolve(node=node, participant=number), NOON).save()
    for start in (60, 70, 80):
        run_items.to_item(run(one, start)).save()

    of(one).cancel(NOON, at_once=2)

    assert [each.start for each in run_table.in_order(AMS, one.uuid)] == [at(80)]
    assert not task_table.get(AMS, one.uuid).enabled


def test_others_are_told_to_forget_a_run_nobody_agreed_on(peers: Peers) -> None:
    for one in (shared(HERE), task()):
        of(one).withdraw(run(one), NOON)
    assert due.outbox_requests(AMS, NOON) == []

    one = shared()
    made = run(one)
    of(one).withdraw(made, NOON)

    requests = [outbox_table.get(AMS, each) for each in due.outbox_requests(AMS, NOON)]
    assert sorted((each.host, each.path, each.next_attempt) for each in requests) == sorted(
        (host, f"/tasks/{one.uuid}/runs/{made.uuid}", NOON) for host in THERE[1:]
    )


# --- results and clocks --------------------------------------------------------------------------


def test_others_elsewhere_are_waited_for_as_long_as_there_is_time(peers: Peers) -> None:
    one = shared()
    made = run(one)

    found = of(one).local_results(made, [2], Deadline(7.9))

    assert found == {2: Reply(BRU, 200, "{}")}
    path, args = f"/tasks/{one.uuid}/runs/{made.uuid}", {"wait-local": "True", "wait": "7"}
    assert peers.asked == [Call("GET", BRU, path, args, timeout=7.5)]


def test_of_co_hosted_nodes_the_run_is_read() -> None:
    one = shared(HERE)
    made = stored(one.evolve(node=BRU, participant=1), state=State.RUNNING)
    run_table.change(
        run_table.get(BRU, one.uuid, made.uuid).with_documents(result={"a": 1}).evolve(state=State.FINISHED)
    )

    found = of(one).local_results(made, [1, 2], Deadline(5))

    assert found[1] == Reply(BRU, 200, '{"state": "finished", "result": {"a": 1}}')
    missing = found[2]
    assert isinstance(missing, PeerForgot)
    assert (missing.host, missing.status) == (CPH, 404)
    assert missing.message.startswith(f"{CPH}: There is no run {made.uuid}")


def test_a_node_by_itself_asks_nobody() -> None:
    one = of(task())

    assert one.local_results(run(task()), [], Deadline(5)) == {}
    assert one.clocks({}, FakeMachine(NOON)) == {}
    assert not one.has_patience()


CLOCK = {"time": format_timestamp(NOON), "synchronized": True, "source": "ntp"}


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (CLOCK, CLOCK),
        (Reply("b", 500, "x"), {"error": 500}),
        (
            Reply("b", 200, f'"{"9" * 70_000}"'),
            {"error": "b: what it says of its clock takes up 70006 characters; at most 65536 are kept"},
        ),
        (PeerBusy("b", "answered with status 503"), {"error": "b: answered with status 503"}),
        (Reply("b", 200, "no JSON"), {"error": "b: answered with something other than JSON"}),
        (TimedOut("b", "did not answer"), {"error": "b: did not answer"}),
        (Refused("b", "No", 403), {"error": 403}),
    ],
)
def test_a_clock_elsewhere_is_what_is_said_of_it(peers: Peers, answer: Any, shown: Any) -> None:
    peers.answer = answer

    assert of(shared()).clocks({}, FakeMachine(NOON)) == {1: shown, 2: shown}
    assert [(call.method, call.path, call.timeout) for call in peers.asked] == [("GET", "/clock", 5)] * 2


def test_a_clock_of_this_deployment_is_that_of_the_host_that_measures() -> None:
    machine = FakeMachine(at(30))
    node_registry.note_contact(CPH, {"at": format_timestamp(NOON), "clock": {"synchronized": True}})

    found = of(shared(HERE)).clocks({}, machine)

    assert found[1] == machine.clock_state()
    assert (found[2]["synchronized"], found[2]["time"][11:19]) == (True, "12:00:30")


@pytest.mark.parametrize(
    ("participants", "has_patience"), [(HERE, True), ((AMS, BRU), False), ((CPH, BRU), False), (THERE, False)]
)
def test_others_may_report_long_after_the_end_whose_tools_are_at_their_agents(
    participants: tuple[str, ...], has_patience: bool
) -> None:
    assert of(shared(participants, node=NodeName(participants[0]))).has_patience() is has_patience


@pytest.mark.parametrize(("participants", "hours"), [(1, None), (2, 11.5), (3, 7.25)])
def test_a_run_is_bookable_that_fits_into_one_transaction(participants: int, hours: float | None) -> None:
    if hours is None:
        Alone.require_bookable(seconds(12 * 3600), participants)
        return
    CoHosted.require_bookable(seconds(hours * 3600), participants)
    with pytest.raises(Invalid):
        CoHosted.require_bookable(seconds(hours * 3600 + 1), participants)

"""One run that others have to agree to: what they are asked, and what their answers mean."""

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chalicelib.domain.conflicts import Range
from chalicelib.domain.errors import Conflict, PeerConflict, PeerError, Refused, TimedOut
from chalicelib.domain.outbox_request import OutboxRequest
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.infrastructure import peer_http, queues
from chalicelib.infrastructure.peer_http import Call, Reply
from chalicelib.service.coordination.agreement import Agreement, common_time, free_of_choice, own_time, ping
from chalicelib.service.limits import admission
from chalicelib.service.limits.admission import RunRuling
from chalicelib.service.node import heartbeats
from chalicelib.service.peers.peer_client import Deadline, PeerGroup
from chalicelib.service.scheduling import reservation
from chalicelib.store import node_table, outbox_table, run_table, task_table, timeline
from chalicelib.store.transactions.booking import Booking, commit
from tests import due
from tests.builders import NODE, NOON, at, exclusive_task, run, seconds

pytestmark = pytest.mark.usefixtures("empty_aws", "no_time_passes")
SPAN = Range(at(0), at(600))


class Peers:
    """Others that answer with what they are told to, by method and the last word of the path that is none of
    an identifier; a list is answered one by one, the last for good."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[Call] = []

    def ask(self, calls: Sequence[Call]) -> list[Reply | PeerError]:
        self.asked += calls
        return [self._answer(call) for call in calls]

    def _answer(self, call: Call) -> Reply | PeerError:
        words = [word for word in call.path.split("/") if word and word.count("-") < 4]
        what = f"{call.method} {words[-1] if words else '/'}"
        found = self.answers.get(f"{what} {call.host}", self.answers.get(what, "OK"))
        return found if isinstance(found, Reply | PeerError) else Reply(call.host, 200, json.dumps(found))

    def lines(self) -> list[str]:
        return [f"{call.method} {call.host}" for call in self.asked]


@pytest.fixture
def peers() -> Iterator[Peers]:
    found = Peers()
    found.answers = {
        "GET runtimes": ranges((0, 600)),
        "GET runs b": {"participant-data": {"b": 1}},
        "GET runs c": {"participant-data": {"c": 1}},
    }
    with peer_http.use(found):
        yield found


def ranges(*spans: tuple[float, float]) -> list[dict[str, str]]:
    return [{"lower": at(lower).isoformat(), "upper": at(upper).isoformat()} for lower, upper in spans]


def shared(**changes: Any) -> Task:
    document = {**exclusive_task().document, **changes.pop("document", {})}
    return exclusive_task(
        participants=("a", "b", "c"), participant_key="k", duration=seconds(60), document=document, **changes
    )


def group(task: Task | None = None) -> PeerGroup:
    return PeerGroup(task or shared(), Deadline(25.0))


def taken(start: float, end: float, **changes: Any) -> None:
    """Have time taken here."""
    owner = exclusive_task(duration=seconds(end - start), **changes)
    one = run(owner, start)
    commit(Booking(None, owner, [one], reservation.time_for(owner, one, NOON)), NOON)


# --- whether they are up -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ("b", None, ""),
        ({}, Refused, "b: is not running pScheduler"),
        (Reply("b", 500, "x"), Refused, "b: is not running pScheduler"),
        (Reply("b", 404, ""), Refused, "b: is not running pScheduler"),  # it has forgotten no task
        (TimedOut("b", "did not answer"), TimedOut, "b: did not answer"),
    ],
)
def test_others_are_up_that_say_so(peers: Peers, answer: Any, kind: Any, message: str) -> None:
    peers.answers["GET / b"] = answer

    if kind is None:
        ping(group())
    else:
        with pytest.raises(kind) as failed:
            ping(group())
        assert type(failed.value) is kind
        assert failed.value.message == message
        if isinstance(answer, Reply):
            assert failed.value.status == answer.status

    assert [(call.method, call.path) for call in peers.asked] == [("GET", "/")] * 2


# --- the time all have ---------------------------------------------------------------------------


def test_the_time_in_common_is_what_is_free_at_all(peers: Peers) -> None:
    taken(100, 200)
    peers.answers["GET runtimes b"] = ranges((0, 400))
    peers.answers["GET runtimes c"] = ranges((30, 90), (240, 600))

    found = common_time(group(), SPAN, NOON)

    assert found == [Range(at(30), at(90)), Range(at(240), at(400))]
    assert [call.args for call in peers.asked] == [
        {"start": "2026-11-23T12:00:00Z", "end": "2026-11-23T12:10:00Z"}
    ] * 2


@pytest.mark.parametrize(
    ("document", "rounds"),
    [
        ({}, [None]),
        ({"priority": 5}, [None, "5"]),
        ({"priority": 0}, [None, "0"]),
    ],
)
def test_where_nothing_is_free_what_may_be_displaced_is_looked_at(
    peers: Peers, document: dict[str, Any], rounds: list[str | None]
) -> None:
    peers.answers["GET runtimes b"] = []

    assert common_time(group(shared(document=document)), SPAN, NOON) == []

    assert [call.args.get("priority") for call in peers.asked[::2]] == rounds
    assert [call.args.get("api") for call in peers.asked[::2]] == [None, "4"][: len(rounds)]


def test_time_that_may_be_displaced_at_all_is_time_in_common(
    peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    priority = admission.priority
    monkeypatch.setattr(admission, "priority", lambda *told: (asked.append(told), priority(*told))[1])
    taken(60, 600, document={**exclusive_task().document, "priority": 3})
    wanting = shared(document={"priority": 5})

    assert common_time(group(wanting), Range(at(60), at(600)), NOON) == [Range(at(60), at(600))]
    assert asked == [(wanting, at(60), NOON)]


@pytest.mark.parametrize(
    "answer",
    [[{}], [{"lower": at(0).isoformat()}], [5], 5, None, [{"lower": "x", "upper": at(0).isoformat()}]],
)
def test_free_time_in_another_form_is_none(peers: Peers, answer: Any) -> None:
    peers.answers["GET runtimes b"] = Reply("b", 200, json.dumps(answer))

    with pytest.raises(Refused) as failed:
        common_time(group(), SPAN, NOON)

    assert failed.value.message == "b: listed its free time in an unexpected form"
    assert failed.value.status == 200


def test_time_here_is_free_that_nobody_has_or_that_may_be_displaced() -> None:
    taken(100, 200, document={**exclusive_task().document, "priority": 3})

    free = [Range(at(0), at(100)), Range(at(200), at(600))]
    assert own_time(shared(), SPAN, NOON) == free
    assert own_time(shared(), SPAN, NOON, 3) == free
    assert own_time(shared(), SPAN, NOON, 4) == [SPAN]
    assert own_time(shared(scheduling_class="background"), SPAN, NOON) == [SPAN]


def test_a_start_is_chosen_in_the_time_in_common(peers: Peers) -> None:
    peers.answers["GET runtimes b"] = ranges((50, 200))
    one = shared(schedule=Schedule(start=at(20), slip=seconds(300), max_runs=1))

    assert free_of_choice(group(one), at(20), NOON) == at(50)
    peers.answers["GET runtimes b"] = []
    assert free_of_choice(group(one), at(20), NOON) is None


# --- one agreement -------------------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(queues, "announce_at", lambda queue, some: found.extend(one.run for one, _ in some))
    return found


def stored(start: float = 60) -> Task:
    one = shared().replanned(NOON)
    commit(Booking(None, one, []), NOON)
    return one


def reached(one: Task, start: float = 60, now: dt.datetime = NOON) -> Any:
    return Agreement(PeerGroup(one, Deadline(25.0)), at(start), now).reach()


def test_a_run_is_booked_by_all_and_everybody_is_told_everybodys_data(
    peers: Peers, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "_noted", {})
    one = stored()

    placed = reached(one)

    (agreed,) = placed.runs
    full = [agreed.documents.participant_data, {"b": 1}, {"c": 1}]
    assert agreed == run_table.get(NODE, one.uuid, agreed.uuid)
    assert (agreed.state, agreed.awaiting, agreed.dispatched) == (State.PENDING, False, True)
    assert agreed.documents.participant_data_full == full
    assert sent == [agreed.uuid]
    path = f"/tasks/{one.uuid}/runs/{agreed.uuid}"
    body = {"start-time": "2026-11-23T12:01:00+00:00"}
    told = {"part-data-full": full}
    assert [(call.method, call.host, call.body) for call in peers.asked] == [
        *(("PUT", host, body) for host in "bc"),
        *(("GET", host, None) for host in "bc"),
        *(("PUT", host, told) for host in "bc"),
    ]
    assert {call.path for call in peers.asked} == {path}
    assert {tuple(call.args.items()) for call in peers.asked} == {(("key", "k"),)}
    assert [call.timeout for call in peers.asked] == [25, 25, 10, 10, 25, 25]
    after = task_table.get(NODE, one.uuid)
    assert (after.progress.runs, after.plan_at) == (1, one.plan_at)
    assert placed.task.progress == after.progress
    assert len(timeline.read_entries(NODE, at(60), at(120))) == 1
    assert node_table.read(NODE, heartbeats.LAST_SCHEDULED) is not None


FAR = 3600


def test_a_run_that_is_far_ahead_is_left_to_the_tick(peers: Peers, sent: list[str]) -> None:
    (agreed,) = reached(stored(), FAR).runs

    assert (agreed.dispatched, sent) == (False, [])


def undone(one: Task) -> list[OutboxRequest]:
    """What others are told to forget; nothing is left here."""
    assert list(run_table.in_order(NODE, one.uuid)) == []
    assert timeline.read_entries(NODE, at(60), at(120)) == []
    assert task_table.get(NODE, one.uuid).progress.runs == 0
    return [outbox_table.get(NODE, uuid) for uuid in due.outbox_requests(NODE, at(3600))]


@pytest.mark.parametrize(
    ("what", "answer", "kind", "told"),
    [
        ("PUT runs b", Reply("b", 409, "Taken"), PeerConflict, ["c"]),
        ("PUT runs c", Reply("c", 409, "Taken"), PeerConflict, ["b"]),
        ("PUT runs b", Reply("b", 500, "x"), Refused, ["c"]),
        ("PUT runs b", TimedOut("b", "did not answer"), TimedOut, ["b", "c"]),  # it may have heard
        ("GET runs b", Reply("b", 500, "x"), Refused, ["b", "c"]),
        ("GET runs b", [], Refused, ["b", "c"]),
        ("GET runs b", {"state": "nonstart", "errors": "Not on a Sunday"}, Refused, ["b", "c"]),
    ],
)
def test_whatever_goes_wrong_leaves_nothing_of_a_run(
    peers: Peers, what: str, answer: Any, kind: type[PeerError], told: list[str]
) -> None:
    one = stored()
    peers.answers[what] = answer

    with pytest.raises(kind) as failed:
        reached(one)

    assert type(failed.value) is kind
    requests = undone(one)
    assert sorted(each.host for each in requests) == told
    assert all("/runs/" in each.path and each.method == "DELETE" for each in requests)


def test_that_the_time_is_taken_is_told_before_any_other_trouble(peers: Peers) -> None:
    one = stored()
    peers.answers |= {"PUT runs b": TimedOut("b", "did not answer"), "PUT runs c": Reply("c", 409, "Taken")}

    with pytest.raises(PeerConflict):
        reached(one)

    assert [each.host for each in undone(one)] == ["b"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([], "b: described its run in an unexpected form"),
        ({"state": "nonstart", "errors": "Not on a Sunday"}, "b: refused the run: Not on a Sunday"),
        (
            {"state": "nonstart", "errors": "Not\n on a" + " Sunday" * 10**6},
            "b: refused the run: Not on a" + " Sunday" * 70,
        ),
        ({"state": "nonstart", "errors": ["No"]}, 'b: refused the run: ["No"]'),
        (
            {"participant-data": {"port": "9" * 70_000}},
            "b: what it has to tell of the run takes up 70018 characters; at most 65536 are kept",
        ),
    ],
)
def test_what_a_participant_makes_of_a_run_is_told(peers: Peers, answer: Any, message: str) -> None:
    peers.answers["GET runs b"] = answer

    with pytest.raises(Refused) as failed:
        reached(stored())

    assert (failed.value.message, failed.value.status) == (message, 200)


@pytest.mark.parametrize(("spent", "is_late"), [(59, False), (60, True), (61, True)])
def test_an_agreement_that_comes_after_the_start_is_none(
    peers: Peers, monkeypatch: pytest.MonkeyPatch, spent: float, is_late: bool
) -> None:
    one, count = stored(), [0.0]
    monkeypatch.setattr(Deadline, "spent", property(lambda deadline: count[0]))

    def told(calls: Sequence[Call]) -> list[Any]:
        if calls[0].body and "part-data-full" in calls[0].body:
            count[0] = spent
        return real(calls)

    real = peers.ask
    monkeypatch.setattr(peers, "ask", told)

    if is_late:
        with pytest.raises(Conflict) as failed:
            reached(one)
        assert failed.value.message == "The participants agreed only after the run was to start"
        assert len(undone(one)) == 2
    else:
        assert reached(one).runs[0].state is State.PENDING


def test_what_the_limits_here_refuse_nobody_else_is_asked_about(
    peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = RunRuling(False, "No", None, "Not on a Sunday")
    monkeypatch.setattr(reservation.admission, "judge_run", lambda *_: refused)

    (one,) = reached(stored()).runs

    assert (one.state, peers.asked) == (State.NONSTART, [])
    assert timeline.read_entries(NODE, at(60), at(120)) == []

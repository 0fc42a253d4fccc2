"""What the lead of a run asks the others once it is over."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.domain.errors import PeerError, TimedOut, Unreachable
from chalicelib.domain.names import NodeName
from chalicelib.domain.run_states import State
from chalicelib.infrastructure import peer_http
from chalicelib.infrastructure.peer_http import Call, Reply
from chalicelib.service.coordination import collection
from chalicelib.service.node import registration
from chalicelib.store import run_items
from tests.builders import NODE, NOON, at, run, seconds, task
from tests.service.machines import FakeMachine

pytestmark = pytest.mark.usefixtures("empty_aws")  # which of them are registered here is looked up

OWN = {"succeeded": True, "result": "ours"}
SHARED = task(participants=("here", "there", "elsewhere"))


class Saying:
    """Peers that say one thing after the other, the last for good."""

    def __init__(self, **said: Sequence[Any]):
        self.said = {host: list(answers) for host, answers in said.items()}
        self.asked: list[Call] = []

    def ask(self, calls: Sequence[Call]) -> list[Reply | PeerError]:
        self.asked += calls
        return [self._next(call.host) for call in calls]

    def _next(self, host: str) -> Reply | PeerError:
        answers = self.said[host]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer if isinstance(answer, PeerError) else Reply(host, *answer)


def document(state: str, result: Any = None) -> tuple[int, str]:
    return 200, json.dumps({"state": state, "result": result})


@contextmanager
def saying(**said: Sequence[Any]) -> Iterator[Saying]:
    network = Saying(**said)
    with peer_http.use(network):
        yield network


def collected(seconds: float = 30) -> collection.Collected:
    return collection.results(SHARED, run(SHARED), OWN, FakeMachine(NOON))


def test_results_come_in_the_order_of_the_participants() -> None:
    with saying(there=[document("finished", 1)], elsewhere=[document("failed", {"error": "x"})]) as net:
        found = collected()

    assert found == collection.Collected([OWN, 1, {"error": "x"}], [])
    assert [call.args["wait-local"] for call in net.asked] == ["True", "True"]
    assert all(13 <= int(call.args["wait"]) <= 15 for call in net.asked)
    assert all(call.timeout == pytest.approx(int(call.args["wait"]) + 0.5) for call in net.asked)
    assert all("key" not in call.args for call in net.asked)


def test_a_result_that_is_late_or_a_peer_that_comes_back_is_waited_for() -> None:
    with saying(
        there=[document("running"), document("finished", "theirs")],
        elsewhere=[Unreachable("elsewhere", "is starting"), document("finished", "theirs too")],
    ) as net:
        found = collected()

    assert found == collection.Collected([OWN, "theirs", "theirs too"], [])
    assert len(net.asked) == 4


def test_one_that_is_being_started_again_behind_a_proxy_is_waited_for() -> None:
    with saying(there=[document("finished", 1)], elsewhere=[(502, "x"), (503, "x"), document("finished", 2)]):
        found = collected()

    assert found == collection.Collected([OWN, 1, 2], [])


def test_who_has_a_result_is_not_asked_again() -> None:
    late = [document("running"), document("finished", 2)]
    with saying(there=[document("finished", 1)], elsewhere=late) as net:
        collected()

    assert [call.host for call in net.asked] == ["there", "elsewhere", "elsewhere"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((404, "none such"), "answered with status 404: none such"),
        (document("missed"), "there has no result of its own; its run is missed"),
        (document("x" * 10**6), f"there has no result of its own; its run is {'x' * 500}"),
        ((200, "[]"), "described its run in an unexpected form"),
        ((200, "what?"), "other than JSON"),
    ],
)
def test_what_will_never_come_is_not_waited_for_and_named(answer: Any, why: str) -> None:
    with saying(there=[answer], elsewhere=[document("finished", 2)]) as net:
        found = collected()

    assert found.results == [OWN, None, 2]
    assert why in found.errors[0]
    assert len(found.errors[0]) < 600
    assert len(net.asked) == 2


def test_the_wait_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "RESULTS", 1.2)
    with saying(there=[TimedOut("there", "did not answer")], elsewhere=[document("running")]):
        found = collected()

    assert found.results == [OWN, None, None]
    assert found.errors == [
        "there: did not answer",
        "elsewhere has no result of its own; its run is running",
    ]


def test_every_participants_clock_is_shown_or_why_it_is_not() -> None:
    with saying(there=[(200, '{"synchronized": true}')], elsewhere=[(503, "")]):
        own, there, elsewhere = collection.clocks(SHARED, FakeMachine(NOON))

    assert own == FakeMachine(NOON).clock_state()
    assert there == {"synchronized": True}
    assert elsewhere == {"error": "elsewhere: answered with status 503"}


# --- those of agents, which may be away ----------------------------------------------------------

AMS, BRU = NodeName("ams.example"), NodeName("bru.example")


@pytest.mark.parametrize(
    ("places", "is_late"),
    [(("here", "here"), False), (("agent", "here"), True), (("here", "agent"), True)],
)
def test_results_are_merged_late_where_a_tool_is_at_an_agent(places: tuple[str, str], is_late: bool) -> None:
    for name, where in zip((AMS, BRU), places, strict=True):
        registration.add(name, where, NOON)
    one = task(node=AMS, participants=(AMS, BRU), duration=seconds(60))
    over = run(one)

    found = [collection.latest(one, over, at(now)) for now in (60, 60 + 900, 60 + 901)]

    assert found == ([at(960 + 60), at(960 + 60), at(961 + 60)] if is_late else [None] * 3)


@pytest.mark.parametrize(
    ("state", "result", "now", "is_awaited"),
    [
        (State.PENDING, None, 0, True),
        (State.RUNNING, None, 959, True),
        (State.RUNNING, None, 960, False),  # it was waited for long enough
        (State.RUNNING, {}, 0, False),  # it is there
        (State.MISSED, None, 0, False),
        (None, None, 0, False),  # it is gone
    ],
)
def test_a_result_is_awaited_of_an_agent_that_works_on_it(
    state: State | None, result: Any, now: float, is_awaited: bool
) -> None:
    registration.add(AMS, "here", NOON)
    registration.add(BRU, "agent", NOON)
    one = task(node=AMS, participants=(AMS, BRU), duration=seconds(60))
    theirs = run(one.evolve(node=BRU), state=state or State.RUNNING).with_documents(result=result)
    if state:
        run_items.to_item(theirs).save()

    assert collection.awaited(one, theirs, at(now)) is is_awaited


def test_nobody_is_awaited_whose_tools_are_here() -> None:
    registration.add(AMS, "here", NOON)
    registration.add(BRU, "here", NOON)
    one = task(node=AMS, participants=(AMS, BRU))
    theirs = run(one.evolve(node=BRU), state=State.RUNNING)
    run_items.to_item(theirs).save()

    assert not collection.awaited(one, theirs, NOON)
    assert not collection.awaited(task(node=NODE), run(task()), NOON)

"""Talking to other participants: what is asked of them, for how long, and what their answers mean."""

import json
import types
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chalicelib.domain.errors import PeerBusy, PeerConflict, PeerError, PeerForgot, Refused, TimedOut
from chalicelib.infrastructure import peer_http
from chalicelib.infrastructure.peer_http import Call, Reply
from chalicelib.service.peers import peer_client
from chalicelib.service.peers.peer_client import Deadline, PeerGroup, ask_hosts, ask_tools, replies, settled
from tests.builders import task


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the time is."""
    now = [1000.0]
    monkeypatch.setattr(peer_client, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    return now


class Peers:
    """Nodes that answer with what they are told to, by their host, or else with a 200."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[Call] = []

    def ask(self, calls: Sequence[Call]) -> list[Reply | PeerError]:
        self.asked += calls
        return [self.answers.get(call.host, Reply(call.host, 200, "{}")) for call in calls]


@pytest.fixture
def peers() -> Iterator[Peers]:
    found = Peers()
    with peer_http.use(found):
        yield found


def test_a_deadline_is_reckoned_from_when_it_was_made(clock: list[float]) -> None:
    deadline = Deadline(10.0)

    clock[0] += 4

    assert (deadline.left, deadline.spent) == (6.0, 4.0)
    assert (deadline.most(5.0), deadline.most(7.0)) == (5.0, 6.0)
    clock[0] += 5.8
    assert deadline.most(7.0) == 0.5  # never so few that nothing could come of it
    clock[0] += 1
    assert (deadline.left, deadline.most(7.0)) == (pytest.approx(-0.8), 0.5)


SHARED = task(
    participants=("a", "b", "c"),
    participant_key="k",
    document={**task().document, "lead-bind": "192.0.2.9"},
)


def test_others_are_asked_about_the_task_from_where_it_says_within_the_budget(
    clock: list[float], peers: Peers
) -> None:
    group = PeerGroup(SHARED, Deadline(12.0))

    outcomes = group.ask("PUT", "/runs/x", args={"a": "b"}, body=[1], timeout=30.0)

    path = f"/tasks/{SHARED.uuid}/runs/x"
    assert peers.asked == [Call("PUT", host, path, {"a": "b"}, [1], 12.0, "192.0.2.9") for host in ("b", "c")]
    assert list(outcomes) == [1, 2]
    clock[0] += 1
    assert group.call(2, "GET").timeout == 10.0
    assert group.call(1, "GET", path="/clock") == Call("GET", "b", "/clock", timeout=10.0, bind="192.0.2.9")


def test_the_key_of_a_task_is_an_argument_where_there_is_one(clock: list[float]) -> None:
    assert PeerGroup(SHARED, Deadline(1)).key == {"key": "k"}
    assert PeerGroup(task(), Deadline(1)).key == {}


@pytest.mark.parametrize(
    ("status", "text", "kind", "message"),
    [
        (409, "Taken", PeerConflict, "b: answered with status 409: Taken"),
        (404, "", PeerForgot, "b: answered with status 404"),
        (410, " \n", PeerForgot, "b: answered with status 410"),
        (403, "Not\n on  a Sunday", Refused, "b: answered with status 403: Not on a Sunday"),
        (201, "", Refused, "b: answered with status 201"),
        (500, "x" * 600, Refused, f"b: answered with status 500: {'x' * 500}"),
    ],
)
def test_a_refusal_is_the_trouble_it_is(status: int, text: str, kind: type[Refused], message: str) -> None:
    found = settled(Reply("b", status, text))

    assert type(found) is kind
    assert (found.host, found.status, found.message) == ("b", status, message)  # type: ignore[union-attr]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_one_that_cannot_answer_now_has_refused_nothing(status: int) -> None:
    found = settled(Reply("b", status, "Try again."))

    assert isinstance(found, PeerBusy)
    assert found.message == f"b: answered with status {status}: Try again."


def test_any_other_outcome_is_as_it_was() -> None:
    for one in (Reply("b", 200, ""), TimedOut("b", "did not answer")):
        assert settled(one) is one


def test_of_several_troubles_the_first_is_raised() -> None:
    good, first, second = Reply("a", 200, ""), TimedOut("b", "did not answer"), Refused("c", "No", 403)

    assert peer_client.errors({0: good, 1: first, 2: second}) == [first, second]
    with pytest.raises(TimedOut):
        replies({0: good, 1: first, 2: second})
    assert replies({0: good}) == {0: good}


def test_hosts_are_asked_the_same(peers: Peers) -> None:
    found = ask_hosts(["a", "b"], "/api", "192.0.2.9", 3.0)

    assert peers.asked == [Call("GET", host, "/api", timeout=3.0, bind="192.0.2.9") for host in "ab"]
    assert found == [Reply(host, 200, "{}") for host in "ab"]
    peers.answers["b"] = Reply("b", 409, "")
    with pytest.raises(PeerConflict):
        ask_hosts(["a", "b"], "/api", None, 3.0)


def test_hosts_are_asked_for_their_tools_each_in_its_own_level(peers: Peers) -> None:
    test = {"type": "idle", "spec": {}}
    peers.answers["b"] = Reply("b", 200, "[5]")

    found = ask_tools({"a": 6, "b": 4}, test, "192.0.2.9", 3.0)

    assert found == {"a": {}, "b": [5]}
    assert peers.asked == [
        Call("GET", host, "/tools", {"test": json.dumps(test), "api": level}, None, 3.0, "192.0.2.9")
        for host, level in (("a", "6"), ("b", "4"))
    ]
    peers.answers["b"] = Reply("b", 500, "")
    with pytest.raises(Refused, match="b: answered with status 500"):
        ask_tools({"a": 6, "b": 4}, test, None, 3.0)

"""Inviting others: what is asked of them first, what they are told, and what is undone where one refuses."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chalicelib.domain.errors import PeerError, Refused
from chalicelib.domain.outbox_request import OutboxRequest
from chalicelib.domain.task import Task
from chalicelib.domain.tool_choice import Offer
from chalicelib.infrastructure import peer_http
from chalicelib.infrastructure.peer_http import Call, Reply
from chalicelib.service.coordination import invitation
from chalicelib.service.coordination.planner import TASK_LEASE
from chalicelib.service.peers import outbox
from chalicelib.service.peers.peer_client import Deadline
from chalicelib.store import outbox_table, task_table
from tests import due
from tests.builders import NODE, NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("no_time_passes")
TEST = {"type": "idle", "spec": {"duration": "PT2S"}, "more": 1}


class Peers:
    """Nodes that answer with what they are told to, by the first part of the path, and the host."""

    def __init__(self, **answers: Any):
        self.answers = answers
        self.asked: list[Call] = []

    def ask(self, calls: Sequence[Call]) -> list[Reply | PeerError]:
        self.asked += calls
        return [self._answer(call) for call in calls]

    def _answer(self, call: Call) -> Reply | PeerError:
        name = call.path.split("/")[1]
        found = self.answers.get(f"{name}_{call.host}", self.answers.get(name, {}))
        return found if isinstance(found, Reply) else Reply(call.host, 200, json.dumps(found))


@pytest.fixture
def peers() -> Iterator[Peers]:
    found = Peers()
    with peer_http.use(found):
        yield found


def entry(name: str, can_run: bool, *reasons: Any) -> dict[str, Any]:
    why = {"reasons": list(reasons)} if reasons else {}
    return {"tool": {"name": name, "version": "1"}, "can-run": {"can-run": can_run, **why}}


# --- what their tools are ------------------------------------------------------------------------


def test_hosts_are_asked_for_their_level_and_then_for_their_tools_in_it(peers: Peers) -> None:
    peers.answers = {"api_b": 5, "api_c": 6, "tools_b": [{"name": "snooze"}]}
    peers.answers["tools_c"] = [entry("sleep", False, "No bed"), entry("snooze", True), entry("x", False)]

    found = invitation.offers(["b", "c"], TEST, "192.0.2.9", Deadline(12.0))

    assert found == [
        [Offer("snooze")],
        [Offer("sleep", ["No bed"]), Offer("snooze", []), Offer("x", ["It does not say why"])],
    ]
    assert [(call.path, call.host, call.bind) for call in peers.asked] == [
        (path, host, "192.0.2.9") for path in ("/api", "/tools") for host in "bc"
    ]
    assert [call.args["api"] for call in peers.asked[2:]] == ["5", "6"]
    assert json.loads(peers.asked[2].args["test"]) == {"type": "idle", "spec": {"duration": "PT2S"}}
    assert [call.timeout for call in peers.asked] == [10, 10, 12, 12]  # or what is left


def test_a_host_of_a_later_level_is_asked_in_the_latest_that_is_known_here(peers: Peers) -> None:
    peers.answers = {
        "api_b": 99,
        "tools_b": [entry("snooze", False, {"seats": 0}), entry("sleep", False, "a\nb")],
    }

    found = invitation.offers(["b"], TEST, None, Deadline(5.0))

    assert peers.asked[1].args["api"] == "6"
    assert found == [[Offer("snooze", ['{"seats": 0}']), Offer("sleep", ["a b"])]]


def test_nobody_is_asked_where_there_is_nobody_else(peers: Peers) -> None:
    assert invitation.offers([], TEST, None, Deadline(5.0)) == []
    assert peers.asked == []


@pytest.mark.parametrize("level", [True, "6", None, 6.0, {}])
def test_what_has_no_level_does_not_run_pscheduler(peers: Peers, level: Any) -> None:
    peers.answers = {"api": level}

    with pytest.raises(Refused) as failed:
        invitation.offers(["b"], TEST, None, Deadline(5.0))

    assert (failed.value.message, failed.value.status) == ("b: is not running pScheduler", 200)


@pytest.mark.parametrize(
    ("level", "tools"),
    [
        (5, [{}]),
        (5, ["snooze"]),
        (5, 7),
        (6, [{"name": "snooze"}]),
        (6, [{"tool": {"name": "snooze"}}]),
        (6, [{"tool": {}, "can-run": {"can-run": True}}]),
        (6, [{"tool": {"name": "snooze"}, "can-run": {}}]),
        (5, [{"name": None}]),
        (6, [{"tool": {"name": ["snooze"]}, "can-run": {"can-run": True}}]),
        (6, [{"tool": {"name": None}, "can-run": {"can-run": True}}]),
    ],
)
def test_tools_in_another_form_are_none(peers: Peers, level: int, tools: Any) -> None:
    peers.answers = {"api": level, "tools": tools}

    with pytest.raises(Refused) as failed:
        invitation.offers(["b"], TEST, None, Deadline(5.0))

    assert (failed.value.message, failed.value.status) == ("b: listed its tools in an unexpected form", 200)


@pytest.mark.parametrize(
    ("reasons", "told"),
    [("no", ["no"]), (7, ["7"]), ([{"no": 1}], ['{"no": 1}']), (["x" * 9999] * 99, ["x" * 500] * 20)],
)
def test_reasons_in_whatever_form_are_passed_on_as_sentences(
    peers: Peers, reasons: Any, told: list[str]
) -> None:
    declined = {"tool": {"name": "snooze"}, "can-run": {"can-run": False, "reasons": reasons}}
    peers.answers = {"api": 6, "tools": [declined]}

    assert invitation.offers(["b"], TEST, None, Deadline(5.0)) == [[Offer("snooze", told)]]


# --- keys ----------------------------------------------------------------------------------------


def test_a_key_that_is_made_up_is_48_letters_and_digits_and_looks_like_it() -> None:
    one, other = invitation.new_key(), invitation.new_key()

    assert one != other
    assert len(one) == 48
    assert one.isalnum()
    assert invitation.looks_made_up(one)


@pytest.mark.parametrize(
    ("key", "is_made_up"),
    [
        (None, False),
        ("", False),
        ("a" * 31, False),
        ("a" * 32, True),
        ("Z9" * 32, True),
        ("a" * 65, False),
        ("a" * 32 + "-", False),
    ],
)
def test_a_key_looks_made_up_by_its_length_and_letters(key: str | None, is_made_up: bool) -> None:
    assert invitation.looks_made_up(key) is is_made_up


# --- what they are told --------------------------------------------------------------------------


@pytest.mark.parametrize(("schema", "told"), [(None, None), (1, 1), (4, 4), (5, 4), (6, 4)])
def test_others_are_told_the_task_in_a_schema_they_know(schema: int | None, told: int | None) -> None:
    document = {"keep-after-archive": "PT1H", "test": TEST, **({"schema": schema} if schema else {})}
    one = task(document=document, participants=("a", "b"), participant_key="k")

    assert invitation.invitation(one) == {
        "test": TEST,
        "participants": ["a", "b"],
        "_key": "k",
        **({"schema": told} if told else {}),
    }


# --- inviting ------------------------------------------------------------------------------------


def shared(**document: Any) -> Task:
    return task(
        participants=("a", "b", "c"),
        participant_key="k",
        cli=[],
        document={**task().document, **document},
    )


@pytest.mark.usefixtures("empty_aws")
@pytest.mark.parametrize(("document", "is_made_up"), [({}, "yes"), ({"_key": "k"}, "no")])
def test_all_are_told_and_the_task_is_enabled_then(
    peers: Peers, document: dict[str, Any], is_made_up: str
) -> None:
    one = shared(**document)

    invited = invitation.invite(one, NOON, Deadline(25.0))

    path = f"/tasks/{one.uuid}"
    told = invitation.invitation(one)
    posts, looks = peers.asked[:2], peers.asked[2:]
    assert [(call.method, call.host, call.path, call.body) for call in posts] == [
        ("POST", host, path, told) for host in "bc"
    ]
    assert [call.args for call in posts] == [
        {"participant": number, "key-is-made-up": is_made_up} for number in ("1", "2")
    ]
    assert [call.timeout for call in posts] == [15, 15]
    assert [(call.method, call.host, call.path, call.args) for call in looks] == [
        ("GET", host, path, {"detail": "True"}) for host in "bc"
    ]
    assert task_table.get(NODE, one.uuid) == invited
    assert (invited.enabled, invited.plan_at) == (True, NOON + TASK_LEASE)
    assert outbox_table.length(NODE) == 0


@pytest.mark.usefixtures("empty_aws")
@pytest.mark.parametrize("step", ["POST", "GET"])
def test_where_one_refuses_nothing_is_left_and_all_are_told_at_once(
    peers: Peers, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    one = shared()
    kept: list[OutboxRequest] = []
    hurried: list[Any] = []
    hurry = outbox.hurry

    def refuse(call: Call) -> Reply:
        if not kept:
            kept.extend(outbox_table.get(NODE, uuid) for uuid in due.outbox_requests(NODE, at(3600)))
        return Reply(call.host, 403 if call.host == "c" and call.method == step else 200, "No")

    def begin(requests: Sequence[OutboxRequest], now: Any) -> None:
        hurried.append(now)
        hurry(requests, now)

    monkeypatch.setattr(peers, "_answer", refuse)
    monkeypatch.setattr(outbox, "hurry", begin)

    with pytest.raises(Refused, match="c: answered with status 403: No"):
        invitation.invite(one, NOON, Deadline(25.0))

    assert list(task_table.every(NODE)) == []
    assert [each.next_attempt for each in kept] == [NOON + seconds(120)] * 2  # should this process die
    left = [outbox_table.get(NODE, uuid) for uuid in due.outbox_requests(NODE, NOON)]
    assert sorted(each.host for each in left) == ["b", "c"]
    assert {(each.method, each.path, each.next_attempt) for each in left} == {
        ("DELETE", f"/tasks/{one.uuid}", NOON)
    }
    assert hurried == [NOON]

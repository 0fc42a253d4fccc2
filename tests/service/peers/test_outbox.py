"""Outbox requests are made until they have been heard, or all they are about is forgotten."""

from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.domain.errors import NotFound, PeerError, Unreachable
from chalicelib.domain.messages import AttemptOutboxRequest
from chalicelib.domain.outbox_request import OutboxRequest, withdrawal
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN
from chalicelib.infrastructure import queues
from chalicelib.infrastructure.peer_http import Call, Reply
from chalicelib.service.peers import outbox
from chalicelib.store import outbox_table
from tests.builders import NODE, NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")


class Peers:
    """Other nodes, which answer what they are told to, and keep what they were asked."""

    def __init__(self) -> None:
        self.answer: Reply | PeerError = Reply("b", 200, "")
        self.asked: list[Call] = []

    def ask(self, calls: Sequence[Call]) -> list[Reply | PeerError]:
        self.asked += calls
        return [self.answer for _ in calls]


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> Peers:
    made = Peers()
    monkeypatch.setattr(outbox, "network", lambda: made)
    return made


@pytest.fixture
def kept() -> OutboxRequest:
    document = {**task().document, "lead-bind": "192.0.2.9"}
    shared = task(participants=("a", "b"), participant_key="k", document=document)
    made = withdrawal(shared, "b", NOON)
    outbox_table.add([made])
    return made


def left(one: OutboxRequest) -> OutboxRequest | None:
    try:
        return outbox_table.get(NODE, one.uuid)
    except NotFound:
        return None


def test_a_request_is_made_as_it_is_kept_and_forgotten_once_heard(kept: OutboxRequest, peers: Peers) -> None:
    outbox.attempt(NODE, kept.uuid, NOON)

    assert peers.asked == [Call("DELETE", "b", kept.path, {"key": "k"}, None, 5.0, "192.0.2.9")]
    assert left(kept) is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Unreachable("b", "cannot be reached"), "b: cannot be reached"),
        (Reply("b", 500, "x" * 300), f"b answered with status 500: {'x' * 200}"),
        (Reply("b", 404, "no"), "b answered with status 404: no"),  # it may be still to come there
    ],
)
def test_one_that_was_not_heard_is_made_again_five_minutes_later(
    kept: OutboxRequest, peers: Peers, answer: Reply | PeerError, error: str
) -> None:
    peers.answer = answer

    outbox.attempt(NODE, kept.uuid, NOON)
    outbox.attempt(NODE, kept.uuid, at(299))

    found = left(kept)
    assert found is not None
    assert (found.attempts, found.error, found.next_attempt) == (1, error, at(300))
    assert len(peers.asked) == 1
    outbox.attempt(NODE, kept.uuid, at(300))
    assert len(peers.asked) == 2


def test_one_that_is_about_nothing_any_more_is_not_made(kept: OutboxRequest, peers: Peers) -> None:
    outbox.attempt(NODE, kept.uuid, NOON + KEEP_AFTER_LAST_RUN)

    assert (left(kept), peers.asked) == (None, [])


def test_one_that_is_gone_is_not_made(peers: Peers, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        outbox.attempt(NODE, "none", NOON)

    assert peers.asked == []
    assert caplog.messages == ["No outbox request to run: There is no outbox request none"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The messages sent, each with its queue and its delay."""
    made: list[Any] = []
    monkeypatch.setattr(queues, "send_many", lambda queue, some: made.extend((queue, *one) for one in some))
    return made


def test_what_is_due_is_announced_by_the_tick(kept: OutboxRequest, sent: list[Any]) -> None:
    assert outbox.tick(at(-1)) == 0
    assert outbox.tick(NOON) == 1

    assert sent == [(queues.PEERS, AttemptOutboxRequest(NODE, kept.uuid), seconds(0))]


def test_what_was_kept_for_later_is_made_now(sent: list[Any]) -> None:
    shared = task(participants=("a", "b"), participant_key="k")
    later = withdrawal(shared, "b", NOON, wait=seconds(60))

    outbox.hurry([later], at(10))

    found = left(later)
    assert found is not None
    assert (later.next_attempt, found.next_attempt) == (at(60), at(10))
    assert sent == [(queues.PEERS, AttemptOutboxRequest(NODE, later.uuid), seconds(0))]

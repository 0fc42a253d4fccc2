"""Messages as they go through a queue, those of earlier versions among them."""

from typing import Any

import pytest

from chalicelib.domain import messages
from chalicelib.domain.errors import Invalid
from chalicelib.domain.messages import (
    ASKING,
    DELIVERING,
    PERFORMING,
    PLANNING,
    AttemptDelivery,
    AttemptOutboxRequest,
    Kinds,
    Message,
    PerformRun,
    PlanLeased,
    PlanShard,
    PlanTask,
    ProbeParticipants,
)
from chalicelib.domain.names import NodeName
from chalicelib.domain.times import format_timestamp
from tests.builders import NODE, NOON

OTHER = NodeName("other")


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (PLANNING, PlanShard(OTHER, 3)),
        (PLANNING, PlanTask(OTHER, "t")),
        (ASKING, AttemptOutboxRequest(OTHER, "o")),
        (ASKING, ProbeParticipants(OTHER, 1, ("t", "u"))),
        (ASKING, PlanLeased(OTHER, "t", NOON, 2)),
        (PERFORMING, PerformRun(OTHER, "t", "r")),
        (PERFORMING, PerformRun(OTHER, "t", "r", NOON)),
        (DELIVERING, AttemptDelivery(OTHER, "r", 0)),
    ],
)
def test_a_message_is_read_as_it_was_sent(kinds: Kinds, message: Message) -> None:
    assert messages.from_json(kinds, messages.to_json(message), NODE) == message


def test_a_message_is_sent_as_json_that_earlier_versions_read() -> None:
    leased, asked = PlanLeased(OTHER, "t", NOON, 2), ProbeParticipants(OTHER, 1, ("t", "u"))

    assert messages.to_json(leased) == {
        "kind": "PlanLeased",
        "node": "other",
        "task": "t",
        "lease": LEASE,
        "tries": 2,
    }
    assert messages.to_json(asked)["tasks"] == ["t", "u"]
    assert "since" not in messages.to_json(PerformRun(OTHER, "t", "r"))


def test_every_kind_is_carried_by_one_queue() -> None:
    carried = [*PLANNING, *ASKING, *PERFORMING, *DELIVERING]

    assert sorted(carried, key=str) == sorted(Message.__subclasses__(), key=str)


LEASE = format_timestamp(NOON)


@pytest.mark.parametrize(
    ("kinds", "sent", "message"),
    [
        (PLANNING, {"shard": 3}, PlanShard(NODE, 3)),
        (PLANNING, {"task": "t", "node": "other"}, PlanTask(OTHER, "t")),
        (ASKING, {"outbox_request": "o"}, AttemptOutboxRequest(NODE, "o")),
        (ASKING, {"shard": 1, "tasks": ["t"]}, ProbeParticipants(NODE, 1, ("t",))),
        (ASKING, {"task": "t", "lease": LEASE, "tries": 1}, PlanLeased(NODE, "t", NOON, 1)),
        (PERFORMING, {"task": "t", "run": "r"}, PerformRun(NODE, "t", "r")),
        (PERFORMING, {"task": "t", "run": "r", "since": LEASE}, PerformRun(NODE, "t", "r", NOON)),
        (DELIVERING, {"run": "r", "number": 0}, AttemptDelivery(NODE, "r", 0)),
    ],
)
def test_what_an_earlier_version_sent_says_no_kind_and_not_always_whose_it_is(
    kinds: Kinds, sent: dict[str, Any], message: Message
) -> None:
    assert messages.from_json(kinds, sent, NODE) == message


def test_members_of_a_later_version_are_left_out() -> None:
    sent = {"kind": "PlanTask", "node": "other", "task": "t", "urgent": True}

    assert messages.from_json(PLANNING, sent, NODE) == PlanTask(OTHER, "t")


NO_KIND = "must be one of PlanShard, PlanTask, RemoveNode, WorkOffShard, or follow from the members"


@pytest.mark.parametrize(
    ("sent", "pointer", "sentence"),
    [
        ([], "", "must be an object"),
        ("plan", "", "must be an object"),
        ({}, "/kind", NO_KIND),
        ({"kind": "PlanTask"}, "", "missing 1 required positional argument: 'task'"),
        ({"kind": "Dance", "task": "t"}, "/kind", NO_KIND),
        ({"kind": "PerformRun", "task": "t", "run": "r"}, "/kind", NO_KIND),  # not in this queue
        ({"node": "other"}, "/kind", NO_KIND),
    ],
)
def test_what_is_no_message_is_refused(sent: Any, pointer: str, sentence: str) -> None:
    with pytest.raises(Invalid) as refused:
        messages.from_json(PLANNING, sent, NODE)

    assert refused.value.pointer == pointer
    assert refused.value.sentence.endswith(sentence)


def test_a_moment_that_is_not_known_may_be_sent_as_null() -> None:
    sent = {"task": "t", "run": "r", "since": None, "start": LEASE}

    assert messages.from_json(PERFORMING, sent, NODE) == PerformRun(NODE, "t", "r", None, NOON)

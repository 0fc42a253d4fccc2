"""Outbox requests in the store."""

import dataclasses

import pytest

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.names import NodeName
from chalicelib.domain.outbox_request import RETRY, STRAGGLING, OutboxRequest, withdrawal
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN
from chalicelib.store import outbox_table, shards, task_table
from chalicelib.store.transactions import sharing
from tests import due
from tests.builders import NODE, NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture
def outbox_request() -> OutboxRequest:
    document = {**task().document, "lead-bind": "192.0.2.9"}
    shared = task(participants=("a", "b"), participant_key="k", document=document)
    return withdrawal(shared, "b", NOON, run="r")


def test_a_withdrawal_deletes_what_it_is_about_with_the_key(outbox_request: OutboxRequest) -> None:
    outbox_table.add([outbox_request])

    found = outbox_table.get(NODE, outbox_request.uuid)

    assert found == outbox_request
    assert (found.method, found.host, found.args, found.bind) == ("DELETE", "b", {"key": "k"}, "192.0.2.9")
    assert found.path.endswith("/runs/r")


def test_an_outbox_request_is_due_until_it_is_done_and_taken_by_one_alone(
    outbox_request: OutboxRequest,
) -> None:
    outbox_table.add([outbox_request])
    assert due.outbox_requests(NODE, at(-1)) == []
    assert due.outbox_requests(NODE, NOON) == [outbox_request.uuid]

    begun = outbox_table.claim(outbox_request, at(1))

    assert begun == outbox_request.begun(at(1))
    with pytest.raises(Conflict, match=f"Outbox request {outbox_request.uuid} was taken by somebody else"):
        outbox_table.claim(outbox_request, at(1))
    assert due.outbox_requests(NODE, at(300)) == []
    assert due.outbox_requests(NODE, at(1) + RETRY) == [outbox_request.uuid]
    outbox_table.explain(begun, "nobody there")
    assert (
        outbox_table.get(NODE, outbox_request.uuid).attempts,
        outbox_table.get(NODE, outbox_request.uuid).error,
    ) == (
        1,
        "nobody there",
    )
    outbox_table.delete([outbox_request])
    assert due.outbox_requests(NODE, at(1) + RETRY) == []
    with pytest.raises(NotFound, match=f"There is no outbox request {outbox_request.uuid}"):
        outbox_table.get(NODE, outbox_request.uuid)
    with pytest.raises(Conflict, match=f"Outbox request {outbox_request.uuid} is over"):
        outbox_table.explain(begun, "nobody there")


def test_those_never_attempted_are_counted_apart(outbox_request: OutboxRequest) -> None:
    other = withdrawal(task(), "c", NOON)
    outbox_table.add([outbox_request, other])
    outbox_table.claim(outbox_request, NOON)

    assert (outbox_table.backlog(NODE), outbox_table.length(NODE)) == (1, 2)
    assert (outbox_table.backlog(NodeName("another")), outbox_table.length(NodeName("another"))) == (0, 0)


def test_those_never_attempted_are_due_first_and_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "of", lambda uuid: 1)
    tried, late, early = (withdrawal(task(), "b", at(second)) for second in (-9000, 9, 5))
    outbox_table.add([tried, late, early])
    outbox_table.claim(tried, at(-9000))

    def uuids(most: int, shard: int = 1) -> list[str]:
        return [uuid for _, uuid in outbox_table.due(shard, at(10), most)]

    assert uuids(9) == [early.uuid, late.uuid, tried.uuid]
    assert uuids(2) == [early.uuid, late.uuid]
    assert uuids(1) == [early.uuid]
    assert uuids(9, shard=0) == []


def test_an_outbox_request_is_kept_as_long_again_as_what_it_is_about(outbox_request: OutboxRequest) -> None:
    fresh = outbox_table.to_item(dataclasses.replace(outbox_request, added=at(0.5)))
    tried = outbox_table.to_item(dataclasses.replace(outbox_request, attempts=1))

    assert fresh.expires == (at(1) + 2 * KEEP_AFTER_LAST_RUN).timestamp()
    shard = shards.of(outbox_request.uuid)
    assert (fresh.due, tried.due) == (f"#fresh#{shard}", f"#tried#{shard}")


@pytest.mark.parametrize(
    ("status", "after", "done"),
    [
        (200, 0, True),
        (302, 0, True),
        (404, 60, False),  # what was asked for before may still be under way there
        (404, STRAGGLING.total_seconds(), True),
        (410, STRAGGLING.total_seconds(), True),
        (403, STRAGGLING.total_seconds(), False),
        (500, 0, False),
    ],
)
def test_an_answer_ends_an_outbox_request_or_not(
    outbox_request: OutboxRequest, status: int, after: float, done: bool
) -> None:
    assert outbox_request.is_done(status, at(after)) is done


def test_an_outbox_request_is_hopeless_once_all_is_forgotten_anyway(outbox_request: OutboxRequest) -> None:
    assert not outbox_request.is_hopeless(NOON + KEEP_AFTER_LAST_RUN - seconds(1))
    assert outbox_request.is_hopeless(NOON + KEEP_AFTER_LAST_RUN)


def test_a_task_and_its_outbox_requests_are_stored_together_or_not_at_all(
    outbox_request: OutboxRequest,
) -> None:
    one = task(enabled=False)
    sharing.insert(one, NOON, [outbox_request])

    with pytest.raises(Conflict, match=f"There is a task {one.uuid} already"):
        sharing.insert(one, NOON, [withdrawal(one, "d", NOON)])

    assert outbox_table.length(NODE) == 1
    on = sharing.enable(one.evolve(enabled=True).replanned(NOON), NOON, [outbox_request])
    assert (outbox_table.length(NODE), task_table.get(NODE, one.uuid).enabled, on.plan_at) == (0, True, NOON)
    off = task_table.disable(on, NOON, [outbox_request])
    assert (outbox_table.length(NODE), task_table.get(NODE, one.uuid).enabled, off.plan_at) == (
        1,
        False,
        None,
    )
    with pytest.raises(Conflict, match=f"Task {one.uuid} changed meanwhile"):
        task_table.disable(on, NOON, [withdrawal(one, "d", NOON)])
    assert outbox_table.length(NODE) == 1


def test_a_task_is_leased_to_one_planner() -> None:
    one = task().replanned(NOON)
    sharing.insert(one, NOON)

    leased = task_table.lease(one, at(120), NOON)

    assert task_table.get(NODE, one.uuid).plan_at == at(120) == leased.plan_at
    with pytest.raises(Conflict):
        task_table.lease(one, at(130), NOON)

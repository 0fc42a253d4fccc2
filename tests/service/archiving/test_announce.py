"""Deliveries are announced once, in the lane of their destination, and none is lost on the way."""

from typing import Any

import pytest

from chalicelib.domain.delivery import ANNOUNCED, ATTEMPT_TIMEOUT, JUST_STORED, Delivery
from chalicelib.domain.delivery_states import DeliveryState
from chalicelib.domain.messages import AttemptDelivery
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.infrastructure import queues
from chalicelib.service.archiving import announce, attempt
from chalicelib.service.execution import results
from chalicelib.service.node import heartbeats
from chalicelib.service.scheduling.placement import place_next
from chalicelib.store import delivery_table, shards
from chalicelib.store.transactions.booking import New
from plugins.sdk.jobs import Outcome
from tests.builders import NODE, NOON, at, seconds, task
from tests.plugins.everything import ARCHIVERS

pytestmark = pytest.mark.usefixtures("empty_aws")

BIN = {"archiver": "bitbucket", "data": {}}
WEB = {"archiver": "http", "data": {"_url": "http://sink.example/"}}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[AttemptDelivery]:
    """What was announced."""
    found: list[AttemptDelivery] = []

    def send_many(queue: queues.Queue, messages: list[tuple[AttemptDelivery, Any]]) -> None:
        found.extend(message for message, _ in messages)

    monkeypatch.setattr(queues, "send_many", send_many)
    monkeypatch.setattr(queues, "send", lambda queue, message, delay: send_many(queue, [(message, delay)]))
    return found


def ended(*archives: dict[str, Any]) -> tuple[Task, Run]:
    """A run that has come to its result, which is to go to archives."""
    one = task(document={**task().document, "archives": list(archives)})
    run = place_next(one.replanned(NOON), NOON, New()).runs[0]
    over = run.evolve(state=State.RUNNING).evolve(state=State.FINISHED)
    return one, results.record(one, over.with_documents(result_merged={"succeeded": True}), NOON)


def answering(monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> list[Any]:
    """The archiver http answers so; what it was handed."""
    parcels: list[Any] = []

    def deliver(parcel: Any) -> Outcome:
        parcels.append(parcel)
        return outcome

    monkeypatch.setitem(vars(ARCHIVERS["http"]), "deliver", deliver)
    return parcels


def delivery(run: Run, number: int = 0) -> Delivery:
    return delivery_table.get(NODE, run.uuid, number)


def test_a_result_is_announced_with_its_lane_as_it_is_stored(sent: list[AttemptDelivery]) -> None:
    _, run = ended(BIN, WEB, WEB)

    lanes = [message.lane for message in sent]

    assert [(message.run, message.number) for message in sent] == [(run.uuid, n) for n in range(3)]
    assert lanes[1] == lanes[2] != lanes[0]


def test_what_is_due_is_announced_once(sent: list[AttemptDelivery]) -> None:
    ended(*[BIN] * 33)
    sent.clear()

    lost = JUST_STORED.total_seconds()  # as if whoever stored them had ended before they were announced
    counts = [announce.tick(at(when)) for when in (1, 60, lost - 1, lost, lost + 1, lost + 60)]

    assert counts == [0, 0, 0, 33, 0, 0]
    assert len(sent) == 33
    assert delivery_table.count_due(NODE, at(20)) == 33


def test_what_was_announced_and_not_heard_of_is_announced_again(sent: list[AttemptDelivery]) -> None:
    ended(BIN)
    noted = NOON + JUST_STORED
    announce.tick(noted)
    sent.clear()

    assert announce.tick(noted + ANNOUNCED - seconds(1)) == 0
    assert announce.tick(noted + ANNOUNCED) == 1


def test_noting_an_announcement_leaves_whoever_just_began_alone(sent: list[AttemptDelivery]) -> None:
    _, run = ended(BIN)
    (due,) = [each for shard in shards.every() for each in delivery_table.due(shard, NOON + JUST_STORED, 9)]
    read = delivery(run)

    delivery_table.announce(due, at(1))
    begun = delivery_table.change(read.begun(at(1)))
    with pytest.raises(Exception, match="changed meanwhile"):
        delivery_table.announce(due, at(2))

    assert delivery(run) == begun


def test_an_attempt_that_died_is_announced_again_after_its_time(sent: list[AttemptDelivery]) -> None:
    _, run = ended(BIN)
    announce.tick(at(1))
    delivery_table.change(delivery(run).begun(at(1)))
    sent.clear()

    assert announce.tick(at(1) + ATTEMPT_TIMEOUT - seconds(1)) == 0
    assert announce.tick(at(1) + ATTEMPT_TIMEOUT) == 1
    attempt.deliver(NODE, run.uuid, 0, at(1) + ATTEMPT_TIMEOUT)

    assert delivery(run).state is DeliveryState.ARCHIVED
    assert delivery_table.count_due(NODE, at(9999)) == delivery_table.count_upcoming(NODE, at(0)) == 0


def test_each_attempt_carries_the_same_id(
    sent: list[AttemptDelivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    parcels = answering(monkeypatch, Outcome(False, "down", seconds(10)))
    _, run = ended(WEB)

    attempt.deliver(NODE, run.uuid, 0, NOON)
    attempt.deliver(NODE, run.uuid, 0, at(10))

    assert [parcel.delivery for parcel in parcels] == [f"{run.uuid}-0"] * 2
    assert delivery(run).last_error == "down"


def test_without_a_policy_attempts_go_on_until_the_time_to_live_is_over(
    sent: list[AttemptDelivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    parcels = answering(monkeypatch, Outcome(False, "down"))
    _, run = ended({**WEB, "ttl": "PT10M"}, WEB)
    attempt.deliver(NODE, run.uuid, 1, NOON)

    while (upcoming := delivery(run).next_attempt) is not None:
        attempt.deliver(NODE, run.uuid, 0, upcoming)

    assert delivery(run, 1).state is DeliveryState.FAILED  # with neither, one attempt is made
    assert delivery(run).state is DeliveryState.FAILED
    assert 6 <= len(parcels) <= 20
    assert delivery(run).last_attempt is not None
    assert "time to live" in (delivery(run).last_error or "")


def test_a_policy_of_the_archive_is_kept_to(
    sent: list[AttemptDelivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, Outcome(False, "down"))
    policy = {"retry-policy": [{"attempts": 1, "wait": "PT1M"}]}
    _, run = ended({**WEB, "data": {**WEB["data"], **policy}, "ttl": "PT10M"})  # type: ignore[dict-item]

    attempt.deliver(NODE, run.uuid, 0, NOON)

    assert delivery(run).state is DeliveryState.FAILED  # what the archiver made of its policy is the end


def test_a_run_that_is_given_up_is_told_to_archives_that_ask_for_it(sent: list[AttemptDelivery]) -> None:
    asking = {**BIN, "schema": 4, "events": ["missed"]}
    one = task(document={**task().document, "archives": [{**BIN, "schema": 2, "runs": "all"}, asking]})
    run = place_next(one.replanned(NOON), NOON, New()).runs[0]

    missed = results.give_up(one, run, State.MISSED, results.Reason("late", "Too late"), at(5))

    (found,) = delivery_table.of_run(NODE, run.uuid)
    shown = attempt.document(found, one, missed)
    assert found.number == 1
    assert (shown["run"]["state"], shown["result"]) == ("missed", None)
    assert shown["run"]["reason"]["code"] == "late"


def test_announcements_are_of_ten_at_a_time_each_with_its_lane_and_for_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, run = ended(*[BIN] * 12)
    batches: list[Any] = []
    monkeypatch.setattr(queues, "send_many", lambda queue, some: batches.append((queue, list(some))))
    now = NOON + JUST_STORED

    assert sum(announce.announce(shard, now) for shard in shards.every()) == 12

    assert [(queue, len(some)) for queue, some in batches] == [
        (queues.DELIVERIES, 10),
        (queues.DELIVERIES, 2),
    ]
    lane = delivery(run).lane
    assert [message for _, some in batches for message, _ in some] == [
        AttemptDelivery(NODE, run.uuid, number, lane) for number in range(12)
    ]
    assert {delay for _, some in batches for _, delay in some} == {seconds(0)}


@pytest.mark.parametrize(("batches", "announced"), [(0, 0), (1, 10), (2, 12)])
def test_what_there_is_no_time_to_announce_is_due_still(
    sent: list[AttemptDelivery], batches: int, announced: int
) -> None:
    ended(*[BIN] * 12)
    sent.clear()
    now, left = NOON + JUST_STORED, [batches]

    def has_time() -> bool:
        left[0] -= 1
        return left[0] >= 0

    (shard,) = [one for one in shards.every() if delivery_table.due(one, now, 1)]
    assert announce.announce(shard, now, has_time=has_time) == announced

    assert len(sent) == announced
    assert len(delivery_table.due(shard, now, 99)) == 12 - announced


def test_a_tick_that_shares_the_work_leaves_full_shards_to_functions(
    sent: list[AttemptDelivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(*[BIN] * 5)
    sent.clear()
    left: list[Any] = []
    now = NOON + JUST_STORED
    monkeypatch.setattr(announce.shard_work, "most", lambda all_of_it: 3 if all_of_it == 1000 else 0)
    monkeypatch.setattr(announce.shard_work, "leave", lambda what, some: left.append((what, some)))
    (shard,) = [one for one in shards.every() if delivery_table.due(one, now, 1)]

    assert [announce.tick(now), announce.tick(now)] == [3, 2]

    assert left == [("announce", [shard]), ("announce", [])]
    assert heartbeats.describe(NODE, now)["services"]["archiver"]["updates"] == 2


def test_what_is_attempted_as_it_is_announced_is_no_trouble(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, run = ended(BIN)
    now = NOON + JUST_STORED
    due = {shard: list(delivery_table.due(shard, now, 10)) for shard in shards.every()}
    monkeypatch.setattr(delivery_table, "due", lambda shard, *_: due[shard])
    delivery_table.change(delivery(run).begun(now))

    with caplog.at_level("INFO"):
        announce.tick(now)

    assert f"Delivery 0 of run {run.uuid} was attempted at once" in caplog.messages

"""Queues: delays, hiding, long polls, what was received too often, batches, attributes."""

import hashlib
import itertools
import json
import multiprocessing
import pathlib
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.engine import Engine, expiry_sweep, long_poll
from local.engine.sqs.fairness import LOOKED_AT
from tests.engine.conftest import Clock, client


@pytest.fixture
def url(sqs: Any) -> str:
    found: str = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    return found


def send(url: str, body: str = "hello", **more: Any) -> str:
    found: str = client("sqs").send_message(QueueUrl=url, MessageBody=body, **more)["MessageId"]
    return found


def receive(url: str, **more: Any) -> list[dict[str, Any]]:
    answer = client("sqs").receive_message(
        QueueUrl=url, **{"MaxNumberOfMessages": 10, "AttributeNames": ["All"], **more}
    )
    found: list[dict[str, Any]] = answer.get("Messages", [])
    return found


def bodies(url: str) -> list[str]:
    return [message["Body"] for message in receive(url)]


def counts(url: str) -> tuple[int, int, int]:
    """Messages to be taken, delayed, and taken."""
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
    ]
    found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return tuple(int(found[name]) for name in names)  # type: ignore[return-value]


def test_a_message_hidden_by_a_clock_that_was_ahead_is_shown_again(
    url: str, clock: Clock, engine: Engine
) -> None:
    send(url)
    clock.now += 43_200
    receive(url, VisibilityTimeout=120)
    clock.now -= 43_200 - expiry_sweep.EVERY + 1
    assert bodies(url) == []

    clock.now += 1
    engine.sweep()

    assert bodies(url) == ["hello"]


def test_a_message_is_taken_hidden_and_removed(url: str, clock: Clock) -> None:
    name = send(url, "é")
    (message,) = receive(url)

    assert message["MessageId"] == name
    assert message["Body"] == "é"
    assert message["MD5OfBody"] == hashlib.md5("é".encode()).hexdigest()
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"]["SentTimestamp"] == str(int(clock.now * 1000))
    assert receive(url) == []
    client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    clock.now += 61
    assert receive(url) == []


def test_what_is_not_removed_in_time_comes_again_and_the_old_receipt_is_worth_nothing(
    url: str, clock: Clock
) -> None:
    send(url)
    (first,) = receive(url)
    clock.now += 61
    (second,) = receive(url)

    client("sqs").delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])

    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert second["Attributes"]["ApproximateFirstReceiveTimestamp"] == str(int((clock.now - 61) * 1000))
    clock.now += 61
    assert len(receive(url)) == 1


def test_a_delay_holds_a_message_back(url: str, clock: Clock) -> None:
    send(url, "later", DelaySeconds=30)
    send(url, "now")

    assert bodies(url) == ["now"]
    assert counts(url) == (0, 1, 1)
    clock.now += 31
    assert bodies(url) == ["later"]
    assert counts(url) == (0, 0, 2)


def test_a_queue_has_a_delay_of_its_own(sqs: Any, clock: Clock) -> None:
    url = sqs.create_queue(QueueName="slow", Attributes={"DelaySeconds": "10"})["QueueUrl"]
    send(url, "later")
    send(url, "now", DelaySeconds=0)

    assert bodies(url) == ["now"]


def test_hiding_is_prolonged_or_ended(url: str, clock: Clock) -> None:
    send(url)
    (message,) = receive(url)
    where = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}

    client("sqs").change_message_visibility(**where, VisibilityTimeout=600)
    clock.now += 100
    assert receive(url) == []
    client("sqs").change_message_visibility(**where, VisibilityTimeout=0)
    assert len(receive(url)) == 1
    clock.now += 100
    with pytest.raises(ClientError, match="not in flight"):
        client("sqs").change_message_visibility(**where, VisibilityTimeout=10)


def test_what_was_received_too_often_is_set_aside(sqs: Any, clock: Clock) -> None:
    aside = sqs.create_queue(QueueName="aside")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=aside, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    url = sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    name = send(url, "poison")
    send(url, "fine", DelaySeconds=65)

    for _ in range(2):
        assert bodies(url) == ["poison"]
        clock.now += 31
    clock.now += 10

    assert bodies(url) == ["fine"]
    (message,) = receive(aside)
    assert message["MessageId"] == name
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"]["DeadLetterQueueSourceArn"].endswith(":work")
    assert sqs.list_dead_letter_source_queues(QueueUrl=aside)["queueUrls"] == [url]


def test_messages_are_forgotten_after_the_queues_retention(sqs: Any, clock: Clock) -> None:
    url = sqs.create_queue(QueueName="brief", Attributes={"MessageRetentionPeriod": "60"})["QueueUrl"]
    send(url, "old")
    clock.now += 61
    send(url, "new")

    assert bodies(url) == ["new"]


def test_attributes_of_a_message_come_with_it_when_asked_for(url: str) -> None:
    attributes = {
        "text": {"DataType": "String", "StringValue": "x"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sent = client("sqs").send_message(
        QueueUrl=url, MessageBody="x", MessageAttributes=attributes, MessageGroupId="tenant"
    )

    (message,) = receive(url, MessageAttributeNames=["All"])

    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["MessageGroupId"] == "tenant"


def test_a_batch_does_what_it_can_and_says_what_it_could_not(url: str) -> None:
    entries = [
        {"Id": "good", "MessageBody": "x", "DelaySeconds": 5},
        {"Id": "bad", "MessageBody": "x", "DelaySeconds": 901},
    ]

    answer = client("sqs").send_message_batch(QueueUrl=url, Entries=entries)

    assert [one["Id"] for one in answer["Successful"]] == ["good"]
    assert [(one["Id"], one["Code"]) for one in answer["Failed"]] == [("bad", "InvalidParameterValue")]
    assert counts(url) == (0, 1, 0)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([{"Id": str(n), "MessageBody": "x"} for n in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "same", "MessageBody": "x"}] * 2, "BatchEntryIdsNotDistinct"),
        ([{"Id": "no spaces", "MessageBody": "x"}], "InvalidBatchEntryId"),
        ([{"Id": str(n), "MessageBody": "x" * 600_000} for n in range(2)], "BatchRequestTooLong"),
    ],
)
def test_a_batch_that_cannot_be_is_refused(url: str, entries: list[dict[str, Any]], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        client("sqs").send_message_batch(QueueUrl=url, Entries=entries)

    assert refused.value.response["Error"]["Code"] == f"AWS.SimpleQueueService.{code}"
    assert counts(url) == (0, 0, 0)


def test_batches_remove_and_prolong(url: str) -> None:
    for number in range(3):
        send(url, str(number))
    taken = receive(url)
    entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(taken)]
    wrong = {"Id": "wrong", "ReceiptHandle": "nonsense"}

    client("sqs").change_message_visibility_batch(
        QueueUrl=url, Entries=[{**entry, "VisibilityTimeout": 0} for entry in entries[:1]]
    )
    answer = client("sqs").delete_message_batch(QueueUrl=url, Entries=[*entries[1:], wrong])

    assert len(answer["Successful"]) == 2
    assert answer["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"
    assert counts(url) == (1, 0, 0)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"MessageBody": ""}, "MissingParameter"),
        ({"MessageBody": "x" * (1 << 20) + "x"}, "InvalidParameterValue"),
        ({"MessageBody": "\x00"}, "InvalidMessageContents"),
        ({"MessageBody": "x", "DelaySeconds": 901}, "InvalidParameterValue"),
        ({"MessageBody": "x", "MessageGroupId": "no spaces"}, "InvalidParameterValue"),
        ({"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "Float"}}}, "InvalidParameterValue"),
    ],
)
def test_a_message_that_cannot_be_is_refused(url: str, message: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        client("sqs").send_message(QueueUrl=url, **message)

    assert refused.value.response["Error"]["Code"] == code


def test_a_message_has_a_megabyte(url: str) -> None:
    send(url, "x" * (1 << 20))

    assert len(bodies(url)[0]) == 1 << 20


def test_queues_are_made_found_listed_purged_and_removed(sqs: Any, url: str) -> None:
    assert sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "60"})["QueueUrl"] == url
    with pytest.raises(ClientError, match="already exists with the same name"):
        sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "61"})
    assert sqs.get_queue_url(QueueName="work")["QueueUrl"] == url
    assert sqs.list_queues(QueueNamePrefix="wo")["QueueUrls"] == [url]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["VisibilityTimeout"] == "7"
    assert found["QueueArn"] == "arn:aws:sqs:us-east-1:000000000000:work"

    send(url)
    sqs.purge_queue(QueueUrl=url)
    assert counts(url) == (0, 0, 0)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="work")
    with pytest.raises(ClientError, match="does not exist"):
        send(url)


def test_fifo_queues_are_refused_by_name(sqs: Any) -> None:
    with pytest.raises(ClientError, match="does not know SQS FIFO queues"):
        sqs.create_queue(QueueName="a.fifo", Attributes={"FifoQueue": "true"})


LONGEST, AT_ONCE = 20, 10.0
"""Seconds of the longest poll there is; and less than those, whatever else the machine has to do."""


@pytest.fixture
def live(path: pathlib.Path) -> Any:
    """A queue of an engine with a clock that runs."""
    with Engine(path, synchronous="OFF"):
        yield client("sqs").create_queue(QueueName="work")["QueueUrl"]


def timed(url: str, wait: int) -> tuple[float, list[dict[str, Any]]]:
    began = time.monotonic()
    found = receive(url, WaitTimeSeconds=wait)
    return time.monotonic() - began, found


def test_a_long_poll_waits_and_gives_up(live: str) -> None:
    took, found = timed(live, 1)

    assert found == []
    assert 0.95 <= took < AT_ONCE


def test_a_long_poll_is_woken_by_a_thread_of_the_process(live: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_poll, "LOOK", LONGEST)  # nothing but the thread wakes it
    waiting, wait = threading.Event(), long_poll.Bell.wait

    def begin_to_wait(*asked: Any) -> None:
        waiting.set()
        wait(*asked)

    def send_once_it_waits() -> None:
        waiting.wait(LONGEST)
        send(live)

    monkeypatch.setattr(long_poll.Bell, "wait", begin_to_wait)
    sender = threading.Thread(target=send_once_it_waits)
    sender.start()

    took, found = timed(live, LONGEST)
    sender.join()

    assert len(found) == 1
    assert waiting.is_set()
    assert took < AT_ONCE


def test_a_long_poll_is_woken_when_a_delay_ends(live: str) -> None:
    sent = time.monotonic()
    send(live, DelaySeconds=1)

    _, found = timed(live, LONGEST)

    assert len(found) == 1
    assert 0.9 <= time.monotonic() - sent < AT_ONCE


def _send_from_elsewhere(path: pathlib.Path, url: str) -> None:
    with Engine(path, synchronous="OFF"):
        time.sleep(0.3)
        send(url, str(time.time()))


def test_a_long_poll_is_woken_by_another_process(live: str, path: pathlib.Path) -> None:
    other = multiprocessing.get_context("spawn").Process(target=_send_from_elsewhere, args=(path, live))
    other.start()

    while not (found := receive(live, WaitTimeSeconds=LONGEST)):
        assert other.is_alive(), "it sent nothing"
    late = time.time() - float(found[0]["Body"])
    other.join(20)

    assert late < AT_ONCE
    assert other.exitcode == 0


def test_no_message_is_taken_twice_by_many(live: str) -> None:
    for number in range(200):
        send(live, str(number))
    taken: list[str] = []

    def take() -> None:
        while found := receive(live):
            taken.extend(message["Body"] for message in found)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(int, taken)) == list(range(200))


def test_a_group_does_not_wait_behind_the_flood_of_another(url: str) -> None:
    for number in range(200):
        send(url, f"flood {number}", MessageGroupId="flood")
    send(url, "other", MessageGroupId="other")

    first, second = bodies(url), bodies(url)

    assert "other" in first + second
    assert [body for body in first if body != "other"][:3] == ["flood 0", "flood 1", "flood 2"]


def test_groups_have_their_turns_and_nothing_is_left(url: str) -> None:
    for number in range(30):
        send(url, f"{number}", MessageGroupId=f"group-{number % 15}")
    send(url, "none")

    received = [bodies(url) for _ in range(5)]

    assert sorted(itertools.chain(*received)) == sorted([*map(str, range(30)), "none"])
    assert len({int(body) % 15 for body in received[0] if body != "none"}) >= 9


def test_what_is_behind_many_groups_that_wait_is_found(url: str) -> None:
    for number in range(LOOKED_AT + 20):
        send(url, "later", MessageGroupId=f"a{number}", DelaySeconds=900)
    send(url, "now", MessageGroupId="z")

    assert bodies(url) == ["now"]

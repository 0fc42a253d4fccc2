"""The queues: what each carries, who handles it, and sending to it."""

import contextlib
import dataclasses
import datetime as dt
import functools
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import botocore.exceptions

from chalicelib.domain import messages
from chalicelib.domain.messages import Message
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import UTC
from chalicelib.infrastructure import logs
from chalicelib.infrastructure.aws import client
from chalicelib.settings import settings

LONGEST_DELAY = 900
BATCH = 10
"""Messages that one request can put on a queue."""

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Queue:
    """One queue; ``handler`` is the function of app.py that gets its messages, one at a time.

    ``timeout`` is the most that function may take, in seconds; ``carries`` are the kinds of its messages.
    """

    name: str
    handler: str
    timeout: int
    carries: messages.Kinds

    @property
    def visibility(self) -> int:
        """How long a message stays hidden once taken.

        AWS asks for six times the function's time-out; every handler begins with a compare-and-swap,
        so a message seen twice does nothing twice.
        """
        return min(6 * self.timeout, 43200)

    @property
    def full_name(self) -> str:
        return f"{settings().prefix}-{self.name}"


PLAN = Queue("plan", "plan_task", timeout=60, carries=messages.PLANNING)
RUNS = Queue("runs", "run", timeout=900, carries=messages.PERFORMING)
DELIVERIES = Queue("deliveries", "deliver", timeout=150, carries=messages.DELIVERING)
PEERS = Queue("peers", "ask_peers", timeout=90, carries=messages.ASKING)
"""All that has to wait for other nodes, so that nothing else waits behind it."""
QUEUES = (PLAN, RUNS, DELIVERIES, PEERS)


DEAD_LETTERS = "dead-letters"
ATTEMPTS = 5
"""How often a queue hands out a message whose handler fails, or ends the process, before it goes there."""


def create_queues() -> None:
    """Make the queues that are not there yet, and the one for what is given up."""
    sqs = client("sqs")
    where = sqs.create_queue(QueueName=f"{settings().prefix}-{DEAD_LETTERS}")["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=where, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": asked["Attributes"]["QueueArn"], "maxReceiveCount": str(ATTEMPTS)}
    for queue in QUEUES:
        attributes = {"VisibilityTimeout": str(queue.visibility)}
        url = sqs.create_queue(QueueName=queue.full_name, Attributes=attributes)["QueueUrl"]
        # By itself: a queue of an earlier version is there without.
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})


def dead_letters() -> int:
    """About how many messages were given up, and wait for somebody to look at them."""
    name = "ApproximateNumberOfMessages"
    url = _url(f"{settings().prefix}-{DEAD_LETTERS}")
    return int(client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def queue_url(name: str) -> str:
    """The address of a queue given by its short name."""
    full_name = next(queue.full_name for queue in QUEUES if queue.name == name)
    return _url(full_name)


@functools.cache
def _url(full_name: str) -> str:
    url: str = client("sqs").get_queue_url(QueueName=full_name)["QueueUrl"]
    return url


def forget_urls() -> None:
    """Look the addresses up again: the environment has changed."""
    _url.cache_clear()


def send(queue: Queue, message: Message, delay: dt.timedelta = dt.timedelta(0)) -> None:
    """Put a message on a queue, to be seen after a delay of at most 15 minutes."""
    client("sqs").send_message(QueueUrl=queue_url(queue.name), **_entry(message, delay))


def _entry(message: Message, delay: dt.timedelta) -> dict[str, JSON]:
    """A message as SQS takes it. Its lane is its message group: in a fair queue none waits behind another."""
    group = {"MessageGroupId": message.lane} if message.lane else {}
    seconds = min(max(0, int(delay.total_seconds())), LONGEST_DELAY)
    return {"MessageBody": _body(message), "DelaySeconds": seconds, **group}


def _body(message: Message) -> str:
    """A message's text, with the correlation id, which whoever reads it as a message leaves out."""
    correlation = {logs.CORRELATION: known} if (known := logs.correlation()) else {}
    return json.dumps({**messages.to_json(message), **correlation}, separators=(",", ":"))


def send_many(queue: Queue, outgoing: Sequence[tuple[Message, dt.timedelta]]) -> None:
    """Put messages with their delays on a queue, ten to a request.

    Raises RuntimeError when any was refused: the caller's own retry then sends them all again.
    """
    for first in range(0, len(outgoing), BATCH):
        _send_batch(queue, outgoing[first : first + BATCH])


def send_at(queue: Queue, outgoing: Sequence[tuple[Message, dt.datetime]]) -> None:
    """Put messages on a queue, each to be seen at an instant, ten to a request. Raises as ``send_many``.

    How long that is from now is reckoned when each ten is sent, not when somebody began to make them.
    """
    for first in range(0, len(outgoing), BATCH):
        now = dt.datetime.now(UTC)
        _send_batch(queue, [(message, moment - now) for message, moment in outgoing[first : first + BATCH]])


def _send_batch(queue: Queue, outgoing: Sequence[tuple[Message, dt.timedelta]]) -> None:
    entries = [{"Id": str(n), **_entry(message, delay)} for n, (message, delay) in enumerate(outgoing)]
    answer = client("sqs").send_message_batch(QueueUrl=queue_url(queue.name), Entries=entries)
    if answer.get("Failed"):
        raise RuntimeError(f"{len(answer['Failed'])} messages were refused by {queue.full_name}")


def announce(queue: Queue, outgoing: Sequence[tuple[Message, dt.timedelta]]) -> None:
    """Send what has been stored already and is found without a message, too, if later.

    A queue that does not answer is logged: what was stored is stored, and whoever asked for it hears so.
    """
    with _found_anyway(queue):
        send_many(queue, outgoing)


def announce_at(queue: Queue, outgoing: Sequence[tuple[Message, dt.datetime]]) -> None:
    """The same, each to be had at an instant."""
    with _found_anyway(queue):
        send_at(queue, outgoing)


@contextlib.contextmanager
def _found_anyway(queue: Queue) -> Iterator[None]:
    try:
        yield
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError, RuntimeError):
        LOG.warning("The queue %s took no message; a tick will find what is due", queue.name, exc_info=True)


@dataclasses.dataclass(frozen=True)
class Load:
    """About how many messages a queue holds: to be taken, held back, and being worked on."""

    waiting: int
    delayed: int
    under_way: int

    def describe(self) -> dict[str, JSON]:
        return {"waiting": self.waiting, "delayed": self.delayed, "under-way": self.under_way}


def load(queue: Queue) -> Load:
    """What a queue holds now, as SQS estimates it."""
    names = (
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
    )
    answer = client("sqs").get_queue_attributes(QueueUrl=queue_url(queue.name), AttributeNames=list(names))
    return Load(*(int(answer["Attributes"].get(name, 0)) for name in names))


def correlation(record: Any) -> str:
    """The correlation id of a message in an event, or a new one."""
    try:
        told = json.loads(record.body).get(logs.CORRELATION)
    except (ValueError, AttributeError):
        told = None
    return logs.correlation_of(told if isinstance(told, str) else None)


def received(queue: Queue, event: Iterable[Any]) -> list[Message]:
    """The messages in an event of a queue. Raises Invalid for what is none."""
    return [messages.from_json(queue.carries, json.loads(each.body), settings().node) for each in event]

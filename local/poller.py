"""How the messages of a queue are handed to its handler: received, parked in lanes, worked on, deleted.

A message is deleted soon after its handler returns; when it raises, the message stays and is seen again.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from local.environment import ACCOUNT, REGION
from local.gateway import Context
from local.handled import Handled
from local.message_lanes import Lanes, Message

_LOG = logging.getLogger(__name__)

WORKERS = {"plan": 2, "runs": 256, "peers": 64, "deliveries": 256}
"""Messages of a queue handled at a time, where it is not eight. Planning without other nodes waits for
nothing: more than two would only take turns with each other, and with the front."""
WIDEST = {"runs": 128, "deliveries": 4}
"""Of those, how many of one lane: of one requester, or to one destination."""
ELSEWHERE = 300
"""Seconds that a message of a lane which is full stays in its queue."""
MOST_AHEAD = 20_000
"""Messages of a queue with lanes that are taken before there is a worker for them."""
MOST_AT_ONCE = 10
"""Messages that one look gives."""
GATHER = 0.01
"""Seconds between two looks for messages, where the first found fewer than one look gives: each costs a write
of its own."""
_LONG_POLL = 1  # seconds; moto looks no more often than this, and a stop waits no longer
_LONGEST_BACK_OFF = 10.0

Handler = Callable[[dict[str, Any], Any], Any]


class Queue(Protocol):
    """What is read of a queue: see chalicelib.infrastructure.queues."""

    @property
    def name(self) -> str: ...
    @property
    def handler(self) -> str: ...
    @property
    def timeout(self) -> int: ...


class Poller:
    """Takes the messages of one queue and hands them to its workers, lane by lane.

    Of a queue with lanes more are taken than can be handled: what is behind those of a lane that hangs may
    be of another.
    """

    def __init__(self, queue: Queue, handler: Handler, url: str, sqs: Any, stopping: threading.Event):
        self.queue = queue
        self._handler = handler
        self._url = url
        self._sqs = sqs
        self._stopping = stopping
        workers = WORKERS.get(queue.name, 8)
        self._has_lanes = queue.name in WIDEST
        self._lanes = Lanes(workers, WIDEST.get(queue.name, workers))
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=f"work-{queue.name}")
        self._under_way: dict[str, str] = {}  # message id -> receipt handle
        self._handled = Handled(queue.name, url, sqs)
        self._changing = threading.Condition()

    def poll(self) -> None:
        """Receive and hand out until told to stop. Backs off while the emulator does not answer."""
        back_off = 0.1
        while not self._stopping.is_set():
            number = self._room()
            try:
                messages = self._receive(number) if number else []
                back_off = 0.1
            except Exception as error:  # whatever botocore raises: only stopping ends a poller
                _LOG.warning("Queue %s: %s; trying again.", self.queue.name, error)
                messages = []
                self._stopping.wait(back_off)
                back_off = min(2 * back_off, _LONGEST_BACK_OFF)
            doubled = [receipt for message in messages if (receipt := self._park(message))]
            self._hand_out()
            if doubled:
                self._handled.add(*doubled)
            if 0 < len(messages) < MOST_AT_ONCE:
                self._stopping.wait(GATHER)

    def wait(self, deadline: float) -> int:
        """Until all workers are idle or ``deadline`` (monotonic); then put back what is left.

        How many of those could not be put back.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        while self._under_way and time.monotonic() < deadline:
            time.sleep(0.05)
        self._handled.remove()
        with self._changing:
            left = [*self._under_way.values(), *(each["ReceiptHandle"] for each in self._lanes.left())]
        lost = 0
        for receipt in left:
            lost += not self._hide(receipt, 0)
        return lost

    def _room(self) -> int:
        """How many messages to receive at once; 0 when no room came for any within half a second."""
        with self._changing:
            self._changing.wait_for(lambda: self._free() > 0 or self._stopping.is_set(), 0.5)
            return max(0, min(MOST_AT_ONCE, self._free()))

    def _free(self) -> int:
        return (MOST_AHEAD if self._has_lanes else self._lanes.idle) - self._lanes.parked

    def _receive(self, number: int) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=number,
            WaitTimeSeconds=_LONG_POLL,
            AttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _park(self, message: Message) -> str | None:
        """Have a message wait for its turn, or hide it; the receipt of one that is to be deleted instead."""
        with self._changing:
            is_full = self._lanes.is_full(message)
            doubled = None if is_full else self._lanes.park(message)
        if is_full:
            self._hide(message["ReceiptHandle"], ELSEWHERE)
        return doubled["ReceiptHandle"] if doubled else None

    def _hide(self, receipt: str, seconds: int) -> bool:
        """Have a message be seen so many seconds from now; whether the queue took that."""
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds
            )
        except Exception as error:  # it comes back by itself, later
            _LOG.info("Queue %s: a message could not be put back: %s", self.queue.name, error)
            return False
        return True

    def _hand_out(self) -> None:
        """Give idle workers what they may take."""
        with self._changing:
            while not self._stopping.is_set() and (message := self._lanes.take()):
                self._under_way[message["MessageId"]] = message["ReceiptHandle"]
                try:
                    self._pool.submit(self._handle, message)
                except RuntimeError:  # stopped in the meantime; wait() puts it back
                    return

    def _handle(self, message: Message) -> None:
        try:
            context = Context(self.queue.handler, self.queue.timeout)
            self._handler(message_event(message, self.queue.name), context)
            handled = True
        except Exception:
            _LOG.exception("The handler %s failed; its message will be seen again.", self.queue.handler)
            handled = False
        finally:
            with self._changing:
                self._under_way.pop(message["MessageId"], None)
                self._lanes.done(message)
                self._changing.notify_all()
            self._hand_out()
        if handled:
            self._handled.add(message["ReceiptHandle"])


def message_event(message: Mapping[str, Any], queue: str) -> dict[str, Any]:
    """What Lambda is sent for one message as SQS's ReceiveMessage gives it."""
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
        "awsRegion": REGION,
    }
    return {"Records": [record]}

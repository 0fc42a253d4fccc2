"""What AWS does by itself, done by threads: the clocks tick, and the queues are handed to their handlers.

Handlers are called as Lambda calls them, through ``app.handler_map`` with real events. A message is
deleted soon after its handler returns; when it raises, the message stays and is seen again.
"""

import datetime as dt
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from local.environment import REGION
from local.gateway import Context
from local.handled import Handled
from local.lanes import Lanes, Message

_LOG = logging.getLogger(__name__)

TICKS = ("plan", "dispatch", "reap", "archive")
"""The scheduled handlers. AWS calls them every minute; here it is every PERIOD seconds."""
PERIOD = 15.0
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
_ACCOUNT = "000000000000"

Handler = Callable[[dict[str, Any], Any], Any]


class Queue(Protocol):
    """What is read of a queue: see chalicelib.infrastructure.queues."""

    @property
    def name(self) -> str: ...
    @property
    def handler(self) -> str: ...
    @property
    def timeout(self) -> int: ...


class Drivers:
    """The tickers and pollers of one app."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        queues: Iterable[Queue],
        url: Callable[[str], str],
        sqs: Any,
        period: float = PERIOD,
    ):
        self._stopping = threading.Event()
        self._pollers = [Poller(q, handlers[q.handler], url(q.name), sqs, self._stopping) for q in queues]
        self._threads = [
            threading.Thread(
                target=tick,
                args=(name, handlers[name], period, self._stopping),
                name=f"tick-{name}",
                daemon=True,
            )
            for name in TICKS
            if name in handlers
        ] + [
            threading.Thread(target=poller.poll, name=f"poll-{poller.queue.name}", daemon=True)
            for poller in self._pollers
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = 5.0) -> int:
        """Take no more work and give what is under way ``seconds`` to end.

        What has not ended by then is put back on its queue: the next start finishes or fails it. How many
        could not be put back is returned: they come back once their visibility time-out has passed.
        """
        self._stopping.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return sum(poller.wait(deadline) for poller in self._pollers)


def tick(name: str, handler: Handler, period: float, stopping: threading.Event) -> None:
    """Call a scheduled handler now and every ``period`` seconds until told to stop."""
    while not stopping.is_set():
        began = time.monotonic()
        try:
            handler(tick_event(name, dt.datetime.now(dt.timezone.utc)), Context(name, 60))
        except Exception:
            _LOG.exception("The %s tick failed and will be called again.", name)
        stopping.wait(max(0.0, period - (time.monotonic() - began)))


def tick_event(name: str, now: dt.datetime) -> dict[str, Any]:
    """What CloudWatch sends when a rule is due."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": _ACCOUNT,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{_ACCOUNT}:rule/{name}"],
        "detail": {},
    }


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
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{_ACCOUNT}:{queue}",
        "awsRegion": REGION,
    }
    return {"Records": [record]}


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

"""What AWS does by itself, done by threads: the clocks tick, and the queues are handed to their handlers.

Handlers are called as Lambda calls them, through ``app.handler_map`` with real events. How a queue is handed
out stands in ``poller.py``.
"""

import datetime as dt
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from local.environment import ACCOUNT, REGION
from local.gateway import Context
from local.poller import Handler, Poller, Queue

_LOG = logging.getLogger(__name__)

TICKS = ("plan", "dispatch", "reap", "archive")
"""The scheduled handlers. AWS calls them every minute; here it is every PERIOD seconds."""
PERIOD = 15.0


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
        "account": ACCOUNT,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"],
        "detail": {},
    }

"""Messages that were handled, removed from their queue together: one write for several that end at a time.

The first to be done with one waits a moment for others, and removes theirs too. A message whose process ends
before that comes again, which its handler is prepared for anyway.
"""

import collections
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

TOGETHER = 0.01
"""Seconds that the first waits for others."""
MOST = 10
"""Messages that one request removes."""

_LOG = logging.getLogger(__name__)


class Handled:
    """Those of one queue; for threads."""

    def __init__(self, name: str, url: str, sqs: Any):
        self._name, self._url, self._sqs = name, url, sqs
        self._receipts: collections.deque[str] = collections.deque()
        self._removing = threading.Lock()

    def add(self, *receipts: str) -> None:
        """Have messages removed, soon or by somebody who is at it."""
        self._receipts.extend(receipts)
        while self._receipts and self._removing.acquire(blocking=False):
            try:
                time.sleep(TOGETHER)
                self._remove_all()
            finally:
                self._removing.release()

    def remove(self) -> None:
        """Remove what is left now."""
        with self._removing:
            self._remove_all()

    def _remove_all(self) -> None:
        while some := [self._receipts.popleft() for _ in range(min(MOST, len(self._receipts)))]:
            self._remove(some)

    def _remove(self, receipts: Sequence[str]) -> None:
        entries = [{"Id": str(n), "ReceiptHandle": receipt} for n, receipt in enumerate(receipts)]
        try:
            failed = self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries).get("Failed")
        except Exception as error:  # they come again, and their handlers find nothing to do
            failed = error
        if failed:
            _LOG.info("Queue %s: messages could not be deleted: %s", self._name, failed)

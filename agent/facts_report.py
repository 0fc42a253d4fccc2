"""What the host can do, told to the coordinator when it changes."""

import logging
import threading
from collections.abc import Callable

from agent.coordinator_client import Client
from agent.failures import Backoff, Unanswered
from chalicelib.domain.host_facts import digest
from chalicelib.domain.schemas import JSON

LOG = logging.getLogger(__name__)
LOOK_EVERY = 60.0
"""Seconds between looks at the host."""


class Facts:
    """The facts of this host as last seen, and whether they are to be told."""

    def __init__(self, client: Client, gather: Callable[[], JSON]):
        self._client, self._gather = client, gather
        self._told: str | None = None
        self._wanted = threading.Event()
        self.digest: str | None = None

    def want(self) -> None:
        """The coordinator does not have them."""
        self._told = None
        self._wanted.set()

    def watch(self, stop: threading.Event) -> None:
        """Look, and tell what is new, until told to stop."""
        backoff = Backoff()
        while not stop.is_set():
            self._wanted.clear()
            wait = LOOK_EVERY
            try:
                self.look()
                backoff.reset()
            except Unanswered as error:
                LOG.warning("The facts of this host are not told: %s", error)
                wait = backoff.wait()
            self._wanted.wait(wait)

    def look(self) -> None:
        """Look at the host once, and tell if something is new. Raises Unanswered."""
        found = self._gather()
        self.digest = digest(found)
        if self.digest != self._told:
            self._client.facts(found)
            self._told = self.digest

"""Turns among the threads of a process, by name: for work that two can only do one after the other.

Nothing relies on them. They spare those who would be in each other's way from finding out when all is done.
"""

import contextlib
import threading
from collections.abc import Collection, Iterator

PATIENCE = 1.0
"""Seconds after which somebody goes ahead whose turn it is not."""


class Turns:
    """Who has which names; nobody waits with some of them in hand, so none wait for each other."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._changed = threading.Condition()
        self._taken: set[str] = set()

    @contextlib.contextmanager
    def of(self, names: Collection[str]) -> Iterator[bool]:
        """Have some names for oneself meanwhile, or after a while go ahead without.

        Yields whether somebody else had them first: what was read before that may have changed.
        """
        with self._changed:
            waits = not self._taken.isdisjoint(names)
            mine = self._changed.wait_for(lambda: self._taken.isdisjoint(names), self._patience)
            if mine:
                self._taken.update(names)
        try:
            yield waits
        finally:
            if mine:
                with self._changed:
                    self._taken.difference_update(names)
                    self._changed.notify_all()

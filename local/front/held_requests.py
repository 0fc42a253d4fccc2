"""Requests for what is not there yet: asked again when something happens to it, no worker held meanwhile."""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any

from chalicelib.store import changes, journal
from local.gateway import Wait

LOOK_EVERY = 0.5
"""Seconds after which something is asked for again, if nothing was heard of it and few wait."""
LOOKS_A_SECOND = 20.0
"""Looks a second in all, where many wait: changes made by another process are seen that much later."""
MOST_HEARD = 1000
"""Tasks whose last change is remembered: for as long as looking takes."""


class Waiting:
    """Those who wait, by the task they wait for something of."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop = loop
        self._lock = threading.Lock()
        self._by_task: dict[str, set[asyncio.Event]] = {}
        self._count = 0
        self._heard: OrderedDict[str, int] = OrderedDict()
        self._number = 0

    @property
    def number(self) -> int:
        """How many changes were heard of: to be read before looking, and given to ``until``."""
        return self._number

    def listen(self) -> None:
        """Hear of changes from now on, and have a journal kept of them."""
        changes.listen(self._changed)
        journal.keep()

    def close(self) -> None:
        changes.forget(self._changed)

    async def until(self, wait: Wait, looked_at: int, hung_up: Coroutine[Any, Any, None]) -> None:
        """Until something may have changed since a look, or the time is up. Raises what ``hung_up`` does."""
        changed = asyncio.Event()
        with self._lock:
            if self._heard.get(wait.task, 0) > looked_at:
                changed.set()  # while it was looked at
            self._by_task.setdefault(wait.task, set()).add(changed)
            self._count += 1
        gone = asyncio.ensure_future(hung_up)
        news = asyncio.ensure_future(changed.wait())
        try:
            left = max(0.0, wait.until - time.time())
            pause = min(left, max(LOOK_EVERY, self._count / LOOKS_A_SECOND))
            done, _ = await asyncio.wait({gone, news}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if gone in done:
                gone.result()
        finally:
            gone.cancel()
            news.cancel()
            with self._lock:
                self._count -= 1
                self._by_task[wait.task].discard(changed)
                if not self._by_task[wait.task]:
                    del self._by_task[wait.task]

    def _changed(self, task: str) -> None:
        """Something happened to a task or a run of it; called by whatever thread did it."""
        with self._lock:
            self._number += 1
            self._heard[task] = self._number
            self._heard.move_to_end(task)
            if len(self._heard) > MOST_HEARD:
                self._heard.popitem(last=False)
            known = list(self._by_task.get(task, ()))
        for event in known:
            try:
                self._loop.call_soon_threadsafe(event.set)
            except RuntimeError:
                return  # the loop has stopped

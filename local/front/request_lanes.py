"""Workers in lanes: what waits in one lane keeps nobody waiting in another, and no client has a lane alone.

A lane belongs to one event loop; only the work itself happens in threads.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class Busy(Exception):
    """A lane has too much to do: ask again a little later."""


class Lane:
    """So many workers, of which one client has at most ``share``. Clients with work waiting take turns.

    Of a client ``waiting`` calls may wait for a worker, each for ``patience`` seconds.
    """

    def __init__(self, name: str, workers: int, share: int, waiting: int = 256, patience: float = 10.0):
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=f"front-{name}")
        self._free, self._share, self._waiting, self._patience = workers, share, waiting, patience
        self._busy: Counter[str] = Counter()
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def run(self, client: str, work: Callable[[], Result]) -> Result:
        """Do some work for a client in a worker. Raises Busy, and what the work raises."""
        await self._turn(client)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._done(client)

    def close(self) -> None:
        """Take no more work; what is under way goes on by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, client: str) -> None:
        if self._free and self._busy[client] < self._share and client not in self._queues:
            self._take(client)
            return
        queue = self._queues.setdefault(client, deque())
        if len(queue) >= self._waiting:
            raise Busy
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await asyncio.wait_for(turn, self._patience)
        except asyncio.TimeoutError:
            raise Busy from None
        finally:
            if turn in queue:
                queue.remove(turn)
            if not queue and self._queues.get(client) is queue:
                del self._queues[client]

    def _take(self, client: str) -> None:
        self._free -= 1
        self._busy[client] += 1

    def _done(self, client: str) -> None:
        self._free += 1
        self._busy[client] -= 1
        if not self._busy[client]:
            del self._busy[client]
        self._hand_on()

    def _hand_on(self) -> None:
        """Give free workers to the clients that wait, one each in turn."""
        for _ in range(len(self._queues) if self._free else 0):
            client = next(iter(self._queues))
            self._queues.move_to_end(client)
            if self._busy[client] < self._share and self._wake(client):
                self._take(client)
                if not self._free:
                    return

    def _wake(self, client: str) -> bool:
        queue = self._queues[client]
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return True
        return False

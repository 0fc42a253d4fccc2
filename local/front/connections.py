"""All connections of the front: how many there may be, whose, and how long each may take for what it does.

A new connection is always let in as long as an idle one can be closed for it: the longest idle one of the
client that has most. So whoever holds connections loses them, and nobody else waits.
"""

import functools
import ipaddress
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

IDLE, HEAD, BODY, WORK = "idle", "head", "body", "work"
"""What a connection does: nothing; send a request's head, then its body; wait for the answer or read it."""
DEADLINES = {IDLE: 65.0, HEAD: 10.0, BODY: 20.0}
"""Seconds a connection may stay in a state. A body gets more as it comes: see SLOWEST."""
FIRST = 15.0
"""Seconds until a new connection has to send something."""
SLOWEST = 16 * 1024
"""Bytes a second that a body must come in at, and a client read its answer at, on average."""
UNREAD = 30.0
"""Seconds after which an answer of which nothing was read is given up."""
HELD_UP = 3.0
"""Seconds between two sweeps, a second apart, that say that it was the node which took too long."""


class Held(Protocol):
    """A connection, as it is kept count of."""

    state: str
    since: float
    owner: str

    def close_now(self) -> None: ...
    def time_out(self) -> None: ...
    def is_overdue(self, now: float) -> bool: ...


class Connections:
    """The connections there are: at most ``most``, and of one client ``most_of_one``."""

    def __init__(
        self, most: int, most_of_one: int | None = None, clock: Callable[[], float] = time.monotonic
    ):
        self.most = most
        self.most_of_one = most_of_one or max(1, most * 3 // 4)
        self.clock = clock
        self.closed: Counter[str] = Counter()
        self._by_owner: dict[str, dict[Held, None]] = {}
        self._count = 0
        self._swept = clock()

    def __len__(self) -> int:
        return self._count

    def admit(self, connection: Held) -> bool:
        """Count a connection in, closing an idle one where there are too many. False where there is none."""
        if len(self._by_owner.get(connection.owner, ())) >= self.most_of_one:
            if not self._close_idle(connection.owner):
                return self._refuse()
        elif self._count >= self.most and not self._close_any_idle():
            return self._refuse()
        self._by_owner.setdefault(connection.owner, {})[connection] = None
        self._count += 1
        return True

    def _refuse(self) -> bool:
        self.closed["refused"] += 1
        return False

    def drop(self, connection: Held) -> None:
        """Count a connection out; one that is not counted stays so."""
        of_owner = self._by_owner.get(connection.owner, {})
        if connection in of_owner:
            del of_owner[connection]
            self._count -= 1
            if not of_owner:
                del self._by_owner[connection.owner]

    def entered(self, connection: Held, state: str) -> None:
        """A connection does something else now: it is the last of its client's to be closed for others."""
        connection.state, connection.since = state, self.clock()
        of_owner = self._by_owner.get(connection.owner, {})
        if connection in of_owner:
            del of_owner[connection]
            of_owner[connection] = None

    def _close_any_idle(self) -> bool:
        by_number = sorted(self._by_owner, key=lambda owner: len(self._by_owner[owner]), reverse=True)
        return any(self._close_idle(owner) for owner in by_number[:8])

    def _close_idle(self, owner: str) -> bool:
        for connection in self._by_owner[owner]:
            if connection.state in (IDLE, HEAD):
                self.closed["for others"] += 1
                connection.close_now()
                self.drop(connection)
                return True
        return False

    def close_one(self) -> None:
        """Close the connection that is missed least, for want of descriptors."""
        self._close_any_idle()

    def sweep(self) -> None:
        """Close what takes too long.

        After a pause of the node itself nothing is closed: what came meanwhile has to be read first.
        """
        now = self.clock()
        was_held_up, self._swept = now - self._swept > HELD_UP, now
        if was_held_up:
            return
        late = [held for of_owner in self._by_owner.values() for held in of_owner if held.is_overdue(now)]
        for connection in late:
            self.closed["overdue"] += 1
            connection.time_out()
            self.drop(connection)

    def everybody(self) -> list[Held]:
        return [held for of_owner in self._by_owner.values() for held in of_owner]


@functools.lru_cache(maxsize=4096)
def counted_as(address: str) -> str:
    """Whose connections are counted together: an address, or the /64 that one user of IPv6 has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))

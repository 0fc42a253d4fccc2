"""How often an agent may ask: so much at once, and so many a second, reckoned by each process for itself."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from chalicelib.domain.errors import TooMany
from chalicelib.domain.names import NodeName

A_SECOND, AT_ONCE = 50.0, 500.0
MOST_KNOWN = 20_000

_left: OrderedDict[NodeName, tuple[float, float]] = OrderedDict()
_lock = threading.Lock()


def require(node: NodeName, clock: Callable[[], float] = time.monotonic) -> None:
    """Count one request of a node's agent. Raises TooMany."""
    now = clock()
    with _lock:
        before, left = _left.pop(node, (now, AT_ONCE))
        left = min(AT_ONCE, left + (now - before) * A_SECOND)
        _left[node] = now, max(0.0, left - 1)
        while len(_left) > MOST_KNOWN:
            _left.popitem(last=False)
    if left < 1:
        raise TooMany(f"An agent may make {A_SECOND:.0f} requests a second; try again in a second")


def forget() -> None:
    with _lock:
        _left.clear()

"""moto, the AWS emulator in the process, made safe for threads.

moto's DynamoDB is not atomic: of transactions racing on one item, several win. One lock around the
place where it handles a request repairs that; every use of moto here goes through this module.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any

import moto
from moto.dynamodb.responses import DynamoHandler

_LOCK = threading.RLock()


def install_lock() -> None:
    """Let moto handle one DynamoDB request at a time, from now on. Does nothing the second time."""
    handle: Callable[..., Any] = DynamoHandler.call_action
    if getattr(handle, "one_at_a_time", False):
        return

    @functools.wraps(handle)
    def one_at_a_time(self: DynamoHandler) -> Any:
        with _LOCK:
            return handle(self)

    one_at_a_time.one_at_a_time = True  # type: ignore[attr-defined]
    DynamoHandler.call_action = one_at_a_time  # type: ignore[method-assign]


def mocked() -> Any:
    """A context manager (with ``start()`` and ``stop()``) inside which all of AWS is moto.

    Clients must be made inside it, and no endpoint may be set in the environment.
    """
    install_lock()
    return moto.mock_aws()

"""What contexts ask of Linux beyond what Python offers; all of it acts on the calling thread alone.

Threads and processes that a thread starts inherit its namespaces and its control group; its other
threads, and the node, do not notice.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

from chalicelib.domain.schemas import JSON, MESSAGE, closed, pattern
from chalicelib.domain.types import TYPES
from plugins.sdk.jobs import PluginFailed

NAME = pattern("[^/\0]+", "{value!r} is not a name: it must not be empty, nor contain a slash or a NUL")
THREAD = "/proc/thread-self"

_NEEDS_LINUX = {"not": {}, MESSAGE: "This context needs Linux, which this node does not run on"}


def settings(member: str, platform: str = sys.platform) -> dict[str, JSON]:
    """The schema of a context's data, one name in it; where this is no Linux all data is invalid."""
    if platform != "linux":
        return _NEEDS_LINUX
    return closed({"schema": TYPES["Cardinal"], member: NAME}, required=(member,))


def call(function: str, *arguments: JSON) -> int:
    """Call a function of the C library. Raises OSError as it reports it."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    answer: int = getattr(library, function)(*arguments)
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer


@contextlib.contextmanager
def refused_as(what: str) -> Iterator[None]:
    """Turn what the system refuses into a PluginFailed that says why."""
    try:
        yield
    except PermissionError as error:
        raise PluginFailed(f"{what}: the node's user lacks the privileges", str(error)) from error
    except (AttributeError, OSError) as error:  # AttributeError: no such function here
        raise PluginFailed(f"{what}: {getattr(error, 'strerror', '') or error}", str(error)) from error

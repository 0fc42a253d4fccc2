"""The node's empty tables, queues and bucket in moto, put back for each test instead of made again.

Making them takes twenty requests, 70 ms of processor time; putting back copies takes one. It reaches into
moto's backends, which is why moto's version is pinned.
"""

import copy
import threading
from collections.abc import Callable
from typing import Any

from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from chalicelib.settings import settings

_HELD = {"dynamodb": "tables", "sqs": "queues", "s3": "buckets"}
"""What of each service's backend is kept."""
_Content = dict[tuple[str, str], Any]


def create_everything(create: Callable[[], None]) -> None:
    """Have an empty moto hold what ``create`` makes, which is called once for each set of names."""
    names = (settings().prefix, settings().bucket)
    if names not in _kept:
        create()
        _kept[names] = _copied(_content())
        return
    for (service, region), value in _copied(_kept[names]).items():
        setattr(get_backend(service)[DEFAULT_ACCOUNT_ID][region], _HELD[service], value)  # type: ignore[call-overload]
        if service == "s3":
            s3_backends.bucket_accounts.update(dict.fromkeys(value, (region, DEFAULT_ACCOUNT_ID)))


_kept: dict[tuple[str, str], _Content] = {}


def _content() -> _Content:
    return {
        (service, region): getattr(backend, held)
        for service, held in _HELD.items()
        for region, backend in get_backend(service)[DEFAULT_ACCOUNT_ID].items()  # type: ignore[call-overload]
        if getattr(backend, held)
    }


def _copied(content: _Content) -> _Content:
    """A copy that shares nothing but with itself: a queue knows its dead-letter queue as an object."""
    queues = [
        queue for (service, _), found in content.items() if service == "sqs" for queue in found.values()
    ]
    fresh_locks = {id(queue._messages_lock): threading.Condition() for queue in queues}
    return copy.deepcopy(content, fresh_locks)
